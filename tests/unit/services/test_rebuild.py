"""A rebuild from storage alone gives back what the database knew, on a new one and over an old one."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bck_adapters.memory import MemoryDatabase
from bck_adapters.memory.state import State
from bckcore.domain.act import ActKind
from bckcore.domain.ids import HostId
from bckcore.domain.profile import Profile
from bckcore.domain.run import ProfileRef, RunOutcome
from bckcore.domain.transfer import TransferOptions
from bckcore.errors import ConflictError, NotFoundError, PathNotAllowedError, StorageError
from bckcore.plugins.registry import Database
from bckcore.services.acts import Acts
from bckcore.services.history_requests import UndoRequest
from tests.support.crashes import crashes
from tests.support.databases import sqlite_database
from tests.support.desks import Desk, T
from tests.support.house import DOCS, REF
from tests.support.lives import Life
from tests.support.rebuilds import known, new_database, rebuilding, restored_with
from tests.support.worlds import differences, world_of_folder


@pytest.fixture
def life(quick_dir: Path) -> Life:
    """Two sources, a failed run, changes of every kind, a quiet run, holds, a prune and runs after it."""
    life = Life(quick_dir).begin()
    life.change_much()
    life.back_up()
    life.back_up()
    for mark in (b"m6", b"m7"):
        life.change_little(mark)
        life.back_up()
    house = life.house
    acts = Acts(units=house.database.units, storage=house.storage, clock=house.clock)
    acts.record(REF, ActKind.HOLD, by="anna", reason="audit", points=(1, 4))
    acts.record(REF, ActKind.RELEASE, by="bert", reason="done", points=(4,))
    house.prune(2)
    life.change_little(b"m8")
    life.back_up()
    life.back_up()
    return life


def memory_of(life: Life) -> MemoryDatabase:
    found = life.house._inner.units
    assert isinstance(found.__self__, MemoryDatabase)  # type: ignore[attr-defined]  # a bound method
    return found.__self__  # type: ignore[attr-defined]  # a bound method


def lose_database(life: Life) -> None:
    memory_of(life)._replace(State())


MakeIt = Callable[[Life, Path], Database]
IN_MEMORY: MakeIt = lambda life, _: new_database(life.house)  # noqa: E731  # a parameter below
IN_SQLITE: MakeIt = lambda life, folder: sqlite_database(life.house.clock, folder)  # noqa: E731  # a parameter


@pytest.mark.parametrize("make", [IN_MEMORY, IN_SQLITE], ids=["memory", "sqlite"])
def test_a_new_database_knows_everything_and_restores_every_point(
    life: Life, tmp_path: Path, make: MakeIt
) -> None:
    before = known(life.house.database)
    database = make(life, tmp_path)
    report = rebuilding(life.house, database).rebuild(REF)
    assert known(database) == before
    assert (report.runs, report.points, report.acts) == (9, len(before.points), 3)
    for point in before.points:
        to = restored_with(life.house, database, point, life.folder / f"n{point.seq}")
        for source, world in life.expected[point.seq].items():
            assert differences(world, world_of_folder(to / source)) == []


def test_life_goes_on_after_a_rebuild(life: Life) -> None:
    lose_database(life)
    report = rebuilding(life.house).rebuild(REF)
    assert any("switched off" in note for note in report.notes)
    life.assert_every_point_restores()
    life.change_little(b"m9")
    life.back_up()
    life.house.prune(1)
    life.change_much()
    life.back_up()
    life.assert_every_point_restores()
    life.assert_books_are_right()


def test_a_damaged_database_is_replaced(life: Life) -> None:
    before = known(life.house.database)
    with life.house.database.units() as uow:
        uow.points.forget(DOCS, 8)
        uow.catalog.compact(DOCS, ())
        uow.holds.remove(DOCS, 1)
        uow.commit()
    rebuilding(life.house).rebuild(REF)
    assert known(life.house.database) == before


def test_a_second_rebuild_changes_nothing(life: Life) -> None:
    rebuild = rebuilding(life.house)
    rebuild.rebuild(REF)
    before = known(life.house.database)
    assert rebuild.rebuild(REF).notes == ()
    assert known(life.house.database) == before


def test_host_and_profile_come_back_as_they_were_but_switched_off(life: Life) -> None:
    with life.house.database.units(read_only=True) as uow:
        profile, host = uow.profiles.get(DOCS), uow.hosts.get(REF.host)
    lose_database(life)
    rebuilding(life.house).rebuild(REF)
    with life.house.database.units(read_only=True) as uow:
        assert uow.hosts.get(REF.host) == host
        assert uow.profiles.get(DOCS) == replace(profile, enabled=False)


def test_a_definition_that_is_there_stays_as_it_is(life: Life) -> None:
    life.house.change_profile(excludes=("*.new",))
    assert rebuilding(life.house).rebuild(REF).notes == ()
    with life.house.database.units(read_only=True) as uow:
        assert uow.profiles.get(DOCS).excludes == ("*.new",)
        assert uow.profiles.get(DOCS).enabled


def test_a_plan_is_written_when_it_changes_and_only_then(life: Life) -> None:
    place = life.house.root / ".receipts" / "pc1" / "docs" / "plan.json"
    first = place.stat().st_ino, place.read_bytes()
    life.back_up()
    assert (place.stat().st_ino, place.read_bytes()) == first
    life.house.change_profile(options=TransferOptions(attempts=7))
    life.back_up()
    assert b'"attempts": 7' in place.read_bytes()


@pytest.mark.parametrize("harm", [Path.unlink, lambda place: place.write_bytes(b"{")])
def test_without_a_plan_restores_work_and_backups_are_refused(
    life: Life, harm: Callable[[Path], object]
) -> None:
    harm(life.house.root / ".receipts" / "pc1" / "docs" / "plan.json")
    lose_database(life)
    notes = " ".join(rebuilding(life.house).rebuild(REF).notes)
    assert "Nothing tells where the sources of docs lie on pc1: docs, pics." in notes
    life.assert_every_point_restores()
    point = life.house.points()[-1]
    life.house.restore(point, life.folder / "chosen", (b"pics/p",))
    with pytest.raises(PathNotAllowedError):
        life.house.back_up()


def test_a_profile_of_that_name_on_another_host_is_not_overwritten(life: Life) -> None:
    with life.house.database.units() as uow:
        uow.hosts.add(replace(uow.hosts.get(REF.host), id=HostId("pc2")))
        plan: Profile = uow.profiles.get(DOCS)
        uow.profiles.update(replace(plan, host=HostId("pc2")))
        uow.commit()
    before = known(life.house.database)
    with pytest.raises(ConflictError, match="docs of pc1; this database has one of pc2"):
        rebuilding(life.house).rebuild(REF)
    assert known(life.house.database) == before


def test_only_what_storage_has_can_be_rebuilt(life: Life) -> None:
    rebuild = rebuilding(life.house)
    assert rebuild.found() == rebuild.found("docs") == [REF]
    with pytest.raises(NotFoundError, match="holds nothing of a profile pics"):
        rebuild.found("pics")


def test_an_empty_storage_does_not_wipe_out_what_the_database_knows(life: Life) -> None:
    before = known(life.house.database)
    life.house.root.rename(life.folder / "unplugged")
    life.house.root.mkdir()
    life.house.storage.prepare()
    with pytest.raises(StorageError, match="no receipt of docs, and the database knows 9 runs"):
        rebuilding(life.house).rebuild(REF)
    assert known(life.house.database) == before


def cut_before_the_receipt(life: Life, work: Callable[[], object]) -> None:
    plain = life.house.fuse.step

    def burn(name: str) -> None:
        if name == "before write_receipt":
            life.house.fuse.at = 1
        plain(name)

    life.house.fuse.step = burn  # type: ignore[method-assign]  # by name instead of by number
    assert crashes(work)
    life.house.fuse.step = plain  # type: ignore[method-assign]  # back again
    life.house = life.house.reopened()


def test_an_undo_that_was_open_when_the_database_was_lost_takes_nothing_from_the_newest_state(
    quick_dir: Path,
) -> None:
    """Nobody knows any more that it was an undo; what it moved away the PC may not show to the next run."""
    life = Life(quick_dir).begin()
    life.change_much()
    life.back_up()
    cut_before_the_receipt(life, lambda: life.house.undo(UndoRequest(to="2")))
    lose_database(life)
    report = rebuilding(life.house).rebuild(REF)
    assert "Closed run 5, which had been cut off." in report.notes
    life.assert_every_point_restores()
    life.docs.chmod(b"new", 0)
    assert life.house.back_up().outcome is RunOutcome.PARTIAL
    newest = life.house.points()[-1]
    restored = life.house.restore(newest, life.folder / "newest", (b"docs/new",))
    (restored / "docs" / "new").chmod(0o700)
    assert (restored / "docs" / "new" / "one").read_bytes() == b"1"


def test_a_run_that_was_open_when_the_database_was_lost_is_closed_in_its_place(quick_dir: Path) -> None:
    life = Life(quick_dir).begin()
    life.change_much()
    cut_before_the_receipt(life, life.house.back_up)
    open_run = memory_of(life)._state
    (ended,) = [run for run in open_run.runs.values() if run.outcome is None]
    lose_database(life)
    report = rebuilding(life.house).rebuild(REF)
    assert "Closed run 4, which had been cut off." in report.notes
    with life.house.database.units(read_only=True) as uow:
        closed = uow.runs.get(ended.id)
    assert (closed.seq, closed.outcome) == (4, RunOutcome.FAILED)
    life.assert_every_point_restores()
    life.back_up()
    life.assert_every_point_restores()
    life.assert_books_are_right()


def test_two_profiles_are_rebuilt_each_by_itself(life: Life) -> None:
    other = ProfileRef(host=REF.host, profile=type(DOCS)("other"))
    (life.house.root / "current" / other.host / other.profile / "docs" / "x").mkdir(parents=True)
    rebuild = rebuilding(life.house)
    assert list(rebuild.found()) == [REF, other]
    before = known(life.house.database)
    report = rebuild.rebuild(other)
    assert (report.runs, report.points) == (0, 0)
    assert "Nothing tells what other is to back up: add it by hand." in report.notes
    assert known(life.house.database) == before


def test_the_newest_runs_changes_are_found_though_the_rebuilt_state_is_marked_interrupted(
    quick_dir: Path,
) -> None:
    desk = Desk(quick_dir)
    desk.write("a", "b")
    desk.back_up()
    desk.write("a", data=b"DATA", mtime_ns=T)
    rebuilding(desk.house).rebuild(REF)
    with desk.house.database.units(read_only=True) as uow:
        assert all(state.interrupted for state in uow.catalog.source_states(DOCS).values())
    assert desk.back_up().made_point is False, "rsync sees no difference in size and time"
    desk.write("a", data=b"DATA", mtime_ns=T + 1)
    assert desk.back_up().made_point
