"""Pruning: what goes, where its increment goes, and that a second time goes on where the first stopped."""

from datetime import timedelta
from pathlib import Path

import pytest

from bckcore.domain.events import PointsPruned
from bckcore.domain.ids import ProfileId
from bckcore.domain.retention import RetentionPolicy
from bckcore.domain.run import RunOutcome
from bckcore.errors import InvalidInputError, JobCancelledError, NotFoundError
from bckcore.services.hooks import NullHooks
from tests.support.desks import Desk, T
from tests.support.house import DOCS
from tests.support.worlds import World


class Listener(NullHooks):
    """Remembers what was pruned."""

    def __init__(self) -> None:
        self.told: list[PointsPruned] = []

    def points_pruned(self, event: PointsPruned) -> None:
        """Remember."""
        self.told.append(event)


class History:
    """A desk with six points and a failed run between them, and what each must restore to."""

    def __init__(self, folder: Path) -> None:
        self.listener = Listener()
        self.desk = Desk(folder, hooks=self.listener)
        self.worlds: dict[int, World] = {}
        self.runs: dict[int, str] = {}
        desk = self.desk
        for number in range(1, 8):
            desk.write("a", data=b"%d" % number, mtime_ns=T + number)
            desk.write(f"only{number}")
            if number % 3 == 0:
                desk.write("b", data=b"%d" % number, mtime_ns=T + number)
            if number == 4:
                desk.host.cut_after = 4
            run = desk.back_up()
            self.runs[run.seq] = run.id
            if number == 4:
                assert run.outcome is RunOutcome.FAILED
            else:
                self.worlds[run.seq] = desk.world()

    def keep(self, last: int) -> None:
        """Set the policy."""
        policy = RetentionPolicy(keep_last=last, keep_within=timedelta(0), min_age=timedelta(0))
        self.desk.house.change_profile(retention=policy)

    def points(self) -> list[int]:
        """Numbers of the kept points, each of which must restore exactly."""
        points = [point.seq for point in self.desk.house.points()]
        for seq in points:
            self.desk.assert_restores(self.worlds[seq], seq)
        return points

    def increments(self) -> set[int]:
        """Numbers of the runs whose increment stands on disk."""
        history = self.desk.house.root / ".history"
        return {seq for seq, run in self.runs.items() if any((history / run).rglob("*"))}

    def prune(self) -> tuple[int, int, int]:
        """Forgotten, merged, freed."""
        report = self.desk.house.prunes.prune(DOCS, self.desk.house.watcher)
        return len(report.forgotten), report.merged, report.freed


@pytest.fixture
def history(quick_dir: Path) -> History:
    return History(quick_dir)


def test_the_plan_decides_with_reasons_and_changes_nothing(history: History) -> None:
    history.keep(2)
    plan = history.desk.house.prunes.plan(DOCS)
    assert [(one.point.seq, one.keep) for one in plan.decisions] == [
        (1, False),
        (2, False),
        (3, False),
        (5, False),
        (6, True),
        (7, True),
    ]
    assert all(one.reasons for one in plan.decisions)
    assert (plan.merged, plan.freed) == (0, 0)
    assert history.points() == [1, 2, 3, 5, 6, 7]


def test_increments_that_only_forgotten_points_needed_are_freed(history: History) -> None:
    assert history.increments() == {2, 3, 4, 5, 6, 7}
    history.keep(2)
    assert history.prune() == (4, 0, 6)
    assert history.points() == [6, 7]
    assert history.increments() == {7}


def test_between_kept_points_increments_are_merged_into_the_next_newer(history: History) -> None:
    """Points 2 and 6 go; what runs 2 and 6 displaced is still needed by the points before them."""
    with history.desk.house.database.units() as uow:
        for seq in (2, 6):
            uow.points.forget(DOCS, seq)
        uow.commit()
    history.keep(9)
    forgotten, merged, freed = history.prune()
    assert (forgotten, freed) == (0, 1)
    assert merged == 3, "those of runs 2, 6 and of the failed run 4"
    assert history.points() == [1, 3, 5, 7]
    assert history.increments() == {3, 5, 7}


def test_a_failed_runs_increment_is_kept_as_long_as_a_point_before_it(history: History) -> None:
    history.keep(9)
    history.prune()
    assert 4 not in history.increments(), "merged into that of run 5"
    assert history.points() == [1, 2, 3, 5, 6, 7]


