"""Points: which restore point a person means."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from bckcore.domain.restore_point import RestorePoint
from bckcore.errors import InvalidInputError, NotFoundError

_MEANT_AS_TIME = re.compile(r"\d{4}-\d.*", re.DOTALL)


def chosen_point(points: Sequence[RestorePoint], wanted: str) -> RestorePoint:
    """The point that ``wanted`` names: ``latest``, a run id, a number, or a time (ISO 8601).

    A time without zone is UTC; it means the newest point not younger. Raises NotFoundError;
    InvalidInputError for what is meant as a time and is none.
    """
    if not points:
        raise NotFoundError("This profile has no restore point yet.", advice="Run a backup first.")
    if wanted == "latest":
        return points[-1]
    for point in points:
        if wanted in (point.run_id, str(point.seq)):
            return point
    at = _time(wanted)
    if at is not None:
        if before := [point for point in points if point.finished <= at]:
            return before[-1]
        raise NotFoundError(
            f"There is no restore point of {wanted} or before; the oldest is of {_shown(points[0])}.",
            advice="List them with 'bck points', and take one of those.",
        )
    raise NotFoundError(
        f"There is no restore point {wanted!r}.",
        advice="List them with 'bck points'; 'latest', a point's name or number, or a time will do.",
    )


def _time(wanted: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(wanted)
    except ValueError as exc:
        if _MEANT_AS_TIME.match(wanted):
            raise InvalidInputError(
                f"{wanted!r} is no time.", advice="Write a date such as 2026-01-31, or 2026-01-31T12:00Z."
            ) from exc
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _shown(point: RestorePoint) -> str:
    return f"{point.finished.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
