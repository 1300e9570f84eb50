"""Points: which restore point a person means."""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time

from bckcore.domain.job import LATEST
from bckcore.domain.restore_point import RestorePoint
from bckcore.domain.retention_rules import zone_of
from bckcore.errors import InvalidInputError, NotFoundError

_MEANT_AS_TIME = re.compile(r"\d{4}-\d.*", re.DOTALL)


def chosen_point(points: Sequence[RestorePoint], wanted: str, *, zone: str = "UTC") -> RestorePoint:
    """The point that ``wanted`` names: ``latest``, a run id, a number, or a time (ISO 8601).

    A time means the newest point not younger; a date without a time is the end of that day in ``zone``, the
    time zone of the profile. A time without a zone is UTC. Raises NotFoundError; InvalidInputError for what
    is meant as a time and is none.
    """
    if not points:
        raise NotFoundError("This profile has no restore point yet.", advice="Run a backup first.")
    if wanted == LATEST:
        return points[-1]
    for point in points:
        if wanted in (point.run_id, str(point.seq)):
            return point
    at = _time(wanted, zone)
    if at is not None:
        if before := [point for point in points if point.finished <= at]:
            return before[-1]
        raise NotFoundError(
            f"There is no restore point of {_shown(at)} or before; "
            f"the oldest is of {_shown(points[0].finished.astimezone(at.tzinfo))}.",
            advice="List them with 'bck points', and take one of those.",
        )
    raise NotFoundError(
        f"There is no restore point {wanted!r}.",
        advice="List them with 'bck points'; 'latest', a point's name or number, or a time will do.",
    )


def _time(wanted: str, zone: str) -> datetime | None:
    try:
        # fold: where clocks are put back at midnight, the day ends with the later of the two
        return datetime.combine(date.fromisoformat(wanted), time.max, zone_of(zone)).replace(fold=1)
    except ValueError:  # no date alone
        pass
    try:
        at = datetime.fromisoformat(wanted)
    except ValueError as exc:
        if _MEANT_AS_TIME.match(wanted):
            raise InvalidInputError(
                f"{wanted!r} is no time.", advice="Write a date such as 2026-01-31, or 2026-01-31T12:00Z."
            ) from exc
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _shown(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S %Z}"
