"""The oracle of schedules: it looks at every minute of real time, one after the other.

It knows crontab(5) and time zones from their definitions, and shares no code with what it judges.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)
_MONTHS = {"jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6, "jul": 7, "aug": 8, "sep": 9}
_MONTHS |= {"oct": 10, "nov": 11, "dec": 12}
_DAYS = {"sun": 0, "mon": 1, "tue": 2, "wed": 3, "thu": 4, "fri": 5, "sat": 6}


def minutes(start: datetime, end: datetime) -> Iterator[datetime]:
    """Whole minutes of UTC from ``start`` (not included) to ``end`` (included)."""
    at = start.astimezone(UTC).replace(second=0, microsecond=0) + MINUTE
    while at <= end:
        yield at
        at += MINUTE


def _part_allows(part: str, value: int, low: int, high: int, names: dict[str, int]) -> bool:
    span, _, step = part.partition("/")
    if span == "*":
        first, last = low, high
    else:
        left, dash, right = span.partition("-")
        first = names.get(left, -1) if left in names else int(left)
        last = (names[right] if right in names else int(right)) if dash else (high if step else first)
    return first <= value <= last and (value - first) % int(step or 1) == 0


def _allows(field: str, value: int, low: int, high: int, names: dict[str, int]) -> bool:
    return any(_part_allows(part, value, low, high, names) for part in field.split(","))


def _wall_fits(text: str, wall: datetime) -> bool:
    minute, hour, day, month, weekday = text.lower().split()
    if not (_allows(minute, wall.minute, 0, 59, {}) and _allows(hour, wall.hour, 0, 23, {})):
        return False
    if not _allows(month, wall.month, 1, 12, _MONTHS):
        return False
    by_day = _allows(day, wall.day, 1, 31, {})
    number = (wall.weekday() + 1) % 7
    by_week = _allows(weekday, number, 0, 7, _DAYS) or (
        number == 0 and not weekday.startswith("*") and _allows(weekday, 7, 0, 7, _DAYS)
    )
    if day.startswith("*") or weekday.startswith("*"):
        return by_day and by_week
    return by_day or by_week


def cron_moments(text: str, zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[datetime]:
    """Every moment after ``start``, to ``end``, that the line names, minute by minute.

    Walks a day before ``start`` too, so that it knows which times the clock on the wall has shown already.
    """
    shown: set[datetime] = set()
    before = (start - timedelta(days=1)).astimezone(zone).replace(tzinfo=None, second=0, microsecond=0)
    for at in minutes(start - timedelta(days=1), end):
        wall = at.astimezone(zone).replace(tzinfo=None)
        left_out, one = [], before + MINUTE
        while one < wall:  # the clock jumped over these
            left_out.append(one)
            one += MINUTE
        new = [time for time in (*left_out, wall) if time not in shown]
        shown.update(new)
        before = max(before, wall) if wall > before else wall
        if at > start and any(_wall_fits(text, time) for time in new):
            yield at


def week_fits(texts: tuple[str, ...], zone: ZoneInfo, at: datetime) -> bool:
    """Whether the clock on the wall then shows a time that one of the texts names."""
    wall = at.astimezone(zone)
    return any(_span_fits(text, wall.weekday(), wall.hour * 60 + wall.minute) for text in texts)


def _span_fits(text: str, weekday: int, minute: int) -> bool:
    words = text.lower().split()
    times = words[-1] if ":" in words[-1] else "00:00-24:00"
    days = words[0] if ":" not in words[0] else "mon-sun"
    first, last = (int(part[:-3]) * 60 + int(part[-2:]) for part in times.split("-"))
    yesterday = (weekday - 1) % 7
    if last > first:
        return _on(days, weekday) and first <= minute < last
    return (_on(days, weekday) and minute >= first) or (_on(days, yesterday) and minute < last)


def _on(days: str, weekday: int) -> bool:
    names = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    for word in days.split(","):
        first, dash, last = word.partition("-")
        day = names.index(first)
        while True:
            if day == weekday:
                return True
            if not dash or day == names.index(last):
                break
            day = (day + 1) % 7
    return False
