"""Cron: the five fields of crontab, and the moments of the clock on the wall that they name. Pure.

Minute, hour, day of the month, month, day of the week; lists, ranges, steps and English names. When both
days are restricted (neither begins with ``*``), a date that fits one of them fits, as in crontab(5).
"""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache

from bckcore.errors import InvalidInputError

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MONTH_NAMES = {name: number for number, name in enumerate(MONTHS, start=1)}
_DAY_NAMES = {name: number for number, name in enumerate(WEEKDAYS)}
_LONGEST = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_HORIZON = 41 * 366
"""Days: the 29th of February falls on a given day of the week at least once in 40 years."""
_LONGEST_TEXT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Cron:
    """What the fields allow, as sets of numbers; Sunday is 0."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool
    """Both kinds of day are restricted: one that fits is enough."""

    def fits(self, day: date) -> bool:
        """True if the date is one of those that the fields name."""
        if day.month not in self.months:
            return False
        by_month, by_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return (by_month or by_week) if self.either_day else (by_month and by_week)

    def next_after(self, at: datetime, zone: tzinfo) -> datetime:
        """The first moment after ``at``, in UTC.

        A time that the change to summer time leaves out comes right after the gap, together with all others
        of that gap; one that comes twice counts the first time.
        """
        first = at.astimezone(zone).date() - timedelta(days=1)  # a gap may carry a time past midnight
        for offset in range(_HORIZON):
            day = first + timedelta(days=offset)
            if self.fits(day):
                times = _times(self.hours, self.minutes)
                # Clocks never show a later time before an earlier one, the first time that they show it.
                place = bisect_right(times, at, key=lambda one: moment_of(day, one, zone))
                if place < len(times):
                    return moment_of(day, times[place], zone)
        raise AssertionError("what parsed_cron lets through comes again")


@lru_cache(maxsize=1024)
def _times(hours: frozenset[int], minutes: frozenset[int]) -> tuple[time, ...]:
    return tuple(time(hour, minute) for hour in sorted(hours) for minute in sorted(minutes))


def moment_of(day: date, at: time, zone: tzinfo) -> datetime:
    """When a clock in that zone first shows that time, in UTC; if it is left out, when the gap ends."""
    wanted = datetime.combine(day, at, tzinfo=zone)
    moment = wanted.astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == wanted.replace(tzinfo=None):
        return moment
    return _gap_end(moment - timedelta(days=1), moment, zone)


def _gap_end(before: datetime, after: datetime, zone: tzinfo) -> datetime:
    """The moment between the two at which the offset of the zone changes, to the second."""
    new = after.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) // 2
        middle = middle.replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == new:
            after = middle
        else:
            before = middle
    return after


@lru_cache(maxsize=1024)
def parsed_cron(text: str) -> Cron:
    """The fields of a text like ``0 2 * * mon-fri``. Raises InvalidInputError; total over all texts."""
    fields = text.lower().split()
    if len(fields) != 5 or len(text) > _LONGEST_TEXT:
        raise _wrong(text, "It needs five fields: minute, hour, day of the month, month, day of the week.")
    minute, hour, day, month, weekday = fields
    cron = Cron(
        minutes=_numbers(text, minute, 0, 59, {}),
        hours=_numbers(text, hour, 0, 23, {}),
        days=_numbers(text, day, 1, 31, {}),
        months=_numbers(text, month, 1, 12, _MONTH_NAMES),
        weekdays=frozenset(number % 7 for number in _numbers(text, weekday, 0, 7, _DAY_NAMES)),
        either_day=not day.startswith("*") and not weekday.startswith("*"),
    )
    if not cron.either_day and all(min(cron.days) > _LONGEST[month - 1] for month in cron.months):
        raise _wrong(text, "No month that it names has such a day, so it would never come.")
    return cron


def _numbers(text: str, field: str, low: int, high: int, names: dict[str, int]) -> frozenset[int]:
    found: set[int] = set()
    for part in field.split(","):
        span, slash, step_text = part.partition("/")
        step = _number(text, step_text, {}) if slash else 1
        if span == "*":
            first, last = low, high if high != 7 else 6  # 7 is Sunday once more
        else:
            start, dash, end = span.partition("-")
            first = _number(text, start, names)
            last = _number(text, end, names) if dash else high if slash else first
            if high == 7 and dash and last == 0 < first:
                last = 7  # sat-sun
        if not low <= first <= last <= high or step < 1:
            raise _wrong(text, f"{part!r} is not within {low} to {high}, or runs backwards.")
        found.update(range(first, last + 1, step))
    return frozenset(found)


def _number(text: str, word: str, names: dict[str, int]) -> int:
    if word in names:
        return names[word]
    if not (word.isascii() and word.isdigit() and len(word) <= 4):
        raise _wrong(text, f"{word!r} is no number{' or name' if names else ''} that may stand there.")
    return int(word)


def _wrong(text: str, why: str) -> InvalidInputError:
    return InvalidInputError(
        f"{text[:_LONGEST_TEXT]!r} is no schedule in the form of cron. {why}",
        advice="Write it as in crontab(5): '0 2 * * *' is every day at 02:00, '30 12 * * mon-fri' at half "
        "past twelve on working days.",
    )
