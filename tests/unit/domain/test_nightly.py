"""Once a night, whatever the clocks do."""

from datetime import UTC, date, datetime, timedelta

import pytest

from bckcore.domain.nightly import Nightly
from bckcore.errors import InvalidInputError


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "night", "moment"),
    [
        ("2026-01-10T02:29", "2026-01-09", "2026-01-09T02:30"),
        ("2026-01-10T02:30", "2026-01-10", "2026-01-10T02:30"),
        ("2026-07-10T01:30", "2026-07-10", "2026-07-10T01:30"),
        ("2026-07-10T23:59", "2026-07-10", "2026-07-10T01:30"),
    ],
)
def test_latest_night_is_that_of_the_wall_clock(now: str, night: str, moment: str) -> None:
    found = Nightly.of("03:30", "Europe/Rome").latest(utc(now))
    assert found == (date.fromisoformat(night), utc(moment))


def test_a_time_that_summer_time_leaves_out_comes_after_the_gap() -> None:
    nightly = Nightly.of("02:30", "Europe/Rome")
    assert nightly.latest(utc("2026-03-29T01:29"))[0] == date(2026, 3, 28)
    assert nightly.latest(utc("2026-03-29T01:30"))[0] == date(2026, 3, 29)


def test_a_time_that_comes_twice_counts_the_first_time() -> None:
    nightly = Nightly.of("02:30", "Europe/Rome")
    assert nightly.latest(utc("2026-10-25T00:30")) == (date(2026, 10, 25), utc("2026-10-25T00:30"))
    assert nightly.latest(utc("2026-10-25T01:45")) == (date(2026, 10, 25), utc("2026-10-25T00:30"))


@pytest.mark.parametrize("zone", ["UTC", "Europe/Rome", "America/St_Johns", "Pacific/Kiritimati"])
def test_every_night_of_400_days_comes_once_and_in_order(zone: str) -> None:
    nightly = Nightly.of("02:30", zone)
    now, seen = utc("2027-12-01T00:00"), list[date]()
    for _ in range(400 * 48):
        night, moment = nightly.latest(now)
        assert moment <= now
        if not seen or seen[-1] != night:
            seen.append(night)
        now += timedelta(minutes=30)
    assert seen == [seen[0] + timedelta(days=day) for day in range(len(seen))]
    assert len(seen) in (400, 401)


@pytest.mark.parametrize(("at", "zone"), [("25:00", "UTC"), ("noon", "UTC"), ("3", "UTC"), ("03:30", "Mars")])
def test_what_is_no_time_or_zone_is_refused(at: str, zone: str) -> None:
    with pytest.raises(InvalidInputError):
        Nightly.of(at, zone)
