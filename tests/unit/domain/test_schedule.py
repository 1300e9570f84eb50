"""A schedule is an interval or a line of cron, and what narrows it must leave it a time to start."""

from datetime import UTC, datetime, timedelta

import pytest

from bckcore.domain.schedule import LONGEST_JITTER, Schedule
from bckcore.errors import InvalidInputError
from tests.support.values import NOW

HOUR = timedelta(hours=1)


def test_it_is_due_an_interval_after_the_last_start() -> None:
    assert Schedule(every=HOUR).due_after(NOW + 5 * HOUR, UTC) == NOW + 6 * HOUR


def test_by_cron_it_is_due_at_the_next_time_that_the_line_names() -> None:
    start = datetime(2026, 1, 5, 2, 0, tzinfo=UTC)
    assert Schedule(cron="0 2 * * *").due_after(start, UTC) == start + timedelta(days=1)


@pytest.mark.parametrize("every", [timedelta(0), timedelta(seconds=59), -HOUR, timedelta(days=4000)])
def test_more_than_once_a_minute_or_less_than_once_in_ten_years_is_refused(every: timedelta) -> None:
    with pytest.raises(InvalidInputError):
        Schedule(every=every)


def test_an_interval_and_cron_are_one_too_many_and_neither_one_too_few() -> None:
    with pytest.raises(InvalidInputError, match="not both"):
        Schedule(every=HOUR, cron="0 2 * * *")
    with pytest.raises(InvalidInputError, match="not both"):
        Schedule()


@pytest.mark.parametrize(
    "wrong",
    [
        {"cron": "x"},
        {"every": HOUR, "windows": ("never",)},
        {"every": HOUR, "blackouts": ("25:00",)},
        {"every": HOUR, "windows": ("mon 08:00-12:00",), "blackouts": ("mon",)},
        {"every": HOUR, "blackouts": ("mon-sun",)},
        {"every": HOUR, "jitter": LONGEST_JITTER + HOUR},
        {"every": HOUR, "jitter": -HOUR},
        {"every": HOUR, "windows": ("mon",) * 51},
    ],
)
def test_what_makes_no_sense_or_leaves_no_time_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidInputError):
        Schedule(**wrong)  # type: ignore[arg-type]  # the cases above give each its type


def test_blackouts_win_over_windows() -> None:
    schedule = Schedule(every=HOUR, windows=("08:00-20:00",), blackouts=("12:00-13:00",))
    opened = [hour for hour in range(24) if schedule.open.cover(NOW.replace(hour=hour), UTC)]
    assert opened == [8, 9, 10, 11, 13, 14, 15, 16, 17, 18, 19]


def test_the_rule_is_told_in_a_few_words() -> None:
    schedule = Schedule(
        cron="0 2 * * *",
        windows=("mon-fri",),
        blackouts=("08:00-09:00",),
        jitter=timedelta(minutes=30),
        only_idle=True,
    )
    assert schedule.text == "cron 0 2 * * *, mon-fri, not 08:00-09:00, spread over 30m, only idle"
    assert Schedule(every=4 * HOUR).text == "every 4h"
