"""Times of the week: what may be written, and what a bandwidth plan makes of it."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from bckcore.domain.hours import parsed_hours, parsed_rate, rate_at
from bckcore.errors import InvalidInputError

ROME = ZoneInfo("Europe/Rome")
MONDAY = datetime(2026, 1, 5, tzinfo=ROME)
PLAN = ("mon-fri 08:00-18:00=2M", "22:00-06:00=0")


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("mon-fri 08:00-20:00", [(5, 8, 0), (9, 19, 59)], [(5, 7, 59), (5, 20, 0), (10, 12, 0)]),
        ("22:00-06:00", [(5, 22, 0), (6, 5, 59), (11, 23, 0)], [(5, 6, 0), (5, 21, 59)]),
        ("fri 22:00-06:00", [(9, 23, 0), (10, 5, 0)], [(9, 5, 0), (10, 22, 0)]),
        ("sun 23:00-01:00", [(11, 23, 30), (5, 0, 30)], [(5, 23, 30)]),
        ("sat,sun", [(10, 0, 0), (11, 23, 59)], [(9, 23, 59), (12, 0, 0)]),
        ("Sat-Mon", [(10, 1, 0), (5, 1, 0)], [(6, 1, 0)]),
        ("06:00-24:00", [(5, 23, 59)], [(5, 0, 0)]),
    ],
)
def test_a_text_covers_what_it_says(
    text: str, inside: list[tuple[int, int, int]], outside: list[tuple[int, int, int]]
) -> None:
    hours = parsed_hours((text,))
    for expected, times in ((True, inside), (False, outside)):
        for day, hour, minute in times:
            at = MONDAY.replace(day=day, hour=hour, minute=minute)
            assert hours.cover(at.astimezone(UTC), ROME) is expected, at


@pytest.mark.parametrize(
    "text",
    [
        *("", "08:00", "8-20", "mon 25:00-26:00", "08:60-09:00", "24:00-06:00", "09:00-09:00"),
        *("08:00-24:01", "mon tue", "foo", "mon- 08:00-09:00", "mon 08:00-09:00 x", "mon,,tue"),
        "08:00-09:00 mon",
    ],
)
def test_what_names_no_times_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match="times of the week"):
        parsed_hours((text,))


@pytest.mark.parametrize(
    ("day", "hour", "limit"), [(5, 9, 2 * 1024**2), (5, 23, None), (5, 20, 500_000), (10, 9, 500_000)]
)
def test_the_first_line_of_a_plan_that_covers_the_time_counts(day: int, hour: int, limit: int | None) -> None:
    assert rate_at(PLAN, MONDAY.replace(day=day, hour=hour), ROME, 500_000) == limit


@pytest.mark.parametrize("line", ["", "08:00-18:00", "08:00-18:00=", "=2M", "08:00-18:00=fast", "mon=10"])
def test_what_is_no_line_of_a_plan_is_refused(line: str) -> None:
    with pytest.raises(InvalidInputError):
        parsed_rate(line)
