"""The nightly check: once a night, once a profile, one at a time."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bck_adapters.memory.hosts import MemoryHost
from bck_adapters.memory.transport import MemoryTransport, no_filters
from bck_apps.runner.nightly import LOOK_SECONDS, NightlyCheck
from bckcore.domain.ids import ProfileId
from bckcore.domain.job import Job, JobKind, JobResult, JobStatus
from bckcore.domain.nightly import Nightly
from bckcore.services.check_jobs import CheckJobs
from bckcore.services.profiles import ProfileService
from tests.support.house import DOCS, PC, House
from tests.support.job_service import job_service

START = datetime(2027, 1, 10, 12, tzinfo=UTC)


class Nights:
    """A house whose clock is moved, and the nightly check over it."""

    def __init__(self, folder: Path) -> None:
        self.house = House(folder / "store", MemoryTransport({PC: MemoryHost()}))
        self.clock = self.house.clock
        self.clock.set(START)
        self.queue = self.house.database.queue
        self.elsewhere: frozenset[ProfileId] = frozenset()
        self.again()

    def again(self) -> None:
        """The server is started anew."""
        jobs = CheckJobs(queue=self.queue, jobs=job_service(self.house))
        self.nightly = NightlyCheck(
            nightly=Nightly.of("03:30", "UTC"),
            sample=5.0,
            profiles=ProfileService(
                units=self.house.database.units,
                filters=no_filters,
                borders=self.house.borders,
                queue=self.queue,
                clock=self.clock,
            ),
            check_jobs=jobs,
            elsewhere=lambda: self.elsewhere,
            clock=self.clock,
        )

    def look_at(self, when: datetime) -> list[Job]:
        """Look at that time; the check jobs there are, oldest first."""
        self.clock.set(when)
        self.clock.advance(LOOK_SECONDS)
        self.nightly.look()
        return list(reversed(self.queue.list(kind=JobKind.CHECK, limit=100)))

    def finish(self, status: JobStatus = JobStatus.SUCCEEDED) -> None:
        """End the newest check."""
        claim = self.queue.claim("test", lease_seconds=60)
        assert claim is not None
        self.queue.finish(claim, status, JobResult())

    def second_profile(self) -> ProfileId:
        """One more profile."""
        with self.house.database.units() as uow:
            name = ProfileId("pics")
            uow.profiles.add(replace(uow.profiles.get(DOCS), id=name))
            uow.commit()
        return name


@pytest.fixture
def nights(tmp_path: Path) -> Nights:
    return Nights(tmp_path)


def test_a_check_is_asked_for_once_when_the_time_has_come(nights: Nights) -> None:
    tomorrow = datetime(2027, 1, 11, tzinfo=UTC)
    assert len(nights.look_at(tomorrow + timedelta(hours=3))) == 1  # the night before was missed
    nights.finish()
    assert len(nights.look_at(tomorrow + timedelta(hours=3, minutes=29))) == 1
    found = nights.look_at(tomorrow + timedelta(hours=3, minutes=30))
    assert len(found) == 2
    assert found[1].payload == {"sample": 5.0, "read_data": False, "against_host": False}
    assert found[1].idempotency_key == f"{found[1].requested_by}\nnightly-check/docs/2027-01-11"
    nights.finish()
    assert len(nights.look_at(tomorrow + timedelta(hours=20))) == 2


def test_a_server_that_starts_again_asks_only_once(nights: Nights) -> None:
    when = datetime(2027, 1, 11, 4, tzinfo=UTC)
    assert len(nights.look_at(when)) == 1
    nights.again()
    assert len(nights.look_at(when + timedelta(minutes=5))) == 1
    nights.finish(JobStatus.FAILED)
    nights.again()
    assert len(nights.look_at(when + timedelta(minutes=9))) == 1


def test_profiles_are_checked_one_after_the_other(nights: Nights) -> None:
    nights.second_profile()
    when = datetime(2027, 1, 11, 4, tzinfo=UTC)
    assert [job.profile for job in nights.look_at(when)] == ["docs"]
    assert [job.profile for job in nights.look_at(when + timedelta(minutes=10))] == ["docs"]
    nights.finish()
    assert [job.profile for job in nights.look_at(when + timedelta(minutes=20))] == ["docs", "pics"]


def test_a_node_that_is_dead_keeps_no_other_from_its_checks_and_gathers_none(nights: Nights) -> None:
    theirs = nights.second_profile()
    job_service(nights.house).ask(JobKind.CHECK, theirs, {"read_data": True}, requested_by="anna")
    nights.elsewhere = frozenset({theirs})
    for night in range(3):  # what waits there, nobody ever takes
        when = datetime(2027, 1, 11 + night, 4, tzinfo=UTC)
        for minutes in (0, 5):
            found = nights.look_at(when + timedelta(minutes=minutes))
            assert [job.profile for job in found] == [theirs, *["docs"] * (night + 1)]
        own = next(job for job in nights.queue.list() if job.profile == DOCS)
        claim = nights.queue.claim("test", lease_seconds=60, only=own.id)
        assert claim is not None
        nights.queue.finish(claim, JobStatus.SUCCEEDED, JobResult())
    assert len(nights.look_at(datetime(2027, 1, 13, 9, tzinfo=UTC))) == 4


def test_a_profile_that_is_switched_off_is_left_alone(nights: Nights) -> None:
    nights.house.change_profile(enabled=False)
    assert nights.look_at(datetime(2027, 1, 11, 4, tzinfo=UTC)) == []


def test_a_new_profile_waits_for_its_first_night(nights: Nights) -> None:
    nights.house.change_profile(created=START)
    assert nights.look_at(START + timedelta(hours=1)) == []
    assert len(nights.look_at(START + timedelta(hours=16))) == 1


def test_a_profile_that_a_person_checked_since_is_left_alone(nights: Nights) -> None:
    when = datetime(2027, 1, 11, 4, tzinfo=UTC)
    nights.clock.set(when)
    jobs = job_service(nights.house)
    jobs.ask(JobKind.CHECK, DOCS, {"read_data": True}, requested_by="anna")
    nights.finish()
    assert len(nights.look_at(when + timedelta(minutes=1))) == 1


def test_a_failing_database_does_not_end_the_runner(nights: Nights) -> None:
    def broken() -> None:
        raise RuntimeError("planted")

    nights.nightly._profiles = broken  # type: ignore[assignment]  # it cannot list
    assert nights.look_at(datetime(2027, 1, 11, 4, tzinfo=UTC)) == []
