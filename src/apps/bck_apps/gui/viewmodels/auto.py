"""When a backup starts by itself while the client runs. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from bck_apps.gui.config import SchedulerConfig
from bck_apps.gui.viewmodels.standing import Standing, State

BETWEEN_TRIES = timedelta(hours=1)
"""After a try that did not end well, at least this long before the next."""


def due_at(scheduler: SchedulerConfig, standing: Standing) -> datetime | None:
    """When the next backup is due: None for never by itself, a past moment for now.

    Counted from the last good backup, not from a clock time: what was missed while the computer slept is
    caught up once, and once only.
    """
    if not scheduler.enabled or standing.state in (State.RUNNING, State.DISABLED, State.UNKNOWN):
        return None
    moments: list[datetime] = []
    if standing.last_good is not None:
        moments.append(standing.last_good + timedelta(hours=scheduler.every_hours))
    if standing.last_try is not None:
        moments.append(standing.last_try + BETWEEN_TRIES)
    return max(moments, default=datetime.fromtimestamp(0, UTC))
