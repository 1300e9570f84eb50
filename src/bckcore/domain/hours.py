"""Hours: times of the week on the wall - when backups may start, or how fast they may be. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache

from bckcore.domain.cron import moment_of
from bckcore.domain.size import parsed_size
from bckcore.errors import InvalidInputError

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MINUTES_A_DAY = 24 * 60
_MINUTES_A_WEEK = 7 * _MINUTES_A_DAY
_TIMES = re.compile(r"(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})")
_LONGEST_TEXT = 100
_LOOK_AHEAD = 9
"""Days: whatever the week allows comes once in them, also where clocks change."""
_LOOK_BACK = 15
"""Days: what is closed once a week was closed in them, also where clocks left out one of its times."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """Minutes of the week, from Monday 00:00 by the clock on the wall; a byte each, 1 for those meant."""

    minutes: bytes

    def cover(self, at: datetime, zone: tzinfo) -> bool:
        """True if the clock on the wall shows one of these minutes."""
        wall = at.astimezone(zone)
        return bool(self.minutes[wall.weekday() * _MINUTES_A_DAY + wall.hour * 60 + wall.minute])

    def next_in(self, at: datetime, zone: tzinfo) -> datetime | None:
        """``at`` if it is covered, else the first moment after it that is, in UTC; None if none is."""
        if self.cover(at, zone):
            return at.astimezone(UTC)
        days = (at.astimezone(zone).date() + timedelta(days=more) for more in range(-1, _LOOK_AHEAD))
        edges = (edge for day in days for edge in self._edges(day, zone) if edge > at)
        return min((edge for edge in edges if self.cover(edge, zone)), default=None)

    def next_out(self, at: datetime, zone: tzinfo) -> datetime | None:
        """The first moment from ``at`` on that is not covered, in UTC; None if all are."""
        return Hours(minutes=bytes(not minute for minute in self.minutes)).next_in(at, zone)

    def began(self, at: datetime, zone: tzinfo) -> datetime | None:
        """The first moment of the span of covered ones that holds ``at``, in UTC.

        None if ``at`` is not covered, or the span began weeks ago.
        """
        if not self.cover(at, zone):
            return None
        today = at.astimezone(zone).date()
        for back in range(-1, _LOOK_BACK):
            edges = self._edges(today - timedelta(days=back), zone)
            found = max((edge for edge in edges if edge <= at and self._opens(edge, zone)), default=None)
            if found is not None:
                return found
        return None

    def _opens(self, edge: datetime, zone: tzinfo) -> bool:
        return self.cover(edge, zone) and not self.cover(edge - timedelta(microseconds=1), zone)

    def _edges(self, day: date, zone: tzinfo) -> Iterable[datetime]:
        """Moments of a day at which it may begin: what the week says, both times where clocks go back, and
        changes.
        """
        for weekday, start in _starts(self.minutes):
            if weekday == day.weekday():
                yield moment_of(day, start, zone)
                yield datetime.combine(day, start.replace(fold=1), tzinfo=zone).astimezone(UTC)
        yield from _change_on(datetime.combine(day, time(), tzinfo=zone).astimezone(UTC), zone)


@lru_cache(maxsize=1024)
def _starts(minutes: bytes) -> tuple[tuple[int, time], ...]:
    """Day of the week and time at which each span begins; Monday follows Sunday."""
    begun = (place for place, meant in enumerate(minutes) if meant and not minutes[place - 1])
    return tuple((place // _MINUTES_A_DAY, time(*divmod(place % _MINUTES_A_DAY, 60))) for place in begun)


def _change_on(midnight: datetime, zone: tzinfo) -> Iterable[datetime]:
    """The moment within a day and an hour at which the zone's offset changes, if it does."""
    before, after = midnight, midnight + timedelta(hours=25)
    old, new = before.astimezone(zone).utcoffset(), after.astimezone(zone).utcoffset()
    if old == new:
        return
    while after - before > timedelta(seconds=1):
        middle = (before + (after - before) // 2).replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == old:
            before = middle
        else:
            after = middle
    yield after


@lru_cache(maxsize=1024)
def parsed_hours(texts: tuple[str, ...]) -> Hours:
    """All that these texts name, each like ``mon-fri 08:00-20:00``, ``22:00-06:00`` or ``sat,sun``.

    A span over midnight belongs to the day on which it begins. Raises InvalidInputError.
    """
    minutes = bytearray(_MINUTES_A_WEEK)
    for text in texts:
        for minute in _meant(text):
            minutes[minute % _MINUTES_A_WEEK] = 1
    return Hours(minutes=bytes(minutes))


def _meant(text: str) -> Iterable[int]:
    words = text.lower().split()
    if not 1 <= len(words) <= 2 or len(text) > _LONGEST_TEXT:
        raise _wrong(text)
    times = words.pop() if _TIMES.fullmatch(words[-1]) else "00:00-24:00"
    if len(words) > 1:
        raise _wrong(text)
    first, last = _span(text, times)
    for day in _days(text, words[0] if words else "mon-sun"):
        start = day * _MINUTES_A_DAY
        yield from range(start + first, start + last)


def _span(text: str, times: str) -> tuple[int, int]:
    match = _TIMES.fullmatch(times)
    if match is None:
        raise _wrong(text)
    hour, minute, end_hour, end_minute = map(int, match.groups())
    first, last = hour * 60 + minute, end_hour * 60 + end_minute
    if minute > 59 or end_minute > 59 or first >= _MINUTES_A_DAY or last > _MINUTES_A_DAY or first == last:
        raise _wrong(text)
    return first, last if last > first else last + _MINUTES_A_DAY


def _days(text: str, words: str) -> set[int]:
    days: set[int] = set()
    for word in words.split(","):
        first, dash, last = word.partition("-")
        if first not in _DAYS or (dash and last not in _DAYS):
            raise _wrong(text)
        start = _DAYS.index(first)
        length = (_DAYS.index(last) - start) % 7 if dash else 0
        days.update((start + offset) % 7 for offset in range(length + 1))
    return days


def _wrong(text: str) -> InvalidInputError:
    return InvalidInputError(
        f"{text[:_LONGEST_TEXT]!r} names no times of the week.",
        advice="Write days and times, as 'mon-fri 08:00-20:00', '22:00-06:00' or 'sat,sun'.",
    )


def rate_at(plan: tuple[str, ...], at: datetime, zone: tzinfo, otherwise: int | None) -> int | None:
    """Bytes a second that the first line covering ``at`` allows (0 there: no limit), else ``otherwise``."""
    for line in plan:
        hours, rate = parsed_rate(line)
        if hours.cover(at, zone):
            return rate or None
    return otherwise


def parsed_rate(line: str) -> tuple[Hours, int]:
    """Hours and bytes a second of a line like ``mon-fri 08:00-18:00=2M``. Raises InvalidInputError."""
    hours, equals, rate = line.rpartition("=")
    if not equals:
        raise InvalidInputError(
            f"{line[:_LONGEST_TEXT]!r} is no line of a bandwidth plan.",
            advice="Write times, '=' and bytes a second, as '08:00-18:00=2M'; 0 means no limit.",
        )
    allowed = parsed_size(rate)
    if 0 < allowed < 1024:
        raise InvalidInputError(f"{line[:_LONGEST_TEXT]!r} allows less than 1 KiB a second.")
    return parsed_hours((hours,)), allowed
