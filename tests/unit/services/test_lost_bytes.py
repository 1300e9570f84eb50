"""Bytes that the storage has lost: a path that cannot be had is named, and no other bytes take its place."""

import os
from pathlib import Path

import pytest

from bck_adapters.archives import StreamedArchives
from bckcore.domain.restore import RestoreOptions
from bckcore.domain.restore_point import Counted
from bckcore.domain.run import RunOutcome
from bckcore.errors import NotFoundError
from bckcore.ports.archives import ArchiveFormat
from bckcore.services.export import ExportService
from bckcore.services.restore_host_report import HostRestoreReport
from bckcore.services.restore_report import RestoreReport
from tests.support.desks import Desk, T
from tests.support.harm import flip, remove
from tests.support.house import DOCS
from tests.support.rewriting import Rewriting

SIZES = (10, 300_000)
BACK = "/home/u/back"
GONE = "Its bytes are gone; another version stands in their place."


def content(number: int, size: int) -> bytes:
    return bytes((number,)) * size


@pytest.fixture(params=SIZES)
def size(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def desk(quick_dir: Path, size: int) -> Desk:
    """Four runs; each changed ``x``, its size never."""
    desk = Desk(quick_dir)
    desk.write("other", data=b"as it was")
    for number in range(1, 5):
        desk.write("x", data=content(number, size), mtime_ns=T + number)
        desk.back_up()
    return desk


def stored(desk: Desk, seq: int, name: str = "x") -> bytes:
    """A path in the increment of a run."""
    run = next(point.run_id for point in desk.house.points() if point.seq == seq)
    return os.fsencode(desk.house.root / ".history" / run / "pc1" / "docs" / "docs" / name)


def restored(
    desk: Desk, point: int, *paths: bytes, include_deleted: bool = False
) -> tuple[RestoreReport, Path]:
    to = desk.folder / f"to{point}"
    options = RestoreOptions(include_deleted=include_deleted)
    report = desk.house.restores.restore(
        DOCS, point=str(point), to=to, paths=paths, options=options, watcher=desk.house.watcher
    )
    return report, to / "docs"


def to_host(desk: Desk, point: int, *, verify: bool = False, dry_run: bool = False) -> HostRestoreReport:
    return desk.house.host_restores.restore(
        DOCS,
        point=str(point),
        host_dir=BACK,
        options=RestoreOptions(verify=verify),
        dry_run=dry_run,
        watcher=desk.house.watcher,
    )


def on_host(desk: Desk) -> set[bytes]:
    return set(desk.world(f"{BACK}/docs"))


@pytest.mark.parametrize("point", [1, 2, 3])
def test_another_versions_bytes_are_never_restored(desk: Desk, point: int) -> None:
    remove(stored(desk, point + 1))
    report, folder = restored(desk, point)
    assert [(one.path, one.message) for one in report.problems] == [(b"docs/x", GONE)]
    assert not (folder / "x").exists()
    assert (folder / "other").read_bytes() == b"as it was"
    for whole in {1, 2, 3, 4} - {point}:
        report, folder = restored(desk, whole)
        assert report.problem_count == 0
        assert (folder / "x").read_bytes() == content(whole, folder.joinpath("x").stat().st_size)


def test_a_look_ahead_says_so_too(desk: Desk) -> None:
    remove(stored(desk, 2))
    found = list(desk.house.restores.foresee(DOCS, point="1", to=desk.folder / "to", paths=[b"docs/x"]))
    assert [one.problem.message for one in found if one.problem] == [GONE]


@pytest.mark.parametrize("dry_run", [False, True])
def test_nor_sent_to_the_host(desk: Desk, dry_run: bool) -> None:
    remove(stored(desk, 2))
    report = to_host(desk, 1, dry_run=dry_run)
    assert [(one.path, one.message) for one in report.problems] == [(b"docs/x", GONE)]
    if not dry_run:
        assert on_host(desk) == {b".", b"other"}


def test_nor_given_out(desk: Desk) -> None:
    house = desk.house
    exports = ExportService(
        units=house.database.units,
        storage=house.storage,
        recovery=house.recovery,
        archives=StreamedArchives(),
        clock=house.clock,
    )
    remove(stored(desk, 2))
    with exports.exported(DOCS, point="1", paths=[], form=ArchiveFormat.TAR) as exported:
        for _piece in exported.pieces:
            pass
        assert exported.left_out == [b"docs/x"]
    with (
        pytest.raises(NotFoundError, match="another version stands"),
        exports.opened(DOCS, point="1", path=b"docs/x"),
    ):
        pass
    with exports.opened(DOCS, point="2", path=b"docs/x") as opened:
        assert set(opened.content.read()) == {2}


def test_an_undo_that_lost_bytes_is_partial_and_weak(desk: Desk, size: int) -> None:
    remove(stored(desk, 3))
    desk.house.watcher.lines.clear()
    run = Rewriting(desk.house).undo(3)
    assert (run.outcome, run.problem_count, run.made_point) == (RunOutcome.PARTIAL, 1, False)
    assert f"not-restored: docs/x: {GONE}" in desk.log
    desk.write("new", data=b"since")
    desk.back_up()
    run = Rewriting(desk.house).undo(3)
    assert (run.outcome, run.made_point, desk.newest().counted) == (RunOutcome.PARTIAL, True, Counted.WEAK)
    assert (desk.restored() / "docs" / "x").read_bytes() == content(4, size)


def test_an_undo_brings_back_no_rotten_small_file(desk: Desk, size: int) -> None:
    flip(stored(desk, 3))
    run = Rewriting(desk.house).undo(3)
    assert run.outcome is (RunOutcome.PARTIAL if size == SIZES[0] else RunOutcome.SUCCEEDED)


@pytest.mark.parametrize("verify", [False, True])
def test_rotten_bytes_are_not_sent_to_the_host(desk: Desk, size: int, verify: bool) -> None:
    flip(stored(desk, 2))
    report = to_host(desk, 1, verify=verify)
    told = verify or size == SIZES[0]
    assert [one.path for one in report.problems] == ([b"docs/x"] if told else [])
    assert (b"x" in on_host(desk)) is not told


# --- nothing is said of what is all there -----------------------------------------------------------


def test_other_times_are_no_harm_where_the_digest_tells_the_bytes(desk: Desk, size: int) -> None:
    os.utime(stored(desk, 2), ns=(T + 99, T + 99))
    report, folder = restored(desk, 1)
    assert report.problem_count == 0
    assert ((folder / "x").read_bytes(), (folder / "x").stat().st_mtime_ns) == (content(1, size), T + 1)
    assert to_host(desk, 1, verify=True).problem_count == 0
    assert Rewriting(desk.house).undo(2).outcome is RunOutcome.SUCCEEDED


def test_a_time_that_was_set_in_place_is_no_harm(desk: Desk, size: int) -> None:
    """The storage keeps one file for both states, and a digest says that they are the same."""
    desk.docs.touch(b"x", T + 50)
    desk.back_up()
    remove(stored(desk, 5))
    for seq in (4, 5):
        report, folder = restored(desk, seq)
        assert report.problem_count == 0
        assert (folder / "x").stat().st_mtime_ns == (T + 4 if seq == 4 else T + 50)
        assert (folder / "x").read_bytes() == content(4, size)


def test_points_that_went_do_not_make_bytes_unknown(desk: Desk, size: int) -> None:
    remove(stored(desk, 2))
    desk.house.prune(keep_last=1)
    assert restored(desk, 4)[0].problem_count == 0


def test_deleted_files_are_of_their_own_bytes_only(desk: Desk, size: int) -> None:
    desk.docs.delete(b"x")
    desk.back_up()
    report, folder = restored(desk, 5, include_deleted=True)
    assert report.problem_count == 0
    assert (folder / "x").read_bytes() == content(4, size)
