"""restore.sh when something is wrong: it says what, does not guess, and leaves all as it was."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from dataclasses import replace

import pytest

from bck_adapters.testkit.lacking import need_ordinary_user
from bckcore.domain.act import ActKind
from bckcore.domain.ids import ProfileId, RunId
from tests.support.house import DOCS, PC
from tests.support.small_store import REF, SOURCE, Small, T
from tests.support.worlds import differences, world_of_folder

OPEN_RUN = RunId("20990101T000000Z-00000001")
pytestmark = pytest.mark.integration


@pytest.fixture
def small(roomy_dir) -> Small:
    return Small(roomy_dir).live()


# --- harm in the storage ----------------------------------------------------------------------------


@pytest.mark.parametrize("harm", ["cut", "flip", "empty", "gone", "other"])
def test_a_damaged_list_is_named_and_nothing_is_written(small, harm):
    place = small.books / "000001.tsv.gz"
    whole = place.read_bytes()
    if harm == "gone":
        place.unlink()
    else:
        harmed = {"cut": whole[:-9], "flip": whole[:40] + bytes([whole[40] ^ 1]) + whole[41:], "empty": b""}
        place.write_bytes(harmed.get(harm, b"no gzip"))
    assert "000001.tsv.gz" in small.refused("pc1", "docs", "2", small.to)
    os.unlink(small.books / "000001.json")  # with it goes the digest; gzip still knows
    if harm in ("cut", "flip"):
        assert "000001" in small.refused("pc1", "docs", "2", small.to)


@pytest.mark.parametrize(
    "line",
    [
        "+\tdocs\t../x\tf\t644\t0\t0\t0\t5\t\t",
        "+\tdocs\t/etc/x\tf\t644\t0\t0\t0\t5\t\t",
        "+\tdocs\ta/%2E%2E/x\tf\t644\t0\t0\t0\t5\t\t",
        "+\tdocs\ta%2Fx\tf\t644\t0\t0\t0\t5\t\t",
        "+\tdocs\ta%00\tf\t644\t0\t0\t0\t5\t\t",
        "+\tdocs\ta%\tf\t644\t0\t0\t0\t5\t\t",
        "+\t..\ta\tf\t644\t0\t0\t0\t5\t\t",
        "+\tdocs\ta\tf\t644;id\t0\t0\t0\t5\t\t",
        "+\tdocs\ta\tf\t644\t0\t0\t$(id)\t5\t\t",
        "+\tdocs\ta\tf\t644",
        "",
    ],
)
def test_a_list_that_would_lead_out_is_refused(small, line):
    small.rewrite(2, line)
    assert "no restore may follow" in small.refused("pc1", "docs", "2", small.to)


def test_a_path_below_a_link_does_not_lead_out(small):
    outside = small.folder / "outside"
    outside.mkdir()
    target = str(outside).replace(" ", "%20")
    small.rewrite(
        2,
        f"+\tdocs\tway\tl\t777\t0\t0\t0\t0\t\t{target}",
        "+\tdocs\tway/a\tf\t644\t0\t0\t0\t5\t\t",
    )
    (small.current / "way").mkdir()
    (small.current / "way" / "a").write_bytes(b"first")
    os.utime(small.current / "way" / "a", ns=(0, 0))
    assert small.script.run("pc1", "docs", "2", small.to).returncode == 1
    assert list(outside.iterdir()) == []
    assert not (small.to / SOURCE / "way").is_symlink()


def test_missing_and_changed_bytes_are_named_and_the_rest_comes_back(small):
    (small.current / "new").unlink()
    (small.current / "a").write_bytes(b"longer than it was")
    os.symlink("/etc/passwd", small.current / "x")
    os.replace(small.current / "x", small.current / "d" / os.fsdecode(b"caf\xe9\n"))
    ended = small.script.run("pc1", "docs", "3", small.to)
    assert ended.returncode == 1
    assert "docs/new: the storage holds no bytes" in ended.stderr
    assert "docs/a: the stored file has 18 bytes; it had 6" in ended.stderr
    assert "docs/d/caf%E9%0A: what is stored is not a plain file" in ended.stderr
    left = small.expected[3].keys() - {b"new", b"a", b"d/caf\xe9\n"}
    expected = {path: small.expected[3][path] for path in left}
    assert differences(expected, world_of_folder(small.to / SOURCE)) == []


@pytest.mark.parametrize("lost", [2, 3])
def test_another_versions_bytes_are_never_restored(roomy_dir, lost):
    small = Small(roomy_dir)
    for number in range(1, 4):
        small.docs.write(b"d/odd\n name", b"bytes %d" % number, T + number)
        small.docs.write(b"other", b"%d" % number, T + number)
        small.back_up()
    run = small.house.points()[lost - 1].run_id
    small.assert_restores(1, 2, 3)
    (small.root / ".history" / run / PC / DOCS / SOURCE / "d" / "odd\n name").unlink()
    ended = small.script.run("pc1", "docs", str(lost - 1), small.to)
    assert ended.returncode == 1
    assert "docs/d/odd%0A name: what is stored in its place is of another time" in ended.stderr
    left = {path: one for path, one in small.expected[lost - 1].items() if path != b"d/odd\n name"}
    assert differences(left, world_of_folder(small.to / SOURCE)) == []


@pytest.mark.parametrize("seconds", [0, 1, 0.5, 1_700_000_000.123])
def test_a_time_before_1970_is_no_other_time(roomy_dir, seconds):
    small = Small(roomy_dir)
    small.docs.write(b"old", b"old", -int(seconds * 1_000_000_000))
    small.back_up()
    small.assert_restores(1)


def test_a_time_that_was_set_in_place_is_that_of_the_same_bytes(small):
    """Two states of one content, stored once: the lists tell, also that of a run after the point."""
    small.docs.touch(b"a", T + 50)
    small.back_up()
    run = small.house.points()[-1].run_id
    (small.root / ".history" / run / PC / DOCS / SOURCE / "a").unlink()
    small.assert_restores(3, 4)
    os.utime(small.current / "a", ns=(T + 51, T + 51))
    assert (
        "docs/a: what is stored in its place is of another time"
        in small.script.run("pc1", "docs", "4", small.to).stderr
    )


def test_what_was_forgotten_is_said_and_never_mixed_up_with_what_came_later(small):
    small.act(ActKind.FORGET, path=b"d")
    shutil.rmtree(small.current / "d")
    small.docs.write(b"d/x", b"DEEP", T)
    small.back_up()
    ended = small.script.run("pc1", "docs", "1", small.to)
    assert ended.returncode == 0
    assert "docs/d/x: forgotten on purpose" in ended.stderr
    assert set(world_of_folder(small.to / SOURCE)) == {b".", b"a", b"l"}
    assert "forgotten" in small.refused("pc1", "docs", "2", small.folder / "other", "docs/d")


def test_a_damaged_act_is_named(small):
    small.act(ActKind.PRUNE, points=(1,))
    (small.books / "act-000001.json").write_text("{}")
    assert "act-000001.json is damaged" in small.script.run("pc1", "docs").stderr
    assert small.script.run("pc1", "docs", "2", small.to).returncode == 1
    assert differences(small.expected[2], world_of_folder(small.to / SOURCE)) == []


def test_a_damaged_receipt_is_named_and_its_run_still_counts(small):
    (small.books / "000002.json").write_text("{}")
    ended = small.script.run("pc1", "docs", "1", small.to)
    assert ended.returncode == 1
    assert "000002.json is damaged" in ended.stderr
    assert differences(small.expected[1], world_of_folder(small.to / SOURCE)) == []


# --- a run that was cut off -------------------------------------------------------------------------


@pytest.mark.parametrize("folded", [False, True], ids=["displaced", "folded"])
def test_what_a_run_without_receipt_displaced_is_found(small, folded):
    for content in (b"never seen 1", b"never seen 2"):
        attempt = small.house.storage.begin_attempt(REF, OPEN_RUN, SOURCE)
        os.replace(small.current / "a", attempt.displaced_dir / "a")
        (small.current / "a").write_bytes(content)
        if folded:
            small.house.storage.keep_displaced(attempt)
    small.assert_restores(1, 2, 3)


def test_an_attempt_of_another_profile_is_not_mixed_in(small):
    other = replace(REF, profile=ProfileId("other"))
    attempt = small.house.storage.begin_attempt(other, OPEN_RUN, SOURCE)
    (attempt.displaced_dir / "a").write_bytes(b"others")
    small.assert_restores(3)


def test_an_unreadable_part_of_the_history_is_no_reason_to_guess(small):
    need_ordinary_user()
    increment = next((small.root / ".history").iterdir()) / PC / DOCS / SOURCE
    increment.chmod(0)
    ended = small.script.run("pc1", "docs", "1", small.to)
    increment.chmod(0o700)
    assert ended.returncode == 1
    assert "cannot be read" in ended.stderr
    assert not small.to.exists()


# --- no room left -----------------------------------------------------------------------------------


def test_a_full_disk_stops_it_and_leaves_no_half_file(small, small_fs):
    small.docs.write(b"big", b"b" * 3_000_000, T)
    small.back_up()
    with suppress(OSError), open(small_fs / "filler", "wb", buffering=0) as filler:
        while os.statvfs(small_fs).f_bavail * os.statvfs(small_fs).f_bsize > 1_000_000:
            filler.write(b"f" * 100_000)
    ended = small.script.run("pc1", "docs", "latest", small_fs / "to")
    assert ended.returncode == 1
    assert "space" in ended.stderr
    found = world_of_folder(small_fs / "to" / SOURCE)
    assert b"big" not in found
    for path, thing in found.items():
        if thing.kind == "f":
            assert thing.data == small.expected[4][path].data


# --- a storage that was copied about ----------------------------------------------------------------


def test_times_come_from_the_lists_where_a_copy_of_the_storage_lost_them(small):
    """A person must say that it is one: what has another time may be what a run brought that then failed."""
    for place in (small.current / "a", small.current / "d"):
        os.utime(place, ns=(7, 7))
    ended = small.script.run("pc1", "docs", "2", small.to)
    assert (ended.returncode, ended.stderr.count("another time")) == (1, 1)
    small.script.env["ANY_TIME"] = "yes"
    small.assert_restores(1, 2, 3)


def test_even_then_the_time_of_another_version_is_no_lost_one(small):
    small.docs.write(b"a", b"SECOND", T + 5)
    small.back_up()
    run = small.house.points()[-1].run_id
    (small.root / ".history" / run / PC / DOCS / SOURCE / "a").unlink()
    small.script.env["ANY_TIME"] = "yes"
    assert "docs/a: what is stored" in small.script.run("pc1", "docs", "2", small.to).stderr
    assert not (small.to / SOURCE / "a").exists()


def test_a_storage_that_cannot_be_written_will_do(small):
    before = {place: place.stat().st_mode for place in small.root.rglob("*") if place.is_dir()}
    for place in (*before, small.root):
        place.chmod(0o500)
    small.assert_restores(1, 2, 3)
    for place in (small.root, *before):
        place.chmod(0o700)


def test_a_path_too_long_for_the_tools_is_named_and_the_rest_comes_back(small):
    deep = b"/".join([b"n" * 250] * 15)
    small.docs.write(deep + b"/f", b"far down", T)
    small.back_up()
    small.assert_restores(4)
    to = small.folder / ("m" * 200) / ("m" * 200)
    ended = small.script.run("pc1", "docs", "4", to)
    assert ended.returncode == 1
    assert "File name too long" in ended.stderr
    assert (to / SOURCE / "a").read_bytes() == b"second"
