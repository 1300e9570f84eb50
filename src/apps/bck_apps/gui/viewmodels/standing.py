"""Am I safe? The state of one profile from its restore points and its latest jobs. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bck_apps.gui.messages import Job, Point, Profile
from bck_apps.gui.texts import Ago, Phrase

OVERDUE_AFTER = timedelta(days=7)
"""Without a schedule of our own, this old is too old to say "safe"."""
UNREACHABLE = "host-unreachable"
_NOT_TRIED = ("cancelled", "held-off")


class State(StrEnum):
    """What the dot beside a profile says."""

    SUCCESS = "success"
    ISSUES = "issues"
    FAILED = "failed"
    RUNNING = "running"
    OFFLINE = "offline"
    """The computer was not there: no damage, and no failure."""
    OVERDUE = "overdue"
    NEVER = "never"
    DISABLED = "disabled"
    UNKNOWN = "unknown"
    """The server has not answered yet."""
    UNHEARD = "unheard"
    """The server no longer answers: how it stands now, nobody knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The answer."""

    state: State
    last_good: datetime | None = None
    last_try: datetime | None = None
    running: Job | None = None
    ended: Job | None = None
    """The latest that came to an end of its own."""

    def sentence(self, now: datetime) -> Phrase:
        """The answer in one sentence."""
        key = f"safe.{self.state.value}"
        if self.state in (State.NEVER, State.UNKNOWN):
            return Phrase(key)
        if self.last_good is None:
            return Phrase(f"{key}.none")
        return Phrase(key, {"ago": Ago((now - self.last_good).total_seconds())})


def standing(
    profile: Profile,
    points: Sequence[Point],
    jobs: Sequence[Job],
    now: datetime,
    overdue_after: timedelta = OVERDUE_AFTER,
) -> Standing:
    """How a profile stands. ``jobs`` may hold those of other profiles and kinds."""
    ours = sorted(
        (job for job in jobs if job.profile == profile.name and job.kind == "backup"),
        key=lambda job: job.created,
        reverse=True,
    )
    running = next((job for job in ours if not job.final), None)
    ended = next((job for job in ours if job.final and job.status not in _NOT_TRIED), None)
    last_good = max((point.verified_at for point in points if point.counted), default=None)
    if running is not None:
        state = State.RUNNING
    elif not profile.enabled:
        state = State.DISABLED
    else:
        state = _ended(ended, points, last_good, now - overdue_after)
    last_try = next((job.created for job in ours if job.status != "held-off"), None)
    return Standing(state=state, last_good=last_good, last_try=last_try, running=running, ended=ended)


def _ended(job: Job | None, points: Sequence[Point], last_good: datetime | None, oldest: datetime) -> State:
    if job is not None and job.status in ("failed", "offline"):
        return State.OFFLINE if job.error_code == UNREACHABLE else State.FAILED
    outcome = job.status if job is not None else _newest_outcome(points)
    if outcome in ("partial", "suspect"):
        return State.ISSUES
    if last_good is None:
        return State.NEVER if outcome is None else State.ISSUES
    return State.OVERDUE if last_good < oldest else State.SUCCESS


def _newest_outcome(points: Sequence[Point]) -> str | None:
    newest = max(points, key=lambda point: point.seq, default=None)
    return newest.outcome if newest else None
