"""Due: whether a profile's backup starts now, and if not, why not and until when. Pure."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from bckcore.domain.duration import duration_text
from bckcore.domain.ids import JobId, ProfileId
from bckcore.domain.job import JobStatus
from bckcore.domain.presence import Presence
from bckcore.domain.profile import Profile
from bckcore.domain.retention_rules import zone_of
from bckcore.domain.schedule import Schedule

FIRST_RETRY = timedelta(minutes=5)
LONGEST_RETRY = timedelta(hours=1)


def retry_after(tries: int) -> timedelta:
    """How long to wait after so many tries (from 1) that came to nothing: doubling, an hour at most."""
    return min(LONGEST_RETRY, FIRST_RETRY * (1 << min(tries - 1, 10)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleState:
    """What is remembered of a profile between two looks; survives restarts, shared by all runners."""

    profile: ProfileId
    answered: datetime | None = None
    """The newest start that counts: every due moment up to it is dealt with."""
    due_since: datetime | None = None
    """The due moment that the tries below are for."""
    tries: int = 0
    failures: int = 0
    """Those of the tries that reached the host and broke off."""
    job: JobId | None = None
    """The try that goes on, or whose end was not looked at yet."""
    last_try: datetime | None = None
    next_try: datetime | None = None
    """Not before then, unless the host turns up."""
    offline_since: datetime | None = None
    """The first try that the host did not answer; None once it did."""
    note: str = ""
    """What the last try met, in words."""
    stale_since: datetime | None = None
    """When people were last told that the newest good backup is too old; None once it is good again."""


class Verdict(StrEnum):
    """What is to be done with a profile."""

    OFF = "off"
    """Nothing is scheduled."""
    UNDER_WAY = "under-way"
    """A backup is queued or running."""
    WAIT = "wait"
    """It is not due yet, or the next try is not."""
    BLOCKED = "blocked"
    """Due, and a window, a blackout or a condition forbids the start."""
    OFFLINE = "offline"
    """Due, and the host is not there."""
    START = "start"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A verdict, and what it rests on."""

    verdict: Verdict
    reason: str
    due: datetime | None = None
    """The due moment in question; it may lie ahead."""
    until: datetime | None = None
    """When the answer may be another, without anything else happening."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """All that a decision rests on."""

    profile: Profile
    state: ScheduleState
    under_way: JobStatus | None = None
    """How far a backup of the profile is that waits or goes on, whoever asked for it."""
    last_start: datetime | None = None
    """Start of the newest backup that went through, whoever asked for it."""
    presence: Presence | None = None

    def answered(self, now: datetime) -> datetime | None:
        """The newest start that counts; None if there is none.

        What lies ahead is of a clock that was wrong, and is passed over.
        """
        known = (self.state.answered, self.last_start)
        return max((one for one in known if one is not None and one <= now), default=None)


def decided(situation: Situation, now: datetime) -> Decision:
    """What to do with the profile at ``now``. Raises InvalidInputError for a time zone nobody knows."""
    profile, schedule = situation.profile, situation.profile.schedule
    if schedule is None or not profile.enabled:
        return _off(profile)
    due = due_moment(situation, schedule, now)
    if due is None:
        return Decision(verdict=Verdict.WAIT, reason="Its time is counted from now on.")
    if situation.under_way is not None:
        words = f"A backup is {situation.under_way.value}."
        return Decision(verdict=Verdict.UNDER_WAY, reason=words, due=due)
    zone = zone_of(profile.retention.time_zone)
    start, spread = schedule.start_for(due, profile.host, zone, now)
    if now < start and (now < due or schedule.open.cover(now, zone)):
        return Decision(verdict=Verdict.WAIT, reason=_not_yet(due, spread, now), due=due, until=start)
    return (
        _held_off(situation, due, now)
        or _put_off(situation, due, now)
        or Decision(verdict=Verdict.START, reason=f"Due since {_shown(due)}.", due=due)
    )


def due_moment(situation: Situation, schedule: Schedule, now: datetime) -> datetime | None:
    """The first due moment that no start has answered yet; None while nothing tells where to count from."""
    zone, answered = zone_of(situation.profile.retention.time_zone), situation.answered(now)
    if answered is not None:
        return schedule.due_after(answered, zone)
    created = situation.profile.created
    if created is None or created > now:
        return None
    # A new profile does not wait for a whole interval; with cron it waits for its time.
    return created if schedule.every is not None else schedule.due_after(created, zone)


def _off(profile: Profile) -> Decision:
    if profile.schedule is None:
        return Decision(verdict=Verdict.OFF, reason="No schedule: it is backed up when somebody asks for it.")
    return Decision(verdict=Verdict.OFF, reason="The profile is switched off.")


def _held_off(situation: Situation, due: datetime, now: datetime) -> Decision | None:
    found = hindrance(situation.profile, situation.presence, now)
    return found and replace(found, due=due, reason=f"{found.reason} Due since {_shown(due)}.")


def hindrance(profile: Profile, presence: Presence | None, now: datetime) -> Decision | None:
    """Why its schedule allows the profile no start now, whatever is due; None if it does.

    ``presence``: the newest sign of life of its host. Raises InvalidInputError for a time zone nobody knows.
    """
    schedule = profile.schedule
    if schedule is None or not profile.enabled:
        return _off(profile)
    heard = presence if presence is not None and presence.fresh(now) else None
    if heard is not None and not heard.awake:
        return Decision(verdict=Verdict.OFFLINE, reason=f"{profile.host} sleeps.", until=heard.expires)
    zone = zone_of(profile.retention.time_zone)
    if not schedule.open.cover(now, zone):
        return Decision(
            verdict=Verdict.BLOCKED,
            reason="Now no start is allowed by its windows and blackouts.",
            until=schedule.open.next_in(now, zone),
        )
    unmet = _unmet(schedule, heard) if heard is not None else ""
    if heard is not None and unmet:
        return Decision(verdict=Verdict.BLOCKED, reason=f"{profile.host} {unmet}.", until=heard.expires)
    return None


def _unmet(schedule: Schedule, heard: Presence) -> str:
    if schedule.only_on_mains and heard.on_mains is False:
        return "runs on its battery"
    if schedule.only_unmetered and heard.unmetered is False:
        return "is on a metered network"
    return "is being used" if schedule.only_idle and heard.idle is False else ""


def _put_off(situation: Situation, due: datetime, now: datetime) -> Decision | None:
    """Whether the last try is too fresh for another one."""
    state, presence = situation.state, situation.presence
    if state.next_try is None or state.last_try is None or not state.last_try <= now < state.next_try:
        return None
    turned_up = presence is not None and presence.fresh(now) and presence.since > state.last_try
    if turned_up:
        return None
    verdict = Verdict.WAIT if state.offline_since is None else Verdict.OFFLINE
    reason = f"{state.note or 'The last try came to nothing.'} Due since {_shown(due)}."
    return Decision(verdict=verdict, reason=reason, due=due, until=state.next_try)


def _not_yet(due: datetime, spread: timedelta, now: datetime) -> str:
    later = f", and {duration_text(spread)} later to spread the load" if spread else ""
    return f"Due {'since' if due <= now else 'at'} {_shown(due)}{later}."


def _shown(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
