"""Scheduler: asks for the backups that are due, each once, and tells when a profile is too old."""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from bckcore.domain.due import Decision, ScheduleState, Situation, Verdict
from bckcore.domain.events import HostUnreachable, ProfileRecovered, ProfileStale
from bckcore.domain.health import Health
from bckcore.domain.ids import JobId, ProfileId
from bckcore.domain.job import Job
from bckcore.errors import BckError, NotFoundError, TransientError
from bckcore.ports.clock import Clock
from bckcore.ports.job_queue import JobQueue
from bckcore.ports.unit_of_work import UnitOfWorkFactory
from bckcore.services.hooks import Hooks
from bckcore.services.jobs import JobService
from bckcore.services.schedule_jobs import REQUESTED_BY, answered_by, asked, key_of, not_asked, settled
from bckcore.services.standing import Standing, StandingService

_logger = logging.getLogger(__name__)
Change = Callable[[ScheduleState], ScheduleState]
CLOCK_WAS_WRONG = timedelta(days=1)
"""What people were told that far in the future was told by a clock that was wrong."""


class Scheduler:
    """Any number of them may look at the same installation: they share what the database remembers.

    A try is asked for with a key that names its due moment and number, so the same try is one job whoever
    asks. What changes a state looks at it again in its own transaction. A crash between the two is healed by
    the key, and by the run that it led to.
    """

    def __init__(
        self,
        *,
        units: UnitOfWorkFactory,
        queue: JobQueue,
        jobs: JobService,
        standings: StandingService,
        hooks: Hooks,
        clock: Clock,
        remind_after: timedelta | None = None,
    ) -> None:
        """``remind_after``: people are told again that a profile is stale, that often; None for never."""
        self._units = units
        self._queue = queue
        self._jobs = jobs
        self._standings = standings
        self._hooks = hooks
        self._clock = clock
        self._remind_after = remind_after
        self._told_not_noted: dict[ProfileId, tuple[datetime | None, bool]] = {}
        """What was told, where taking note of it has failed: from which state, and whether it is stale."""

    def look(self, *, start: bool = True) -> None:
        """Look at every profile once: settle ended tries, tell of freshness and, with ``start``, ask.

        What goes wrong with one profile is logged and keeps no other from its backup. Raises BckError when
        the database is out of reach.
        """
        for standing in self._standings.all():
            try:
                self._look_at(standing, start=start)
            except TransientError:
                raise
            except BckError as error:
                _logger.warning("the schedule of %s is put off: %s", standing.profile.id, error)

    def _look_at(self, standing: Standing, *, start: bool) -> None:
        self._tell_freshness(standing)
        if self._brought_up_to_date(standing):
            standing = self._standings.of(standing.profile.id)
        if start and standing.decision.verdict is Verdict.START and standing.state.job is None:
            self._ask(standing, standing.decision)

    def _brought_up_to_date(self, standing: Standing) -> bool:
        """Take note of what happened since the last look; True if that may change the decision."""
        situation, profile = standing.situation, standing.profile
        if standing.state.job is not None and situation.under_way is None:
            self._settle(standing, standing.state.job)
            return True
        if profile.schedule is None or not profile.enabled:
            return False
        return self._keep_count(situation)

    def _settle(self, standing: Standing, job_id: JobId) -> None:
        """Take note of how a try ended."""
        job = self._job(job_id)
        if job is not None and not job.status.final:
            return
        now = self._clock.now()
        went_offline = self._changed(
            standing.profile.id, lambda state: settled(state, job, now) if state.job == job_id else state
        )
        if went_offline and job is not None:
            event = HostUnreachable(host=standing.profile.host, at=now, why=job.result.error)
            self._hooks.host_unreachable(event)

    def _job(self, job_id: JobId) -> Job | None:
        try:
            return self._queue.get(job_id)
        except NotFoundError:  # jobs are not kept for ever
            return None

    def _keep_count(self, situation: Situation) -> bool:
        """Remember from where due moments are counted, where that is not known or has changed."""
        now, state = self._clock.now(), situation.state
        newest, created = situation.answered(now), situation.profile.created
        if newest is None and (created is None or created > now):
            newest = now
        if newest is None or newest == state.answered:
            return False
        start = newest
        # One from the future, of a clock that was wrong, gives way.
        self._changed(state.profile, lambda found: answered_by(found, start) if found == state else found)
        return True

    def _ask(self, standing: Standing, decision: Decision) -> None:
        now, seen, due = self._clock.now(), standing.state, decision.due
        if due is None:
            return
        try:
            job = self._start(seen, due)
        except TransientError:
            raise
        except BckError as error:
            why = str(error)
            self._changed(seen.profile, lambda state: _if_seen(state, seen, not_asked, why, due, now))
            raise
        self._changed(seen.profile, lambda state: _if_seen(state, seen, asked, job, due, now))
        if job.status.final:  # this try was made before, and a crash kept it from being noted
            self._settle(standing, job.id)

    def _start(self, seen: ScheduleState, due: datetime) -> Job:
        key = key_of(seen, due)
        answer = self._jobs.start_backup(
            seen.profile, requested_by=REQUESTED_BY, key=key, only_if_reachable=True
        )
        if answer.created:
            _logger.info("scheduled backup of %s, due %s: job %s", seen.profile, due, answer.job.id)
        return answer.job

    def _tell_freshness(self, standing: Standing) -> None:
        """Announce that a profile has become stale, still is, or is good again.

        Only a backup makes it good again. Where the objective was taken away or made longer, or the profile
        is another one of that name, what people were told is forgotten, and nothing is told.
        """
        profile, health, now = standing.profile, standing.health, self._clock.now()
        told = standing.state.stale_since
        if health.fresh is False and profile.objective is not None:
            if told is not None and not self._to_remind(told, now):
                return
            stale = ProfileStale(
                profile=profile.id,
                host=profile.host,
                at=now,
                fresh_within=profile.objective,
                good_at=health.good_at,
                offline_since=standing.state.offline_since,
                told_at=told,
            )
            self._tell(profile.id, told, now, lambda: self._hooks.profile_stale(stale))
        elif told is not None and not _good_since(told, health):
            self._noted(profile.id, told, None)
        elif told is not None:
            good = ProfileRecovered(profile=profile.id, host=profile.host, at=now, told_at=told)
            self._tell(profile.id, told, None, lambda: self._hooks.profile_recovered(good))

    def _to_remind(self, told: datetime, now: datetime) -> bool:
        if told > now + CLOCK_WAS_WRONG:
            return True
        return self._remind_after is not None and now - told >= self._remind_after

    def _tell(
        self, profile: ProfileId, before: datetime | None, after: datetime | None, tell: Callable[[], None]
    ) -> None:
        """Tell, and only then take note of it: whoever dies in between is not the last to tell.

        Two schedulers that look in the same moment may both tell. Where taking note fails, this one does
        not tell again, it only tries to note it.
        """
        if self._noted(profile, before, before):
            mark = (before, after is not None)
            if self._told_not_noted.get(profile) != mark:
                tell()
            self._told_not_noted[profile] = mark
            self._noted(profile, before, after)
        self._told_not_noted.pop(profile, None)

    def _noted(self, profile: ProfileId, before: datetime | None, after: datetime | None) -> bool:
        """Note what people are told; False if another scheduler was faster."""
        with self._units() as uow:
            uow.profiles.get(profile)  # of one that was removed meanwhile nothing is remembered
            state = uow.schedule_states.get(profile)
            if state.stale_since == before != after:
                uow.schedule_states.put(replace(state, stale_since=after))
                uow.commit()
        return state.stale_since == before

    def _changed(self, profile: ProfileId, change: Change) -> bool:
        """Change what is remembered, seen in the same transaction; True if the host went offline by it."""
        with self._units() as uow:
            uow.profiles.get(profile)  # see _noted
            before = uow.schedule_states.get(profile)
            after = change(before)
            if after != before:
                uow.schedule_states.put(after)
                uow.commit()
        return before.offline_since is None and after.offline_since is not None


def _good_since(told: datetime, health: Health) -> bool:
    """True if a backup later than the telling has made it fresh."""
    return health.fresh is True and health.good_at is not None and health.good_at >= told


def _if_seen(
    state: ScheduleState,
    seen: ScheduleState,
    change: Callable[..., ScheduleState],
    what: object,
    due: datetime,
    now: datetime,
) -> ScheduleState:
    """The change, unless another scheduler has taken note of this try already."""
    if (state.tries, state.due_since, state.job) != (seen.tries, seen.due_since, seen.job):
        return state
    return change(state, what, due=due, now=now)
