"""Cron: what may be written, what it names, and what happens where clocks change."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from bckcore.domain.cron import parsed_cron
from bckcore.errors import InvalidInputError

ROME = ZoneInfo("Europe/Rome")


def moments(text: str, start: datetime, count: int, zone: ZoneInfo = ROME) -> list[str]:
    """The next moments, as a clock in the zone shows them."""
    found, at = [], start
    for _ in range(count):
        at = parsed_cron(text).next_after(at, zone)
        found.append(f"{at.astimezone(zone):%a %d %b %H:%M}")
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0 1 * * *", ["Tue 06 Jan 01:00", "Wed 07 Jan 01:00"]),
        ("30 12 * * mon-fri", ["Mon 05 Jan 12:30", "Tue 06 Jan 12:30"]),
        ("0 */8 * * *", ["Mon 05 Jan 08:00", "Mon 05 Jan 16:00"]),
        ("5,50 9-10 * * *", ["Mon 05 Jan 09:05", "Mon 05 Jan 09:50"]),
        ("0 0 1 JAN,jul *", ["Wed 01 Jul 00:00", "Fri 01 Jan 00:00"]),
        ("0 22 * * sat-sun", ["Sat 10 Jan 22:00", "Sun 11 Jan 22:00"]),
        ("0 22 * * 7", ["Sun 11 Jan 22:00", "Sun 18 Jan 22:00"]),
        ("0 0 13 * fri", ["Fri 09 Jan 00:00", "Tue 13 Jan 00:00"]),  # one of the two is enough
        ("0 0 13 * */5", ["Fri 13 Feb 00:00", "Fri 13 Mar 00:00"]),  # begins with a star: both
        ("0/20 4 * * *", ["Mon 05 Jan 04:00", "Mon 05 Jan 04:20"]),
    ],
)
def test_a_line_names_what_crontab_says(text: str, expected: list[str]) -> None:
    assert moments(text, datetime(2026, 1, 5, 0, 30, tzinfo=UTC), 2) == expected


def test_a_time_left_out_comes_right_after_the_gap_and_once() -> None:
    start = datetime(2026, 3, 28, 3, tzinfo=UTC)
    assert moments("30 2 * * *", start, 2) == ["Sun 29 Mar 03:00", "Mon 30 Mar 02:30"]
    assert moments("*/15 2 * * *", start, 2) == ["Sun 29 Mar 03:00", "Mon 30 Mar 02:00"]


def test_a_time_that_comes_twice_counts_the_first_time() -> None:
    start = datetime(2026, 10, 24, 3, tzinfo=UTC)
    first = parsed_cron("30 2 * * *").next_after(start, ROME)
    assert first == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert parsed_cron("30 2 * * *").next_after(first, ROME) == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "* * * *",
        "* * * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * * 13 *",
        "* * * * 8",
        "5-1 * * * *",
        "*/0 * * * *",
        "1- * * * *",
        "-1 * * * *",
        "1,,2 * * * *",
        "jan * * * *",
        "* * * mon *",
        "٣ * * * *",  # a digit elsewhere
        "0 0 31 feb *",
        "0 0 30 2 *",
        "0 0 31 4,6,9,11 *",
        "@daily",
        "99999999999 * * * *",
    ],
)
def test_what_is_no_line_or_never_comes_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match="cron"):
        parsed_cron(text)


def test_a_day_that_no_month_has_may_stand_beside_a_weekday() -> None:
    assert moments("0 0 30 2 mon", datetime(2026, 2, 1, tzinfo=UTC), 1) == ["Mon 02 Feb 00:00"]
