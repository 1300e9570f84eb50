"""400 days of an hourly and a daily schedule with the real prune: leap day, changes of the clocks and all.

After every prune the kept points are compared with what an independent working-out of the policy keeps.
Sampled points, and at the end all that are left, are restored. The hourly schedule, 9,600 runs,
is for long runs of the tests.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bckcore.domain.restore_point import Counted
from bckcore.domain.retention import RetentionPolicy
from tests.support import retention_oracle
from tests.support.calendars import Year
from tests.support.patience import stride
from tests.support.places import quick_folder

ROME = "Europe/Rome"
ZONE = ZoneInfo(ROME)
BEGIN = datetime(2027, 10, 1, tzinfo=ZONE).astimezone(UTC)
END = BEGIN + timedelta(days=400)
ODD_DAYS = {date(2027, 10, 31), date(2028, 2, 29), date(2028, 3, 26), date(2028, 10, 29)}


@pytest.fixture
def quick_dir(tmp_path: Path) -> Iterator[Path]:
    yield from quick_folder(tmp_path)


def hourly() -> Iterator[datetime]:
    """Ten past each hour."""
    at = BEGIN + timedelta(minutes=10)
    while at < END:
        yield at
        at += timedelta(hours=1)


def daily() -> Iterator[datetime]:
    """At half past two by the clock of Rome, which one night does not have and another has twice."""
    day = BEGIN.astimezone(ZONE).date()
    while day < END.date():
        yield datetime(day.year, day.month, day.day, 2, 30, tzinfo=ZONE).astimezone(UTC)
        day += timedelta(days=1)


def files(number: int, at: datetime) -> dict[str, bytes]:
    """What the PC holds: some of it changes every run, some every day, some seldom; some comes and goes."""
    local = at.astimezone(ZONE)
    found = {
        "always": b"%d" % number,
        "sometimes": b"%d" % (number // 7),
        "day": f"{local:%Y-%m-%d}".encode(),
        "month": f"{local:%Y-%m}".encode(),
        "never": b"x",
    }
    if local.day % 3:
        found["comes and goes"] = b"%d" % (number // 5)
    return found


def play(year: Year, times: Iterator[datetime], *, prune_every: int, restore_every: int) -> None:
    """Live through it; every run is followed by the comparison."""
    alive: set[int] = set()
    for number, at in enumerate(times, start=1):
        if number % 41 == 0:
            year.fail(at)
        else:
            year.back_up(at, files(number, at), Counted.WEAK if number % 17 == 0 else Counted.COUNTED)
            alive.add(number)
        if number % prune_every and at.date() not in ODD_DAYS:
            continue
        expected = retention_oracle.kept(year.policy, [year.points[seq] for seq in sorted(alive)], at)
        report = year.prune()
        assert {one.point.seq for one in report.forgotten} == alive - expected, f"run {number}, {at}"
        alive = expected
        assert year.kept() == alive
        if number % restore_every < prune_every:
            year.assert_restores(sorted(alive)[number % len(alive)])
    assert len({year.points[seq].finished.date() for seq in alive}) > 10
    for seq in sorted(alive):
        year.assert_restores(seq)


HOURLY = RetentionPolicy(
    keep_last=5,
    keep_hourly=26,
    keep_daily=9,
    keep_weekly=5,
    keep_monthly=14,
    keep_yearly=2,
    keep_within=timedelta(hours=3),
    min_age=timedelta(hours=6),
    time_zone=ROME,
)
DAILY = RetentionPolicy(
    keep_last=3,
    keep_daily=10,
    keep_weekly=6,
    keep_monthly=7,
    keep_yearly=2,
    keep_within=timedelta(days=2),
    min_age=timedelta(days=1),
    time_zone=ROME,
)


@pytest.mark.long
def test_an_hourly_schedule_for_400_days(quick_dir: Path) -> None:
    play(Year(quick_dir, HOURLY), hourly(), prune_every=stride(6), restore_every=200)


def test_a_daily_schedule_for_400_days(quick_dir: Path) -> None:
    play(Year(quick_dir, DAILY), daily(), prune_every=1, restore_every=10)
