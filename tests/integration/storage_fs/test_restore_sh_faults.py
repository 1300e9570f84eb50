"""restore.sh when something is wrong: it says what, does not guess, and leaves all as it was."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from bck_adapters.memory.hosts import MemoryHost
from bck_adapters.memory.transport import MemoryTransport
from bckcore.domain.act import Act, ActKind
from bckcore.domain.ids import RunId, SourceName
from bckcore.domain.paths import RelPath
from bckcore.domain.run import ProfileRef
from tests.support.house import DOCS, PC, House
from tests.support.restoring import RestoreScript, bare_path
from tests.support.worlds import World, differences, world_of_folder, world_of_memory

pytestmark = pytest.mark.integration

REF = ProfileRef(host=PC, profile=DOCS)
SOURCE = SourceName("docs")
T = 1_700_000_000_123_456_789
OPEN_RUN = RunId("20990101T000000Z-00000001")


class Small:
    """A small store with three points, its script, and what each point must give."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = folder / "the store"
        host = MemoryHost()
        self.docs = host.source("/home/u/docs")
        self.house = House(self.root, MemoryTransport({PC: host}))
        self.script = RestoreScript(self.root, bare_path(folder / "bin"))
        self.expected: dict[int, World] = {}
        self.to = folder / "to"
        self.books = self.root / ".receipts" / PC / DOCS
        self.current = self.root / "current" / PC / DOCS / SOURCE

    def live(self) -> Small:
        """Three runs, each with a point."""
        self.docs.write(b"a", b"first", T)
        self.docs.write(b"d/x", b"deep", T)
        self.docs.write(b"d/caf\xe9\n", b"odd", T)
        self.docs.symlink(b"l", b"a", T)
        self.back_up()
        self.docs.write(b"a", b"second", T + 1)
        self.back_up()
        self.docs.delete(b"d/x")
        self.docs.write(b"new", b"n", T)
        self.back_up()
        return self

    def back_up(self) -> None:
        run = self.house.back_up()
        assert run.made_point
        self.expected[run.seq] = world_of_memory(self.docs)

    def assert_restores(self, *points: int) -> None:
        for seq in points:
            to = self.script.restore(seq, self.folder / f"back{seq}")
            assert differences(self.expected[seq], world_of_folder(to / SOURCE)) == []

    def refused(self, *arguments: str | bytes | Path, status: int = 1) -> str:
        """What it says; neither the storage nor the goal may have changed."""
        before, goal = world_of_folder(self.root), self.to.exists() and world_of_folder(self.to)
        ended = self.script.run(*arguments)
        assert ended.returncode == status, ended.stderr
        assert differences(before, world_of_folder(self.root)) == []
        assert (self.to.exists() and world_of_folder(self.to)) == goal
        return ended.stderr

    def act(self, kind: ActKind, *, points: tuple[int, ...] = (), path: bytes = b"") -> None:
        """Write an act as the program does."""
        acts = list(self.house.storage.acts(REF))
        self.house.storage.write_act(
            Act(
                profile=DOCS,
                host=PC,
                number=len(acts) + 1,
                kind=kind,
                at=datetime(2026, 1, 9, tzinfo=UTC),
                by="maria",
                reason='to test: "points": "1 2 3"',
                after_seq=max(self.expected),
                points=points,
                paths=((SOURCE, RelPath(path)),) if path else (),
                previous=acts[-1][1] if acts else "",
            )
        )

    def rewrite(self, seq: int, *lines: str) -> None:
        """Put another manifest in place, and its digest into the receipt."""
        place = self.books / f"{seq:06d}.tsv.gz"
        head = gzip.decompress(place.read_bytes()).splitlines(keepends=True)[0]
        place.write_bytes(gzip.compress(head + "".join(f"{line}\n" for line in lines).encode()))
        receipt = self.books / f"{seq:06d}.json"
        document = json.loads(receipt.read_text())
        document["manifest"]["sha256"] = sha256(place.read_bytes()).hexdigest()
        receipt.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")


@pytest.fixture
def small(roomy_dir) -> Small:
    return Small(roomy_dir).live()


# --- asking -----------------------------------------------------------------------------------------


def test_without_arguments_it_says_how_and_lists_the_profiles(small):
    for arguments in ((), ("-h",), ("--help",)):
        ended = small.script.run(*arguments)
        assert (ended.returncode, ended.stderr) == (0, "")
        assert "Usage:" in ended.stdout
        assert "Uso:" in ended.stdout
        assert "  pc1 docs\n" in ended.stdout


def test_points_are_listed_with_what_became_of_them(small):
    small.act(ActKind.HOLD, points=(2,))
    small.act(ActKind.PRUNE, points=(1,))
    ended = small.script.run("pc1", "docs")
    assert (ended.returncode, ended.stderr) == (0, "")
    rows = [line.split() for line in ended.stdout.splitlines()[1:]]
    runs = [run_id.run_id for run_id in small.house.points()]
    assert [(row[0], row[1], row[3], row[4]) for row in rows] == [
        ("1", runs[0], "succeeded", "gone"),
        ("2", runs[1], "succeeded", "kept"),
        ("3", runs[2], "succeeded", "kept"),
    ]


