"""Rules by the calendar: what an hour, a day, a week, a month and a year is, in a time zone. Pure.

A bucket is one such span of local time. The newest point of a bucket stands for it, and the newest
buckets that hold any point use up the places of the rule.
"""

import re
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from bckcore.domain.restore_point import RestorePoint
from bckcore.errors import InvalidInputError

Bucket = Hashable
_ZONE_NAME = re.compile(r"(?=.{1,64}\Z)[A-Za-z0-9]+(?:[A-Za-z0-9._+-]|/(?=[A-Za-z0-9]))*")


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarRule:
    """One of the rules; ``unit`` is its span in words."""

    name: str
    unit: str
    bucket: Callable[[datetime], Bucket]
    """The span that a local time lies in."""


def _hour(at: datetime) -> Bucket:
    # With the offset: where clocks go back, one hour of the clock is two hours of the day.
    return at.year, at.month, at.day, at.hour, at.utcoffset()


HOURLY = CalendarRule(name="hourly", unit="hour", bucket=_hour)
DAILY = CalendarRule(name="daily", unit="day", bucket=lambda at: (at.year, at.month, at.day))
WEEKLY = CalendarRule(name="weekly", unit="week", bucket=lambda at: tuple(at.isocalendar())[:2])
MONTHLY = CalendarRule(name="monthly", unit="month", bucket=lambda at: (at.year, at.month))
YEARLY = CalendarRule(name="yearly", unit="year", bucket=lambda at: at.year)
CALENDAR = (HOURLY, DAILY, WEEKLY, MONTHLY, YEARLY)


def checked_zone_name(name: str) -> str:
    """Return ``name`` if it has the form of a time zone's name; else raise InvalidInputError."""
    if not _ZONE_NAME.fullmatch(name):
        raise _no_zone(name)
    return name


def zone_of(name: str) -> tzinfo:
    """The time zone of that name, as this system knows it. Raises InvalidInputError."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(checked_zone_name(name))
    except (KeyError, ValueError, OSError) as exc:
        raise _no_zone(name) from exc


def _no_zone(name: str) -> InvalidInputError:
    return InvalidInputError(
        f"{name!r} is not a time zone that this server knows.",
        meaning="Days and weeks cannot be told apart without it, so nothing was pruned or changed.",
        advice="Use a name like Europe/Rome or UTC; the package tzdata must be installed.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one rule says about one point; without a place, why it has none."""

    place: int | None
    """1 for the newest bucket; None if the rule does not keep the point."""
    reason: str


def verdicts(
    rule: CalendarRule, count: int, points: Sequence[RestorePoint], zone: tzinfo
) -> dict[int, Verdict]:
    """What ``rule`` with ``count`` places says about ``points`` (counted ones, newest first), by number."""
    seen: set[Bucket] = set()
    found = {}
    for point in points:
        bucket = rule.bucket(point.finished.astimezone(zone))
        if bucket in seen:
            why = Verdict(place=None, reason=f"{rule.name}: a newer point of the same {rule.unit} stays")
        elif len(seen) < count:
            seen.add(bucket)
            why = Verdict(place=len(seen), reason=f"{rule.name} {len(seen)} of {count}")
        else:
            why = Verdict(place=None, reason=f"{rule.name}: older than the {_newest(count, rule.unit)}")
        found[point.seq] = why
    return found


def _newest(count: int, unit: str) -> str:
    return f"newest {unit}" if count == 1 else f"{count} newest {unit}s"
