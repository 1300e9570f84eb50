"""Standing: for every profile what its schedule wants next and why, and how fresh its backups are."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bckcore.domain.due import Decision, ScheduleState, Situation, Verdict, decided
from bckcore.domain.health import Health, HealthState, judged
from bckcore.domain.ids import HostId, ProfileId
from bckcore.domain.job import JobKind, JobStatus
from bckcore.domain.presence import Presence
from bckcore.domain.profile import Profile
from bckcore.domain.run import Run, RunOutcome
from bckcore.errors import ALARMS, InvalidInputError
from bckcore.ports.clock import Clock
from bckcore.ports.job_queue import JobQueue
from bckcore.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory

_UNFINISHED = (JobStatus.QUEUED, JobStatus.RUNNING)
_MANY = 100_000
"""More backups than ever wait at once: one a profile."""
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
    def amiss(self) -> bool:
        """True if a person should look: the objective is missed, or there is an alarm; never while the
        profile is switched off."""
        alarm = self.profile.enabled and self.health.state is HealthState.ALARM
        return alarm or self.health.fresh is False

    @property
    def offline_since(self) -> datetime | None:
        """Since when the host does not answer; None while it does, or nothing is scheduled."""
        return self.state.offline_since if standing_offline(self.situation) else None

    @property
    def presence(self) -> Presence | None:
        """The newest sign of life of its host, if it still counts."""
        return self.situation.presence


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What the database says of all profiles that are looked at."""

    now: datetime
    states: Mapping[ProfileId, ScheduleState]
    presences: Mapping[HostId, Presence]
    under_way: Mapping[ProfileId, JobStatus]
    went_through: Mapping[ProfileId, Run]
    """The newest backups that went through."""
    met: Mapping[ProfileId, Run]
    """The newest backups that are known to have met a host key: they read the host by the pinned one, or
    were shown another, or met a host that did what no honest one does. Nothing else ends an alarm: who
    stands in the way can break off a connection, and say whatever he likes before any key is shown.
    """
    good: Mapping[ProfileId, Run]


class StandingService:
    """Looks and changes nothing. Thread-safe."""

    def __init__(self, *, units: UnitOfWorkFactory, queue: JobQueue, clock: Clock) -> None:
        self._units = units
        self._queue = queue
        self._clock = clock

    def all(self, *, hosts: Collection[HostId] | None = None) -> Sequence[Standing]:
        """Every profile by name, as one moment saw them; with ``hosts`` only those of these hosts.

        It takes the same few statements, however many profiles there are.
        """
        under_way = self._under_way(hosts)
        with self._units(read_only=True) as uow:
            profiles = [one for one in uow.profiles.list() if hosts is None or one.host in hosts]
            names = None if hosts is None else [one.id for one in profiles]
            states = {state.profile: state for state in uow.schedule_states.list()}
            presences = {one.host: one for one in uow.presences.list()}
            known = self._known(uow, names, states, presences, under_way)
        return [_standing(profile, known) for profile in profiles]

    def of(self, profile: ProfileId) -> Standing:
        """One profile. Raises NotFoundError."""
        with self._units(read_only=True) as uow:
            host = uow.profiles.get(profile).host
        under_way = self._under_way([host])
        with self._units(read_only=True) as uow:
            found = uow.profiles.get(profile)
            presence = uow.presences.get(found.host)
            presences = {} if presence is None else {found.host: presence}
            states = {profile: uow.schedule_states.get(profile)}
            known = self._known(uow, [profile], states, presences, under_way)
        return _standing(found, known)

    def _under_way(self, hosts: Collection[HostId] | None) -> Mapping[ProfileId, JobStatus]:
        jobs = self._queue.list(status=_UNFINISHED, kind=JobKind.BACKUP, hosts=hosts, limit=_MANY)
        return {job.profile: job.status for job in jobs}

    def _known(
        self,
        uow: UnitOfWork,
        names: Collection[ProfileId] | None,
        states: Mapping[ProfileId, ScheduleState],
        presences: Mapping[HostId, Presence],
        under_way: Mapping[ProfileId, JobStatus],
    ) -> _Known:
        now, latest = self._clock.now(), uow.latest
        return _Known(
            now=now,
            states=states,
            presences=presences,
            under_way=under_way,
            # One from the future is passed over: the clock was wrong then, or is now.
            went_through=latest.backups(_WENT_THROUGH, until=now, profiles=names),
            met=latest.backups(_WENT_THROUGH, or_errors=ALARMS, profiles=names),
            good=latest.good_backups(now, names),
        )


def _standing(profile: Profile, known: _Known) -> Standing:
    now, good = known.now, known.good.get(profile.id)
    last, met = known.went_through.get(profile.id), known.met.get(profile.id)
    presence = known.presences.get(profile.host)
    situation = Situation(
        profile=profile,
        state=known.states.get(profile.id) or ScheduleState(profile=profile.id),
        under_way=known.under_way.get(profile.id),
        last_start=last.started if last else None,
        presence=presence if presence is not None and presence.fresh(now) else None,
    )
    health = judged(
        created=profile.created,
        fresh_within=profile.objective,
        good_at=good.finished if good else None,
        offline=standing_offline(situation),
        alarm=met is not None and met.error_code in ALARMS,
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