def test_a_second_prune_finds_nothing_to_do(history: History) -> None:
    history.keep(3)
    history.prune()
    assert history.prune() == (0, 0, 0)
    assert history.points() == [5, 6, 7]


def test_listeners_are_told_once_and_only_when_something_went(history: History) -> None:
    history.keep(9)
    history.prune()
    assert history.listener.told == []
    history.keep(4)
    history.prune()
    history.prune()
    [event] = history.listener.told
    assert [one.point.seq for one in event.decisions if not one.keep] == [1, 2]


def test_a_prune_that_was_cancelled_before_it_began_forgets_no_point(history: History) -> None:
    history.keep(2)
    history.desk.house.watcher.stop = lambda: True
    with pytest.raises(JobCancelledError, match="Nothing was changed"):
        history.prune()
    history.desk.house.watcher.stop = lambda: False
    assert history.points() == [1, 2, 3, 5, 6, 7]
    assert history.increments() == {2, 3, 4, 5, 6, 7}
    assert history.listener.told == []


def test_a_prune_cancelled_after_its_points_are_forgotten_says_so_and_the_next_one_goes_on(
    history: History,
) -> None:
    history.keep(2)
    asked = iter(range(100))
    history.desk.house.watcher.stop = lambda: next(asked) >= 3
    with pytest.raises(JobCancelledError, match="stay forgotten"):
        history.prune()
    history.desk.house.watcher.stop = lambda: False
    assert history.points() == [6, 7]
    assert len(history.increments()) > 1
    history.prune()
    assert history.increments() == {7}
    assert history.points() == [6, 7]
    assert len(history.listener.told) == 1, "told although it was cut short"


def test_runs_after_a_prune_go_on_as_before(history: History) -> None:
    history.keep(1)
    history.prune()
    for number in range(8, 12):
        history.desk.write("a", data=b"%d" % number, mtime_ns=T + number)
        run = history.desk.back_up()
        history.runs[run.seq] = run.id
        history.worlds[run.seq] = history.desk.world()
        history.keep(2)
        history.prune()
        assert history.points() == [run.seq - 1, run.seq]
        assert history.increments() == {run.seq}


def test_an_unknown_profile_is_not_found(history: History) -> None:
    with pytest.raises(NotFoundError):
        history.desk.house.prunes.plan(ProfileId("none"))
    with pytest.raises(NotFoundError):
        history.desk.house.prunes.prune(ProfileId("none"), history.desk.house.watcher)


def on_disk(history: History) -> int:
    """What all files of the store take up."""
    files = [path for path in history.desk.house.root.rglob("*") if path.is_file()]
    return sum(path.lstat().st_blocks * 512 for path in files if ".receipts" not in path.parts)


def test_plan_and_prune_say_how_many_bytes_come_free(history: History) -> None:
    history.keep(2)
    planned = history.desk.house.prunes.plan(DOCS)
    before = on_disk(history)
    done = history.desk.house.prunes.prune(DOCS, history.desk.house.watcher)
    assert planned.bytes_freed == done.bytes_freed == before - on_disk(history) > 0
    assert history.desk.house.prunes.plan(DOCS).bytes_freed == 0


def test_failed_runs_push_no_good_point_out(history: History) -> None:
    history.keep(3)
    for number in range(10):
        history.desk.write("a", data=b"f%d" % number, mtime_ns=T + 100 + number)
        history.desk.write(f"new{number}")
        history.desk.host.cut_after = 2
        run = history.desk.back_up()
        history.runs[run.seq] = run.id
        assert run.outcome is RunOutcome.FAILED
        history.prune()
    assert history.points() == [5, 6, 7]


def test_the_last_good_points_stay_however_old_they_are(history: History) -> None:
    """The PC never came back, or the profile was switched off: nothing ages away."""
    history.desk.house.change_profile(enabled=False)
    history.keep(2)
    history.desk.house.clock.advance(timedelta(days=4000).total_seconds())
    history.prune()
    assert history.points() == [6, 7]


def test_a_zone_that_went_away_stops_the_prune_and_nothing_goes(history: History) -> None:
    policy = RetentionPolicy(keep_last=1, keep_daily=1, min_age=timedelta(0), time_zone="Gone/Away")
    history.desk.house.change_profile(retention=policy)
    with pytest.raises(InvalidInputError, match="Gone/Away"):
        history.prune()
    assert history.points() == [1, 2, 3, 5, 6, 7]
