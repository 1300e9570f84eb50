"""What a PC starts with its device token pushes good points out at most once an hour (law L5)."""

from __future__ import annotations

from pathlib import Path

import pytest

from bckcore.domain.job import JobKind
from bckcore.domain.restore_point import Counted
from bckcore.services.device_starts import asked_by_device
from tests.support.desks import Desk, half_blind
from tests.support.house import REF
from tests.support.rebuilds import known, new_database, rebuilding

MINUTE = 60


@pytest.fixture
def desk(quick_dir: Path) -> Desk:
    desk = Desk(quick_dir)
    desk.write("a", "b", "c")
    desk.back_up()
    return desk


def started(desk: Desk, after: float, *, by_device: bool) -> None:
    """A backup so many minutes after the last one."""
    house = desk.house
    house.clock.advance(after * MINUTE)
    job = house.job(f"at {house.clock.now()}", JobKind.BACKUP, asked_by_device(by_device))
    house.database.queue.enqueue(job)
    claim = house.database.queue.claim("test", lease_seconds=1e6, only=job.id)
    assert claim is not None
    house.database.queue.finish(claim, *house.worker.carry_out(claim, house.watcher))


def weights(desk: Desk) -> dict[int, Counted]:
    return {point.seq: point.counted for point in desk.house.points()}


def test_of_many_starts_of_a_device_one_an_hour_counts(desk: Desk) -> None:
    for number in range(1, 13):
        desk.write(f"new{number}")
        started(desk, 10, by_device=True)
    assert [seq for seq, weight in weights(desk).items() if weight is Counted.COUNTED] == [1, 7, 13]
    assert set(weights(desk).values()) == {Counted.COUNTED, Counted.EXTRA}
    before = weights(desk)
    desk.house.prune(keep_last=3)
    assert weights(desk) == before, "nothing was pushed out"
    desk.assert_restores(desk.world(), 13)


def test_what_people_and_schedules_start_counts_always(desk: Desk) -> None:
    for number in range(2):
        desk.write(f"new{number}")
        started(desk, 1, by_device=False)
    assert set(weights(desk).values()) == {Counted.COUNTED}


def test_a_clock_that_was_set_back_keeps_no_point_from_counting(desk: Desk) -> None:
    desk.write("new")
    started(desk, -24 * 60, by_device=True)
    assert weights(desk)[2] is Counted.COUNTED


def test_an_extra_point_counts_once_a_run_an_hour_later_finds_it_so(desk: Desk) -> None:
    desk.write("new")
    started(desk, 30, by_device=True)
    started(desk, 29, by_device=False)
    assert weights(desk)[2] is Counted.EXTRA
    started(desk, 2, by_device=False)
    assert weights(desk) == {1: Counted.COUNTED, 2: Counted.COUNTED}


def test_a_weak_point_is_no_way_round_it(quick_dir: Path) -> None:
    """Made weak, then found as it is by a whole run: it counts no sooner than another point would."""
    desk, unreadable = half_blind(quick_dir)
    desk.write("new")
    unreadable[0] = 10
    started(desk, 10, by_device=True)
    unreadable[0] = 0
    started(desk, 10, by_device=True)
    assert weights(desk) == {1: Counted.COUNTED, 2: Counted.WEAK}
    started(desk, 41, by_device=True)
    assert weights(desk) == {1: Counted.COUNTED, 2: Counted.COUNTED}


@pytest.mark.parametrize("by_device", [True, False])
def test_a_rebuild_finds_the_same(desk: Desk, by_device: bool) -> None:
    desk.write("new")
    started(desk, 30, by_device=True)
    started(desk, 40, by_device=by_device)
    desk.write("more")
    started(desk, 10, by_device=True)
    before = weights(desk)
    assert before == {1: Counted.COUNTED, 2: Counted.COUNTED, 4: Counted.EXTRA}
    database = new_database(desk.house)
    rebuilding(desk.house, database).rebuild(REF)
    assert {point.seq: point.counted for point in known(database).points} == before
