"""What people did to a history - undone, accepted, forgotten - comes back with a rebuild from storage."""

from pathlib import Path

from bckcore.domain.run import RunOutcome
from tests.support.desks import Desk, T
from tests.support.house import REF
from tests.support.rebuilds import known, new_database, rebuilding, restored_with
from tests.support.rewriting import Rewriting
from tests.support.worlds import World, differences, world_of_folder


def rewritten(desk: Desk) -> dict[int, World]:
    """A life with all of it; what every point must restore to."""
    rewriting = Rewriting(desk.house)
    worlds: dict[int, World] = {}
    desk.write("a", "b", "d/secret", data=b"one")
    desk.many(150)
    worlds[desk.back_up().seq] = desk.world()
    desk.write("a", "new", data=b"two", mtime_ns=T + 1)
    worlds[desk.back_up().seq] = desk.world()
    worlds[rewriting.undo(2).seq] = dict(worlds[1])
    worlds[desk.back_up().seq] = desk.world()
    desk.docs.delete(b"many")
    assert desk.back_up().outcome is RunOutcome.SUSPECT
    worlds[rewriting.accept().seq] = desk.world()
    rewriting.forget(b"docs/d/secret")
    for world in worlds.values():
        del world[b"d/secret"]
    desk.write("later", "d/secret", data=b"three", mtime_ns=T + 2)
    worlds[desk.back_up().seq] = desk.world()
    rewriting.forget(b"docs/new")
    for world in worlds.values():
        world.pop(b"new", None)
    return worlds


def test_a_rebuilt_database_knows_the_same_and_restores_every_point(quick_dir: Path) -> None:
    desk = Desk(quick_dir)
    worlds = rewritten(desk)
    before = known(desk.house.database)
    database = new_database(desk.house)
    rebuilding(desk.house, database).rebuild(REF)
    assert known(database) == before
    assert [point.seq for point in before.points] == sorted(worlds)
    for point in before.points:
        folder = restored_with(desk.house, database, point, quick_dir / f"back{point.seq}")
        assert differences(worlds[point.seq], world_of_folder(folder / "docs")) == []