@pytest.mark.parametrize("wrong", [("pc1",), ("pc1", "docs", "1"), ("pc1", "docs", "1", ""), ("a",) * 6])
def test_wrong_use_shows_the_usage(small, wrong):
    assert "Usage:" in small.refused(*wrong, status=2)


@pytest.mark.parametrize("part", ["../docs", "docs/../x", "/etc", "docs//a", "docs/./a", ".."])
def test_a_part_that_is_none_is_wrong_use(small, part):
    small.refused("pc1", "docs", "1", small.to, part, status=2)


@pytest.mark.parametrize(
    "names", [("pc2", "docs"), ("pc1", "x"), ("..", "pc1"), ("", ""), ("pc1", "docs/..")]
)
def test_an_unknown_profile_is_refused(small, names):
    assert "pc1 docs" in small.script.run(*names).stdout + small.refused(*names)
    small.refused(*names, "latest", small.to)


@pytest.mark.parametrize("point", ["4", "0", "-1", "x", "", "*", "1 2", "20990101T000000Z-00000001"])
def test_an_unknown_point_is_refused(small, point):
    assert "no restore point" in small.refused("pc1", "docs", point, small.to)


def test_a_point_that_was_given_up_is_refused_and_latest_passes_over_it(small):
    small.act(ActKind.PRUNE, points=(1, 3))
    assert "given up" in small.refused("pc1", "docs", "3", small.to)
    assert "given up" in small.refused("pc1", "docs", small.house.points()[0].run_id, small.to)
    to = small.script.restore("latest", small.to)
    assert differences(small.expected[2], world_of_folder(to / SOURCE)) == []


# --- where to ---------------------------------------------------------------------------------------


def test_only_a_new_or_empty_folder_is_taken(small):
    small.to.mkdir()
    (small.to / "\n").touch()
    assert "not empty" in small.refused("pc1", "docs", "1", small.to)
    assert "not a folder" in small.refused("pc1", "docs", "1", small.to / "\n")
    (small.to / "\n").unlink()
    small.script.restore(1, small.to)


def test_a_folder_in_the_storage_is_refused(small):
    (small.folder / "way in").symlink_to(small.root / "current")
    for place in (small.root / "x", small.root, small.folder / "way in" / "x" / "y", small.current):
        small.refused("pc1", "docs", "1", place)
    small.refused("pc1", "docs", "1", small.to / ".." / small.root.name / "x")


@pytest.mark.parametrize("name", ["-new", "new folder\n", "a/b/c", "it's"])
def test_a_relative_folder_of_any_name_will_do(small, name):
    ended = small.script.run("pc1", "docs", "1", name, cwd=small.folder)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert differences(small.expected[1], world_of_folder(small.folder / name / SOURCE)) == []


def test_it_is_found_by_a_relative_name_as_well(small):
    script = replace_script(small, "restore.sh")
    assert script.run(cwd=small.root).returncode == 0


def replace_script(small: Small, place: str) -> RestoreScript:
    """The script called by another name for its place."""
    script = RestoreScript(small.root, small.folder / "bin")
    script.store = Path(place).parent
    return script


# --- a part -----------------------------------------------------------------------------------------


def test_one_file_comes_back_with_the_folders_above_it_and_nothing_else(small):
    to = small.script.restore(1, small.to, b"docs/d/caf\xe9\n")
    expected = {path: small.expected[1][path] for path in (b".", b"d", b"d/caf\xe9\n")}
    assert differences(expected, world_of_folder(to / SOURCE)) == []


def test_a_folder_comes_back_with_all_it_held(small):
    to = small.script.restore(1, small.to, b"docs/d/")
    assert set(world_of_folder(to / SOURCE)) == {b".", b"d", b"d/x", b"d/caf\xe9\n"}


@pytest.mark.parametrize("part", ["docs/d/x", "docs/none", "docs/a/b", "pics"])
def test_what_was_not_there_is_refused(small, part):
    assert "existed" in small.refused("pc1", "docs", "3", small.to, part)


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
    other = replace(REF, profile=type(DOCS)("other"))
    attempt = small.house.storage.begin_attempt(other, OPEN_RUN, SOURCE)
    (attempt.displaced_dir / "a").write_bytes(b"others")
    small.assert_restores(3)


def test_an_unreadable_part_of_the_history_is_no_reason_to_guess(small):
    if os.geteuid() == 0:
        pytest.skip("root reads everything")
    increment = next((small.root / ".history").iterdir()) / PC / DOCS / SOURCE
    increment.chmod(0)
    ended = small.script.run("pc1", "docs", "1", small.to)
    increment.chmod(0o700)
    assert ended.returncode == 1
    assert "cannot be read" in ended.stderr
    assert not small.to.exists()
