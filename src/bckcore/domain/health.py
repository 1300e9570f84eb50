"""Health: whether a profile's newest good backup is as fresh as it has to be. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class HealthState(StrEnum):
    """How a profile stands, worst first."""

    ALARM = "alarm"
    """A backup met another host key than the pinned one, or a host that did what no honest one does, and none
    after it has read the host."""
    NEVER = "never"
    """There is no good backup yet."""
    STALE = "stale"
    """The newest good one is older than the profile's objective allows."""
    OFFLINE = "offline"
    """Its host did not answer when a backup was due; no failure, and the newest good one is fresh."""
    OK = "ok"


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """A judgement at one moment."""

    state: HealthState
    good_at: datetime | None
    """When the newest good backup ended."""
    fresh: bool | None
    """Whether the objective is met; None where there is none."""
    fresh_until: datetime | None


def judged(
    *,
    created: datetime | None,
    fresh_within: timedelta | None,
    good_at: datetime | None,
    offline: bool,
    alarm: bool = False,
    now: datetime,
) -> Health:
    """A profile's health. One that never had a good backup counts its age from its making."""
    since = good_at or created
    until = since + fresh_within if since is not None and fresh_within is not None else None
    fresh = None if until is None else now <= until
    if alarm:
        state = HealthState.ALARM
    elif good_at is None:
        state = HealthState.NEVER
    elif fresh is False:
        state = HealthState.STALE
    else:
        state = HealthState.OFFLINE if offline else HealthState.OK
    return Health(state=state, good_at=good_at, fresh=fresh, fresh_until=until)
