"""The clock of the machine is set by a day in the middle of the work, on both databases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bck_adapters.memory import SettableClock
from bck_adapters.sql import sql_database
from bckcore.domain.due import Verdict
from bckcore.domain.job import JobResult, JobStatus
from bckcore.domain.restore_point import Counted, RestorePoint
from bckcore.domain.retention import RetentionPolicy
from bckcore.domain.run import RunOutcome
from bckcore.domain.schedule import Schedule
from bckcore.domain.transfer import PullOrder
from bckcore.errors import LeaseLostError
from bckcore.plugins.registry import Database
from bckcore.ports.job_queue import Claim, JobQueue
from bckcore.ports.transport import PullReport
from tests.support import retention_oracle
from tests.support.clock_jumps import ClockJumps
from tests.support.databases import address_of
from tests.support.desks import Desk, Spoiled, T
from tests.support.house import DOCS, LEASE_SECONDS
from tests.support.places import quick_folder
from tests.support.planned import Planned
from tests.support.worlds import World

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
START = datetime(2027, 1, 10, 12, tzinfo=UTC)
TWO = datetime(2027, 1, 11, 2, tzinfo=UTC)
Open = Callable[[SettableClock], Database]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.long)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with address_of(request.param, tmp_path) as address:
        yield address


@pytest.fixture
def opened(url: str) -> Iterator[Open]:
    """Opens the test's database with a clock, its schema up to date; all are closed at the end."""
    made = list[Database]()

    def open_it(clock: SettableClock) -> Database:
        database = sql_database(url, clock)
        database.migrate()
        made.append(database)
        return database

    yield open_it
    for database in made:
        database.close()


@pytest.fixture
def quick_dir(tmp_path: Path) -> Iterator[Path]:
    yield from quick_folder(tmp_path)


