"""RetentionPolicy: which restore points stay. Pure: it decides and touches nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bckcore.domain.duration import duration_text
from bckcore.domain.hold import Hold
from bckcore.domain.restore_point import Counted, RestorePoint
from bckcore.domain.retention_rules import CALENDAR, Verdict, checked_zone_name, verdicts, zone_of
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
    """A point goes only when no rule keeps it: not by number, not by the calendar, not by age.

    ``keep_last`` keeps the newest counted points. Each calendar rule keeps the newest counted point of
    so many hours, days, weeks (ISO), months or years that have one, by the clocks of ``time_zone``.
    ``keep_within`` keeps every point younger than that, so that many quick runs cannot push the good
    ones out. Nothing younger than ``min_age`` goes, nothing that is held, and not the newest counted point.

    Weak, extra and suspect points never use up a place; they go when they are older than ``keep_within`` and
    older than every counted point that stays by number.
    """

    keep_last: int = 20
    keep_hourly: int = 0
    keep_daily: int = 0
    keep_weekly: int = 0
    keep_monthly: int = 0
    keep_yearly: int = 0
    keep_within: timedelta = timedelta(days=7)
    min_age: timedelta = timedelta(days=1)
    time_zone: str = "UTC"
    """A name of the time zone database; whether this system knows it is asked when it is needed."""

    def __post_init__(self) -> None:
        if not 1 <= self.keep_last <= MOST_KEPT:
            raise InvalidInputError(f"keep-last is 1 to {MOST_KEPT}: the newest good point never goes.")
        for name, count in self.by_calendar.items():
            if not 0 <= count <= MOST_KEPT:
                raise InvalidInputError(f"keep-{name} is 0 to {MOST_KEPT}.")
        for name, age in (("keep-within", self.keep_within), ("min-age", self.min_age)):
            if not timedelta(0) <= age <= LONGEST_KEPT:
                raise InvalidInputError(f"{name} is 0 to {LONGEST_KEPT.days} days.")
        checked_zone_name(self.time_zone)

    @property
    def by_calendar(self) -> Mapping[str, int]:
        """Places of every calendar rule by its name, hourly first."""
        return {rule.name: getattr(self, f"keep_{rule.name}") for rule in CALENDAR}

    @property
    def text(self) -> str:
        """For people: ``last 20, daily 7, within 7d, nothing younger than 1d, UTC``."""
        counts = [f"{name} {count}" for name, count in self.by_calendar.items() if count]
        ages = [f"within {duration_text(self.keep_within)}"]
        ages += [f"nothing younger than {duration_text(self.min_age)}"] if self.min_age else []
        return ", ".join([f"last {self.keep_last}", *counts, *ages, *([self.time_zone] if counts else [])])

    def evaluate(
        self, points: Sequence[RestorePoint], *, now: datetime, holds: Sequence[Hold] = ()
    ) -> tuple[RetentionDecision, ...]:
        """Decide for all ``points`` of one profile; the answer is ordered oldest first.

        Raises InvalidInputError if a calendar rule needs a time zone that this system does not know.
        """
        weighing = _Weighing(self, points, now, holds)
        return tuple(
            RetentionDecision(point=point, keep=bool(for_it), reasons=for_it or weighing.against(point))
            for point in sorted(points, key=lambda point: point.seq)
            for for_it in (weighing.in_favour(point),)
        )


class _Weighing:
    """What speaks for and against each point."""

    def __init__(
        self, policy: RetentionPolicy, points: Sequence[RestorePoint], now: datetime, holds: Sequence[Hold]
    ) -> None:
        self._policy = policy
        self._now = now
        self._holds = {hold.seq: hold for hold in holds if hold.active(now)}
        counted = [point for point in points if point.counted is Counted.COUNTED]
        newest_first = sorted(counted, key=lambda point: point.seq, reverse=True)
        self._places = {point.seq: place for place, point in enumerate(newest_first, start=1)}
        by_number = newest_first[: policy.keep_last]
        self._oldest_by_number = by_number[-1].seq if by_number else 0
        self._calendar: list[Mapping[int, Verdict]] = [
            verdicts(rule, count, newest_first, zone_of(policy.time_zone))
            for rule in CALENDAR
            if (count := policy.by_calendar[rule.name])
        ]

    def in_favour(self, point: RestorePoint) -> tuple[str, ...]:
        """Every reason to keep the point; empty if it goes."""
        policy, place, age = self._policy, self._places.get(point.seq), self._now - point.finished
        reasons = ["newest good point"] if place == 1 else []
        if place is not None and place <= policy.keep_last:
            reasons.append(f"last {place} of {policy.keep_last}")
        reasons += [rule[point.seq].reason for rule in self._calendar if self._has_place(rule, point)]
        if age <= policy.keep_within:
            reasons.append(f"within {duration_text(policy.keep_within)}")
        if place is None and point.seq > self._oldest_by_number:
            reasons.append(f"{point.counted.value}, newer than the oldest point kept by number")
        if age < policy.min_age:
            reasons.append(f"younger than {duration_text(policy.min_age)}")
        if point.seq in self._holds:
            reasons.append(self._holds[point.seq].text)
        return tuple(reasons)

    @staticmethod
    def _has_place(rule: Mapping[int, Verdict], point: RestorePoint) -> bool:
        return point.seq in rule and rule[point.seq].place is not None

    def against(self, point: RestorePoint) -> tuple[str, ...]:
        """Why the point may go."""
        old = f"older than {duration_text(max(self._policy.keep_within, self._policy.min_age))}"
        if point.seq not in self._places:
            return old, f"{point.counted.value}, older than every point kept by number"
        number = f"not among the last {self._policy.keep_last} good points"
        return old, number, *(rule[point.seq].reason for rule in self._calendar)
