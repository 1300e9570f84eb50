"""A file that comes back unchanged keeps its digest, so that rot is never taken for the truth."""

import os
from pathlib import Path

import pytest

from bckcore.domain.file_version import FileVersion
from bckcore.domain.ids import SourceName
from bckcore.domain.manifest import Change, ChangeOp
from bckcore.domain.paths import rel_path
from tests.support.checking import assert_check_is_clean, checked, told
from tests.support.desks import Desk, T
from tests.support.house import DOCS
from tests.support.rewriting import Rewriting

HOME = SourceName("docs")
ROT = {("bit-rot", "current", b"docs/x")}


def versions(desk: Desk, path: bytes = b"x") -> list[FileVersion]:
    with desk.house.database.units(read_only=True) as uow:
        return list(uow.catalog.versions(DOCS, HOME, rel_path(path)))


@pytest.fixture
def desk(quick_dir: Path) -> Desk:
    """Two files, one of which went and came back as it was."""
    desk = Desk(quick_dir)
    desk.write("a", "x")
    desk.back_up()
    desk.docs.delete(b"x")
    desk.back_up()
    desk.write("x")
    desk.back_up()
    return desk


def flip(desk: Desk, path: str = "x") -> None:
    """Other bytes in current, of the same size and time."""
    place = desk.house.current() / path
    status = place.stat()
    place.write_bytes(b"DATA")
    os.utime(place, ns=(status.st_atime_ns, status.st_mtime_ns))


def without_digest(desk: Desk) -> None:
    """The catalog as it was left before digests were kept: the version that came back has none."""
    first, again = (one.entry for one in versions(desk))
    steps = (
        (1, ChangeOp.ADDED, first),
        (2, ChangeOp.GONE, first),
        (3, ChangeOp.ADDED, again.without_digest()),
    )
    with desk.house.database.units() as uow:
        uow.catalog.drop_below(DOCS, HOME, first.path, up_to_seq=3)
        for seq, op, entry in steps:
            uow.catalog.apply(DOCS, seq, [Change(HOME, op, entry)])
        uow.commit()


def test_what_comes_back_unchanged_has_the_digest_of_before(desk: Desk) -> None:
    first, again = versions(desk)
    assert first.entry.digest
    assert again.entry == first.entry
    assert (again.since_seq, again.until_seq) == (3, None)
    counts = assert_check_is_clean(desk.house).counts
    assert counts.digests_learned == 0


def test_what_comes_back_after_an_accepted_run_has_it_too(quick_dir: Path) -> None:
    desk = Desk(quick_dir)
    desk.write("a")
    desk.many(150)
    desk.back_up()
    whole = dict(desk.docs.nodes)
    desk.docs.delete(b"many")
    desk.back_up()
    Rewriting(desk.house).accept()
    desk.docs.nodes = whole
    desk.back_up()
    files = [one for one in desk.entries(4).values() if one.kind.value == "f"]
    assert len(files) == 151
    assert all(one.digest for one in files)


def test_a_folder_that_comes_back_unchanged_brings_its_digests(quick_dir: Path) -> None:
    desk = Desk(quick_dir)
    name = b"d/new\nline \xff'\\"
    desk.docs.write(name, b"data", T)
    desk.write("a", "b", "c", "e")
    desk.back_up()
    whole = dict(desk.docs.nodes)
    desk.docs.delete(b"d")
    desk.back_up()
    desk.docs.nodes = whole
    desk.back_up()
    assert versions(desk, name)[-1].entry.digest == versions(desk, name)[0].entry.digest != b""


def test_what_comes_back_as_another_file_has_its_own_digest(quick_dir: Path) -> None:
    desk = Desk(quick_dir)
    desk.write("a", "x")
    desk.back_up()
    desk.docs.delete(b"x")
    desk.back_up()
    desk.write("x", data=b"DATA", mtime_ns=T + 1_000_000_000)
    desk.back_up()
    first, again = versions(desk)
    assert again.entry.digest not in (first.entry.digest, b"")
    assert_check_is_clean(desk.house)


def test_other_bytes_are_no_longer_restored_nor_learned(desk: Desk) -> None:
    flip(desk)
    point, to = desk.newest(), desk.folder / "back"
    restored = desk.house.restores.restore(
        DOCS, point=point.run_id, to=to, paths=(), watcher=desk.house.watcher
    )
    assert restored.problem_count == 1
    report = checked(desk.house)
    assert told(report) == ROT
    assert report.counts.digests_learned == 0


def test_a_check_learns_nothing_that_another_version_contradicts(desk: Desk) -> None:
    without_digest(desk)
    flip(desk)
    for _ in range(2):
        report = checked(desk.house)
        assert told(report) == ROT
        assert (report.counts.digests_learned, versions(desk)[-1].entry.digest) == (0, b"")


def test_a_check_learns_what_another_version_confirms(desk: Desk) -> None:
    without_digest(desk)
    assert assert_check_is_clean(desk.house).counts.digests_learned == 1
    first, again = versions(desk)
    assert again.entry.digest == first.entry.digest