class TestSql(ClockJumps):
    @pytest.fixture(params=["sqlite", "postgresql"])
    def url(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
        with address_of(request.param, tmp_path) as address:
            yield address

    @pytest.fixture
    def clock(self) -> SettableClock:
        return SettableClock()

    @pytest.fixture
    def queue(self, clock: SettableClock, opened: Open) -> JobQueue:
        return opened(clock).queue


# --- a run --------------------------------------------------------------------------------------------------


class Jumpy:
    """A PC that is backed up by two runners; in the middle of a run the clock is set."""

    def __init__(self, folder: Path, opened: Open) -> None:
        self.jump: timedelta | None = None
        self.taken: Claim | None = None
        self.worlds: dict[int, World] = {}
        self.desk = Desk(folder, database=opened, wrapped=lambda inner: Spoiled(inner, self._pulled))
        self.house = self.desk.house
        self.queue = self.house.database.queue
        self.written = 0

    def _pulled(self, _order: PullOrder, report: PullReport) -> PullReport:
        if self.jump is not None:
            jump, self.jump = self.jump, None
            self.house.clock.set(self.house.clock.now() + jump)
            self.taken = self.queue.claim("two", lease_seconds=LEASE_SECONDS)
        return report

    def write(self) -> None:
        """A file changes and one comes."""
        self.written += 1
        self.desk.write("a", data=b"%d" % self.written, mtime_ns=T + self.written)
        self.desk.write(f"only{self.written}")

    def back_up(self) -> None:
        """A run that goes through, after a change."""
        self.write()
        run = self.desk.back_up()
        assert run.outcome is RunOutcome.SUCCEEDED
        self.worlds[run.seq] = self.desk.world()

    def carry_out(self, claim: Claim) -> None:
        """What the second runner does with it."""
        with self.house.fence.under(claim, self.house.watcher):
            run, error = self.house.backups.back_up(claim, self.house.watcher)
        assert error is None
        self.queue.finish(claim, JobStatus.SUCCEEDED, JobResult())
        self.worlds[run.seq] = self.desk.world()

    def good_runs(self) -> list[str]:
        """The jobs of all runs that went through."""
        with self.house.database.units(read_only=True) as uow:
            runs = uow.runs.list(DOCS)
        return [run.job for run in runs if run.outcome is RunOutcome.SUCCEEDED]

    def every_point_restores(self) -> None:
        """Exactly these, each as the PC was."""
        assert [point.seq for point in self.house.points()] == sorted(self.worlds)
        for seq, world in self.worlds.items():
            self.desk.assert_restores(world, seq)


@pytest.fixture
def jumpy(quick_dir: Path, opened: Open) -> Jumpy:
    jumpy = Jumpy(quick_dir, opened)
    jumpy.back_up()
    return jumpy


def test_a_run_in_whose_middle_the_clock_goes_forward_is_finished_by_one_runner_only(jumpy: Jumpy) -> None:
    """Its lease seems to be over, so another runner is given the job; the first one enters nothing more."""
    jumpy.write()
    jumpy.jump = DAY
    with pytest.raises(LeaseLostError):
        jumpy.desk.back_up()
    assert jumpy.taken is not None
    assert len(jumpy.good_runs()) == 1
    jumpy.carry_out(jumpy.taken)
    job = jumpy.queue.get(jumpy.taken.job.id)
    assert (job.status, job.claims) == (JobStatus.SUCCEEDED, 2)
    assert jumpy.good_runs().count(job.id) == 1
    jumpy.house.clock.set(jumpy.house.clock.now() - DAY)  # it is put right
    jumpy.back_up()
    jumpy.every_point_restores()


def test_a_run_in_whose_middle_the_clock_goes_back_goes_on_undisturbed(jumpy: Jumpy) -> None:
    jumpy.jump = -DAY
    jumpy.back_up()
    assert jumpy.taken is None
    jumpy.back_up()
    jumpy.house.clock.set(jumpy.house.clock.now() + DAY)  # it is put right
    jumpy.back_up()
    assert len(jumpy.good_runs()) == len(set(jumpy.good_runs())) == 4
    jumpy.every_point_restores()


# --- retention ----------------------------------------------------------------------------------------------

POLICY = RetentionPolicy(
    keep_last=2, keep_daily=3, keep_within=timedelta(days=2), min_age=timedelta(days=1), time_zone="UTC"
)


@pytest.fixture
def six_days(quick_dir: Path, opened: Open) -> Jumpy:
    """Twelve points, twelve hours apart."""
    jumpy = Jumpy(quick_dir, opened)
    for _ in range(12):
        jumpy.back_up()
        jumpy.house.clock.advance(11 * 3600)
    jumpy.house.change_profile(retention=POLICY)
    return jumpy


def pruned_at(jumpy: Jumpy, jump: timedelta) -> tuple[set[int], list[RestorePoint], datetime]:
    """Numbers of the points that are left by a prune with a wrong clock, which is put right afterwards; all
    that there were; and the right time."""
    points, right = jumpy.house.points(), jumpy.house.clock.now()
    jumpy.house.clock.set(right + jump)
    jumpy.house.prunes.prune(DOCS, jumpy.house.watcher)
    jumpy.house.clock.set(right)
    left = {point.seq for point in jumpy.house.points()}
    jumpy.worlds = {seq: world for seq, world in jumpy.worlds.items() if seq in left}
    return left, points, right


def test_with_a_clock_that_went_back_a_prune_takes_nothing_that_the_policy_keeps(six_days: Jumpy) -> None:
    left, points, right = pruned_at(six_days, -DAY)
    assert left >= retention_oracle.kept(POLICY, points, right)
    six_days.every_point_restores()


def test_with_a_clock_that_went_forward_a_prune_takes_nothing_kept_by_number_or_calendar(
    six_days: Jumpy,
) -> None:
    """Ages alone are a day greater: what is kept for its youth goes that day earlier, and nothing else."""
    left, points, right = pruned_at(six_days, DAY)
    assert left == retention_oracle.kept(POLICY, points, right + DAY)
    ageless = RetentionPolicy(keep_last=2, keep_daily=3, keep_within=timedelta(0), min_age=timedelta(0))
    a_day_less = RetentionPolicy(keep_within=timedelta(days=1), min_age=timedelta(0), keep_last=2)
    assert left >= retention_oracle.kept(ageless, points, right)
    assert left >= retention_oracle.kept(a_day_less, points, right)
    six_days.every_point_restores()


def test_points_of_a_wrong_clock_push_no_good_one_out(six_days: Jumpy) -> None:
    """A run whose end lies a day ahead, and one a day back, take the places that two runs take."""
    for jump in (DAY, -2 * DAY):
        six_days.house.clock.set(six_days.house.clock.now() + jump)
        six_days.back_up()
    six_days.house.clock.set(six_days.house.clock.now() + DAY)
    points, right = six_days.house.points(), six_days.house.clock.now()
    left, _, _ = pruned_at(six_days, timedelta(0))
    assert left == retention_oracle.kept(POLICY, points, right)
    assert {13, 14} <= left
    six_days.every_point_restores()


# --- schedules ----------------------------------------------------------------------------------------------


@pytest.fixture
def planned(quick_dir: Path, opened: Open) -> Planned:
    return Planned(quick_dir, START, Schedule(cron="0 2 * * *"), opened)


def test_a_clock_that_goes_forward_during_a_scheduled_run_asks_for_no_due_moment_twice(
    planned: Planned,
) -> None:
    """The clock is put right after a while; the night that seemed to have come is not asked for again."""
    house = planned
    house.at(TWO)
    claim = house.claim()
    assert claim is not None
    assert house.at(TWO + DAY + MINUTE).decision.verdict is Verdict.UNDER_WAY
    assert len(house.asked()) == 1
    house.queue.finish(claim, JobStatus.FAILED, JobResult(error_code="transfer-interrupted", error="cut"))
    house.at(TWO + DAY + HOUR)
    house.work()
    house.at(TWO + DAY + 2 * HOUR)
    seen = len(house.asked())
    for minutes in range(60, 24 * 60, 60):  # the right time again
        house.at(TWO + timedelta(minutes=minutes))
    assert len(house.asked()) <= seen + 1
    nightly_goes_on(house, TWO + 2 * DAY)


def test_a_clock_that_goes_back_during_a_scheduled_run_asks_for_no_due_moment_twice(planned: Planned) -> None:
    house = planned
    house.at(TWO)
    claim = house.claim()
    assert claim is not None
    house.at(TWO - DAY + MINUTE)
    assert len(house.asked()) == 1
    house.queue.finish(claim, JobStatus.SUCCEEDED, JobResult())
    for minutes in range(2, 24 * 60, 60):
        house.at(TWO - DAY + timedelta(minutes=minutes))
    assert len(house.asked()) == 1
    nightly_goes_on(house, TWO + DAY)


def nightly_goes_on(house: Planned, first: datetime) -> None:
    """From this night on, each night's backup is asked for once."""
    for night in range(3):
        before = len(house.asked())
        house.at(first + night * DAY)  # what an earlier job still answers for is found done
        house.at(first + night * DAY + MINUTE)
        assert len(house.asked()) == before + 1, night
        house.work()
        house.at(first + night * DAY + HOUR)
        assert len(house.asked()) == before + 1, night


def test_points_know_their_numbers_whatever_the_clock_says(jumpy: Jumpy) -> None:
    """Ids of runs sort by the clock, numbers by what came after what: histories go by the numbers."""
    jumpy.house.clock.set(jumpy.house.clock.now() - 2 * DAY)
    jumpy.back_up()
    points = jumpy.house.points()
    assert [point.seq for point in points] == [1, 2]
    assert points[1].run_id < points[0].run_id
    assert all(point.counted is Counted.COUNTED for point in points)
    jumpy.every_point_restores()
