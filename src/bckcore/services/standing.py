"""Standing: for every profile what its schedule wants next and why, and how fresh its backups are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bckcore.domain.due import Decision, ScheduleState, Situation, Verdict, decided
from bckcore.domain.health import Health, judged
from bckcore.domain.ids import ProfileId
from bckcore.domain.job import JobKind, JobStatus
from bckcore.domain.presence import Presence
from bckcore.domain.profile import Profile
from bckcore.domain.restore_point import Counted, RestorePoint
from bckcore.domain.run import Run, RunKind, RunOutcome
from bckcore.errors import HostKeyChangedError, InvalidInputError
from bckcore.ports.clock import Clock
from bckcore.ports.job_queue import JobQueue
from bckcore.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory

_UNFINISHED = (JobStatus.QUEUED, JobStatus.RUNNING)
_MANY = 100_000
"""More backups than ever wait at once: one a profile."""
_LAST_RUNS = 50
"""So many runs back the newest backup that went through is looked for."""
_WENT_THROUGH = (RunOutcome.SUCCEEDED, RunOutcome.PARTIAL, RunOutcome.SUSPECT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How one profile stands now."""

    situation: Situation
    decision: Decision
    health: Health

    @property
    def profile(self) -> Profile:
        """The profile."""
        return self.situation.profile

    @property
    def state(self) -> ScheduleState:
        """What is remembered of its schedule."""
        return self.situation.state

    @property
    def offline_since(self) -> datetime | None:
        """Since when the host does not answer; None while it does, or nothing is scheduled."""
        return self.state.offline_since if standing_offline(self.situation) else None

    @property
    def presence(self) -> Presence | None:
        """The newest sign of life of its host, if it still counts."""
        return self.situation.presence


class StandingService:
    """Looks and changes nothing. Thread-safe."""

    def __init__(self, *, units: UnitOfWorkFactory, queue: JobQueue, clock: Clock) -> None:
        self._units = units
        self._queue = queue
        self._clock = clock

    def all(self) -> Sequence[Standing]:
        """Every profile by name, as one moment saw them."""
        under_way = self._under_way()
        with self._units(read_only=True) as uow:
            states = {state.profile: state for state in uow.schedule_states.list()}
            presences = {one.host: one for one in uow.presences.list()}
            return [
                self._standing(uow, profile, states.get(profile.id), presences.get(profile.host), under_way)
                for profile in uow.profiles.list()
            ]

    def of(self, profile: ProfileId) -> Standing:
        """One profile. Raises NotFoundError."""
        under_way = self._under_way()
        with self._units(read_only=True) as uow:
            found = uow.profiles.get(profile)
            state, presence = uow.schedule_states.get(profile), uow.presences.get(found.host)
            return self._standing(uow, found, state, presence, under_way)

    def _under_way(self) -> Mapping[ProfileId, JobStatus]:
        jobs = self._queue.list(status=_UNFINISHED, kind=JobKind.BACKUP, limit=_MANY)
        return {job.profile: job.status for job in jobs}

    def _standing(
        self,
        uow: UnitOfWork,
        profile: Profile,
        state: ScheduleState | None,
        presence: Presence | None,
        under_way: Mapping[ProfileId, JobStatus],
    ) -> Standing:
        now = self._clock.now()
        state = state or ScheduleState(profile=profile.id)
        situation = Situation(
            profile=profile,
            state=state,
            under_way=under_way.get(profile.id),
            last_start=_last_start(uow, profile.id, state, now),
            presence=presence if presence is not None and presence.fresh(now) else None,
        )
        point = _good_point(uow.points.list(profile.id))
        health = judged(
            created=profile.created,
            fresh_within=profile.fresh_within,
            good_at=point.verified_at if point else None,
            offline=standing_offline(situation),
            alarm=_alarmed(uow.runs.last(profile.id)),
            now=now,
        )
        try:
            decision = decided(situation, now)
        except InvalidInputError as error:  # this system has lost a time zone
            decision = Decision(verdict=Verdict.BLOCKED, reason=str(error))
        return Standing(situation=situation, decision=decision, health=health)


def standing_offline(situation: Situation) -> bool:
    """True if the host did not answer a scheduled try, and no backup went through since."""
    profile, since, last = situation.profile, situation.state.offline_since, situation.last_start
    scheduled = profile.schedule is not None and profile.enabled
    return scheduled and since is not None and (last is None or last < since)


def _last_start(uow: UnitOfWork, profile: ProfileId, state: ScheduleState, now: datetime) -> datetime | None:
    """Start of the newest backup that went through; what the state knows already is not searched for."""
    last = uow.runs.last(profile)
    if last is None or (state.answered is not None and last.started <= state.answered <= now):
        return None
    runs = uow.runs.list(profile, after_seq=max(0, last.seq - _LAST_RUNS))
    return next((run.started for run in reversed(runs) if _counts(run, now)), None)


def _alarmed(last: Run | None) -> bool:
    """True if the newest run found another host key than the pinned one."""
    return last is not None and last.error_code == HostKeyChangedError.code


def _counts(run: Run, now: datetime) -> bool:
    """False also for one from the future: the clock was wrong then, or is now."""
    return run.kind is RunKind.BACKUP and run.outcome in _WENT_THROUGH and run.started <= now


def _good_point(points: Sequence[RestorePoint]) -> RestorePoint | None:
    return next((point for point in reversed(points) if point.counted is Counted.COUNTED), None)
