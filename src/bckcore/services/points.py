"""Points: which restore point a person means."""

from collections.abc import Sequence
from datetime import UTC, datetime

from bckcore.domain.restore_point import RestorePoint
from bckcore.errors import NotFoundError


def chosen_point(points: Sequence[RestorePoint], wanted: str) -> RestorePoint:
    """The point that ``wanted`` names: ``latest``, a run id, a number, or a time (ISO 8601).

    A time without zone is UTC; it means the newest point not younger. Raises NotFoundError.
    """
    if not points:
        raise NotFoundError("This profile has no restore point yet.", advice="Run a backup first.")
    if wanted == "latest":
        return points[-1]
    for point in points:
        if wanted in (point.run_id, str(point.seq)):
            return point
    try:
        at = datetime.fromisoformat(wanted)
    except ValueError:
        at = None
    if at is not None:
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        if before := [point for point in points if point.finished <= at]:
            return before[-1]
    raise NotFoundError(
        f"There is no restore point {wanted!r}.",
        advice="List them with 'bck points'; 'latest', a point's name or number, or a time will do.",
    )
