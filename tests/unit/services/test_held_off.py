"""A backup of the schedule that waited begins only where its schedule allows a start by then."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bck_adapters.memory.clock import SettableClock
from bckcore.domain.credential import Credential
from bckcore.domain.due import Verdict
from bckcore.domain.host import Host
from bckcore.domain.job import Job, JobStatus
from bckcore.domain.run import Run
from bckcore.domain.schedule import Schedule
from bckcore.domain.transfer import HostFacts
from bckcore.ports.job_queue import Claim
from bckcore.ports.transport import PullReport, Watcher
from bckcore.services.schedule_jobs import REQUESTED_BY
from tests.support.desks import Desk
from tests.support.house import DOCS, House
from tests.support.job_service import job_service
from tests.support.planned import Planned

START = datetime(2027, 1, 10, 12, tzinfo=UTC)
TWO = datetime(2027, 1, 11, 2, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NIGHT = Schedule(cron="0 2 * * *", windows=("01:00-06:00",), blackouts=("08:00-18:00",))


def worked(house: House, *, lease_seconds: float = 3600) -> Job:
    """What waits, taken now and carried out for real."""
    claim = house.database.queue.claim("test", lease_seconds=lease_seconds)
    assert claim is not None
    return ended(house, claim)


def ended(house: House, claim: Claim) -> Job:
    """A claimed job, carried out for real."""
    status, result = house.worker.carry_out(claim, house.watcher)
    return house.database.queue.finish(claim, status, result)


def runs(house: House) -> Sequence[Run]:
    """All that were made."""
    with house.database.units(read_only=True) as uow:
        return uow.runs.list(DOCS)


@pytest.fixture
def planned(tmp_path: Path) -> Planned:
    return Planned(tmp_path, START, NIGHT)


def test_what_waited_into_a_blackout_makes_no_run_and_is_caught_up_once(planned: Planned) -> None:
    assert planned.at(TWO).decision.verdict is Verdict.UNDER_WAY
    planned.clock.set(TWO + 8 * HOUR)  # its two places were taken until now, in the middle of the blackout
    job = worked(planned.house)
    assert (job.status, job.result.error_code) == (JobStatus.HELD_OFF, "held-off")
    assert runs(planned.house) == []
    assert not list(planned.house.root.rglob("*.json"))
    assert [line.partition(":")[0] for line in planned.house.watcher.lines] == ["info"]
    standing = planned.at(TWO + 8 * HOUR + MINUTE)
    opening = TWO + 23 * HOUR
    assert (standing.decision.verdict, standing.decision.until) == (Verdict.BLOCKED, opening)
    assert (standing.state.due_since, standing.state.failures, standing.offline_since) == (TWO, 0, None)
    assert planned.told.events == []
    for minute in range(0, 15 * 60, 20):
        planned.at(TWO + 8 * HOUR + minute * MINUTE)
    assert len(planned.asked()) == 1
    for minute in range(50):
        planned.at(opening + minute * MINUTE)
    assert [one.status for one in planned.asked()] == [JobStatus.HELD_OFF, JobStatus.QUEUED]
    planned.work()
    assert planned.at(opening + 55 * MINUTE).decision.due == TWO + DAY
    assert len(planned.asked()) == 2


def test_a_queue_that_is_never_in_time_loses_no_due_moment_and_alarms_nobody(planned: Planned) -> None:
    for night in range(10):
        planned.at(TWO + night * DAY)
        planned.clock.set(TWO + night * DAY + 8 * HOUR)
        assert worked(planned.house).status is JobStatus.HELD_OFF
        standing = planned.at(TWO + night * DAY + 9 * HOUR)
        assert (standing.state.due_since, standing.state.failures) == (TWO, 0)
    assert planned.told.events == []
    assert runs(planned.house) == []


def test_a_condition_that_the_host_no_longer_meets_holds_it_off_too(planned: Planned) -> None:
    planned.house.change_profile(schedule=Schedule(cron="0 2 * * *", only_idle=True))
    planned.clock.set(TWO)
    planned.sign(idle=True)
    planned.at(TWO)
    planned.clock.set(TWO + MINUTE)
    planned.sign(idle=False)
    job = worked(planned.house)
    assert (job.status, "is being used" in job.result.error) == (JobStatus.HELD_OFF, True)
    planned.sign(idle=True)
    planned.at(TWO + 2 * MINUTE)
    assert planned.at(TWO + 3 * MINUTE).decision.verdict is Verdict.UNDER_WAY


def test_the_schedule_that_counts_is_that_of_the_moment(planned: Planned) -> None:
    planned.at(TWO)
    planned.house.change_profile(enabled=False)
    assert worked(planned.house).status is JobStatus.HELD_OFF
    planned.house.change_profile(enabled=True)
    planned.at(TWO + 2 * MINUTE)
    assert planned.at(TWO + 3 * MINUTE).decision.verdict is Verdict.UNDER_WAY


def test_what_a_person_asks_for_begins_in_the_blackout(tmp_path: Path) -> None:
    desk = a_desk(tmp_path, TWO + 8 * HOUR)
    job_service(desk.house).start_backup(DOCS, requested_by="anna")
    assert worked(desk.house).status is JobStatus.SUCCEEDED


def test_a_person_who_asks_for_what_waits_by_the_schedule_gets_it_at_any_time(tmp_path: Path) -> None:
    desk = a_desk(tmp_path, TWO)
    ask(desk.house)
    desk.house.clock.set(TWO + 8 * HOUR)
    answer = job_service(desk.house).start_backup(DOCS, requested_by="anna")
    assert not answer.created
    job = worked(desk.house)
    assert (job.id, job.requested_by, job.status) == (answer.job.id, "anna", JobStatus.SUCCEEDED)


def test_two_machines_whose_clocks_differ_do_not_ask_at_every_look(planned: Planned) -> None:
    planned.at(TWO)
    for second in range(0, 180, 5):
        if planned.queue.list(status=[JobStatus.QUEUED]):
            planned.clock.set(TWO - 2 * HOUR)  # by the runner's clock no window is open yet
            worked(planned.house)
        planned.at(TWO + timedelta(seconds=second))
    assert len(planned.asked()) <= 4


def a_desk(folder: Path, now: datetime, **parts: object) -> Desk:
    """One with a file on its PC and that schedule, at that time."""
    desk = Desk(folder, **parts)  # type: ignore[arg-type]  # passed on as given
    desk.write("a")
    desk.house.change_profile(schedule=NIGHT, created=START)
    desk.house.clock.set(now)
    return desk


def ask(house: House) -> None:
    """As the schedule does."""
    job_service(house).start_backup(DOCS, requested_by=REQUESTED_BY, only_if_reachable=True)


class SlowDoor:
    """A transport that needs hours to find its host."""

    def __init__(self, inner: object) -> None:
        self._inner = inner
        self.clock: SettableClock | None = None

    def probe(
        self,
        host: Host,
        credential: Credential | None,
        paths: Sequence[str],
        watcher: Watcher | None = None,
    ) -> HostFacts:
        """Hours pass."""
        if self.clock is not None:
            self.clock.advance(5 * 3600)
        return self._inner.probe(host, credential, paths, watcher)  # type: ignore[attr-defined, no-any-return]

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)


def test_what_waited_after_its_claim_is_looked_at_once_more_before_its_run(tmp_path: Path) -> None:
    doors: list[SlowDoor] = []

    def wrapped(inner: object) -> SlowDoor:
        doors.append(SlowDoor(inner))
        return doors[-1]

    desk = a_desk(tmp_path, TWO, wrapped=wrapped)
    doors[0].clock = desk.house.clock
    ask(desk.house)
    assert worked(desk.house).status is JobStatus.HELD_OFF
    assert runs(desk.house) == []


class Killed(BaseException):
    """The process ends here."""


def test_a_run_that_has_begun_goes_on_after_its_window_whoever_died_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = a_desk(tmp_path, TWO)
    ask(desk.house)

    def killed(*_: object, **__: object) -> PullReport:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(desk.house.backups._puller, "pull", killed)
        with pytest.raises(Killed):
            worked(desk.house, lease_seconds=60)
    desk.house.clock.set(TWO + 8 * HOUR)
    job = worked(desk.house)
    assert (job.claims, job.status) == (2, JobStatus.SUCCEEDED)


def test_a_job_that_died_before_it_began_has_not_begun(tmp_path: Path) -> None:
    desk = a_desk(tmp_path, TWO)
    ask(desk.house)
    assert desk.house.database.queue.claim("dies", lease_seconds=60) is not None
    desk.house.clock.set(TWO + 8 * HOUR)
    job = worked(desk.house)
    assert (job.claims, job.status) == (2, JobStatus.HELD_OFF)


def test_a_job_of_the_schedule_that_answers_for_a_person_begins_always(tmp_path: Path) -> None:
    desk = a_desk(tmp_path, TWO)
    ask(desk.house)
    assert desk.house.database.queue.claim("dies", lease_seconds=60) is not None
    assert not job_service(desk.house).start_backup(DOCS, requested_by="anna").created
    desk.house.clock.set(TWO + 8 * HOUR)
    job = worked(desk.house)
    assert (job.claims, job.status) == (2, JobStatus.SUCCEEDED)
