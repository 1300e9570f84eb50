"""A house with schedules: schedulers over one database, a PC that is on or off, a clock that is moved."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

from bck_adapters.memory.clock import SettableClock
from bck_adapters.memory.hosts import MemoryHost
from bck_adapters.memory.queue import MemoryJobQueue
from bck_adapters.memory.transport import MemoryTransport
from bckcore.domain.due import ScheduleState
from bckcore.domain.events import HostUnreachable, ProfileRecovered, ProfileStale
from bckcore.domain.ids import ProfileId, RunId
from bckcore.domain.job import Job, JobKind, JobResult, JobStatus
from bckcore.domain.restore_point import Counted, RestorePoint
from bckcore.domain.run import Run, RunOutcome
from bckcore.domain.schedule import Schedule
from bckcore.errors import BckError, HostUnreachableError
from bckcore.plugins.registry import Database
from bckcore.ports.job_queue import Claim
from bckcore.services.hooks import NullHooks
from bckcore.services.jobs import JobService
from bckcore.services.missing import much_unread
from bckcore.services.presence import PresenceService, Sign
from bckcore.services.scheduler import Scheduler
from bckcore.services.standing import Standing, StandingService
from tests.support.house import DOCS, PC, House
from tests.support.job_service import job_service

OFF = HostUnreachableError("pc1 does not answer.")


@dataclass
class Told(NullHooks):
    """Remembers what plugins are told about freshness and hosts."""

    events: list[ProfileStale | ProfileRecovered | HostUnreachable] = field(default_factory=list)

    def profile_stale(self, event: ProfileStale) -> None:
        """Remember it."""
        self.events.append(event)

    def profile_recovered(self, event: ProfileRecovered) -> None:
        """Remember it."""
        self.events.append(event)

    def host_unreachable(self, event: HostUnreachable) -> None:
        """Remember it."""
        self.events.append(event)


class Planned:
    """One installation whose schedule is driven by hand."""

    def __init__(
        self,
        folder: Path,
        start: datetime,
        schedule: Schedule | None,
        database: Callable[[SettableClock], Database] | None = None,
        **changes: object,
    ) -> None:
        self.host = MemoryHost()
        self.house = House(folder / "store", MemoryTransport({PC: self.host}), database=database)
        self.clock = self.house.clock
        self.clock.set(start)
        self.house.change_profile(schedule=schedule, created=start, **changes)
        self.queue = self.house.database.queue
        self.units = self.house.database.units
        self.told = Told()
        self.jobs: JobService = job_service(self.house)
        self.standings = StandingService(units=self.units, queue=self.queue, clock=self.clock)
        self.scheduler = self.another_scheduler()
        self._seq = 0

    def another_scheduler(self, **changes: Any) -> Scheduler:
        """Of another runner, or of the same one started anew: it knows nothing but the database."""
        parts = {
            "units": self.units,
            "queue": self.queue,
            "jobs": self.jobs,
            "standings": self.standings,
            "hooks": self.told,
            "clock": self.clock,
        }
        return Scheduler(**{**parts, **changes})

    def at(self, when: datetime) -> Standing:
        """Look at that time; how docs stands after it."""
        self.clock.set(when)
        self.scheduler.look()
        return self.standing()

    def standing(self, profile: ProfileId = DOCS) -> Standing:
        """How a profile stands."""
        return self.standings.of(profile)

    def state(self) -> ScheduleState:
        """What is remembered of docs."""
        return self.standing().state

    def asked(self) -> list[Job]:
        """All backups that were asked for, oldest first."""
        return list(reversed(self.queue.list(kind=JobKind.BACKUP, limit=100_000)))

    def claim(self) -> Claim | None:
        """Begin what waits."""
        return self.queue.claim("test", lease_seconds=3600)

    def work(self, error: BckError | None = None, *, good: bool = True, minutes: float = 1) -> Job:
        """Carry out the job that waits, as a runner and a backup would; with ``error`` it fails.

        Without its host, a job of the schedule makes no run.
        """
        claim = self.claim()
        assert claim is not None
        started = self.clock.now()
        self.clock.set(started + timedelta(minutes=minutes))
        if error is None or not isinstance(error, HostUnreachableError):
            self._enter(claim, started, error, good=good)
        status = JobStatus.FAILED if error else JobStatus.SUCCEEDED
        return self.queue.finish(claim, status, JobResult.of_error(error) if error else JobResult())

    def _enter(self, claim: Claim, started: datetime, error: BckError | None, *, good: bool) -> None:
        self._seq += 1
        now = self.clock.now()
        went = RunOutcome.SUCCEEDED if good else RunOutcome.PARTIAL
        told = None if good else much_unread(claim.job.profile)
        run = Run(
            id=RunId(f"{started:%Y%m%dT%H%M%SZ}-{self._seq:08x}"),
            profile=claim.job.profile,
            host=PC,
            job=claim.job.id,
            seq=self._seq,
            started=started,
        ).ended(RunOutcome.FAILED if error else went, now, error or told)
        with self.units() as uow:
            uow.runs.add(run)
            if not error and good:
                uow.points.add(_point(run, now))
            uow.commit()

    def drop_old_jobs(self) -> None:
        """Jobs are not kept for ever, and a memory queue walks through all that it has."""
        rows = cast("MemoryJobQueue", self.queue)._rows
        for job in list(rows)[:-20]:
            del rows[job]

    def sign(self, **says: object) -> None:
        """The PC says something about itself."""
        PresenceService(units=self.units, clock=self.clock).heard(PC, replace(Sign(), **says))  # type: ignore[arg-type]  # fields of a sign

    def forget_what_was_noted(self, state: ScheduleState) -> None:
        """A crash before the note: the database has what it had before."""
        with self.units() as uow:
            uow.schedule_states.put(state)
            uow.commit()


def _point(run: Run, now: datetime) -> RestorePoint:
    return RestorePoint(
        profile=run.profile,
        run_id=run.id,
        seq=run.seq,
        outcome=RunOutcome.SUCCEEDED,
        counted=Counted.COUNTED,
        started=run.started,
        finished=now,
        verified_at=now,
        counts=run.counts,
    )
