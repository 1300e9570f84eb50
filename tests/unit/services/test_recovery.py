"""What a crash left is put in order by name; a storage that is not ours is left alone."""

from pathlib import Path

import pytest

from bckcore.domain.retention import RetentionPolicy
from bckcore.errors import StorageError
from tests.support.crashes import crashes
from tests.support.desks import Desk, T
from tests.support.house import DOCS
from tests.support.lives import Life


@pytest.fixture
def life(quick_dir: Path) -> Life:
    life = Life(quick_dir).begin()
    life.change_much()
    return life


def cut(life: Life, step: str) -> list[str]:
    """Have the next run end at that step, and tell what the start after it says."""
    life.house.fuse.set(None, named=step)
    assert crashes(life.house.back_up)
    life.house = life.house.reopened()
    with life.house.database.units(read_only=True) as uow:
        ref = uow.profiles.get(DOCS).ref
    told = life.house.recovery.recover(ref)
    assert life.house.recovery.recover(ref) == [], "a second time there is nothing left to do"
    return told


def test_a_run_that_was_cut_while_it_transferred_is_folded_and_closed(life: Life) -> None:
    told = cut(life, "after begin_attempt")
    assert told == [
        "Folded what an interrupted attempt displaced: 0 files kept.",
        "Closed run 4, which had been cut off.",
    ]
    with life.house.database.units(read_only=True) as uow:
        last = uow.runs.last(DOCS)
    assert last is not None
    assert (last.outcome, last.error_code) == ("failed", "transfer-interrupted")
    assert "The next run goes on where it stopped" in last.error


def test_a_run_that_was_cut_after_its_receipt_is_entered_as_it_ended(life: Life) -> None:
    life.expected[4] = life.worlds()
    told = cut(life, "after write_receipt")
    assert "Entered 1 finished runs and acts that the database had missed." in told
    assert not any("Closed" in sentence for sentence in told)
    assert [point.seq for point in life.house.points()] == [1, 2, 4]
    life.assert_every_point_restores()


def test_a_run_tells_in_its_log_what_it_put_in_order(life: Life) -> None:
    assert crashes(lambda: _burnt(life))
    life.house = life.house.reopened()
    life.house.back_up()
    assert "warning: Closed run 4, which had been cut off." in life.house.watcher.lines


def _burnt(life: Life) -> None:
    life.house.fuse.set(20)
    life.house.back_up()


def test_where_the_storage_is_not_mounted_nothing_is_noted_and_all_is_well_once_it_is(
    quick_dir: Path,
) -> None:
    """An empty folder must not pass for a storage whose increments were merged away."""
    desk = Desk(quick_dir)
    worlds = {}
    for number in range(1, 6):
        desk.write("a", f"only{number}", data=b"%d" % number, mtime_ns=T + number)
        worlds[number] = desk.world()
        desk.back_up()
    mounted, aside = desk.house.root, desk.folder / "unplugged"
    mounted.rename(aside)
    mounted.mkdir()
    desk.house.storage.prepare()
    desk.house.change_profile(retention=RetentionPolicy(keep_last=2))
    desk.house.clock.advance(86_400 * 30)
    for act in (desk.back_up, lambda: desk.house.prunes.prune(DOCS, desk.house.watcher)):
        with pytest.raises(StorageError, match="not mounted"):
            act()
    for path in sorted(mounted.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    mounted.rmdir()
    aside.rename(mounted)
    assert [point.seq for point in desk.house.points()] == [1, 2, 3, 4, 5]
    for seq, world in worlds.items():
        desk.assert_restores(world, seq)
    assert desk.back_up().made_point is False
