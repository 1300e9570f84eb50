"""RetentionPolicy: which restore points stay. Pure: it decides and touches nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bckcore.domain.duration import duration_text
from bckcore.domain.restore_point import Counted, RestorePoint
from bckcore.errors import InvalidInputError

MOST_KEPT = 1_000_000
LONGEST_KEPT = timedelta(days=36_500)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionDecision:
    """Keep or forget for one point, with every reason that led there."""

    point: RestorePoint
    keep: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionPolicy:
    """Keep the last ``keep_last`` counted points and every point younger than ``keep_within``.

    Both rules hold together: a point goes only when neither keeps it, so that many quick runs cannot
    push the good ones out. Weak and suspect points never use up a place; they go when they are older
    than ``keep_within`` and older than every counted point that stays. The newest counted point never goes.
    """

    keep_last: int = 20
    keep_within: timedelta = timedelta(days=7)

    def __post_init__(self) -> None:
        if not 1 <= self.keep_last <= MOST_KEPT:
            raise InvalidInputError(f"keep-last is 1 to {MOST_KEPT}: the newest good point never goes.")
        if not timedelta(0) <= self.keep_within <= LONGEST_KEPT:
            raise InvalidInputError(f"keep-within is 0 to {LONGEST_KEPT.days} days.")

    def evaluate(self, points: Sequence[RestorePoint], *, now: datetime) -> tuple[RetentionDecision, ...]:
        """Decide for all ``points`` of one profile; the answer is ordered oldest first."""
        ordered = sorted(points, key=lambda point: point.seq)
        counted = [point for point in ordered if point.counted is Counted.COUNTED]
        places = {point.seq: place for place, point in enumerate(reversed(counted), start=1)}
        oldest_by_last = min((seq for seq, place in places.items() if place <= self.keep_last), default=0)
        return tuple(self._decided(point, places.get(point.seq), oldest_by_last, now) for point in ordered)

    def _decided(
        self, point: RestorePoint, place: int | None, oldest_by_last: int, now: datetime
    ) -> RetentionDecision:
        reasons = []
        if place == 1:
            reasons.append("newest good point")
        if place is not None and place <= self.keep_last:
            reasons.append(f"last {self.keep_last}: number {place}")
        if now - point.finished <= self.keep_within:
            reasons.append(f"within {duration_text(self.keep_within)}")
        if place is None and point.seq > oldest_by_last:
            reasons.append(f"{point.counted.value}, newer than the oldest point kept by number")
        if reasons:
            return RetentionDecision(point=point, keep=True, reasons=tuple(reasons))
        age = duration_text(self.keep_within)
        why = f"older than {age} and not among the last {self.keep_last} good points"
        return RetentionDecision(point=point, keep=False, reasons=(why,))
