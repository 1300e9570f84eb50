"""Retention by the calendar: buckets in local time, changes of the clocks, weeks, leap days."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bckcore.domain.hold import Hold
from bckcore.domain.ids import ProfileId
from bckcore.domain.restore_point import Counted, RestorePoint
from bckcore.domain.retention import RetentionDecision, RetentionPolicy
from bckcore.domain.retention_rules import zone_of
from bckcore.errors import InvalidInputError
from tests.support.values import point

ROME = "Europe/Rome"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
EVERYTHING_IS_OLD = datetime(2100, 1, 1, tzinfo=UTC)


def at(*moment: int, zone: str = "UTC", fold: int = 0) -> datetime:
    return datetime(*moment, tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)  # type: ignore[misc,arg-type]


def points(*moments: datetime) -> list[RestorePoint]:
    return [
        point(seq, age=EVERYTHING_IS_OLD - moment, now=EVERYTHING_IS_OLD)
        for seq, moment in enumerate(moments, start=1)
    ]


def decided(policy: RetentionPolicy, found: list[RestorePoint]) -> Iterator[RetentionDecision]:
    yield from policy.evaluate(found, now=EVERYTHING_IS_OLD)


def kept(rule: str, count: int, *moments: datetime, zone: str = "UTC") -> list[int]:
    """Numbers of the points that the rule keeps, the newest one included."""
    policy = RetentionPolicy(keep_last=1, time_zone=zone, **{f"keep_{rule}": count})  # type: ignore[arg-type]
    return [one.point.seq for one in decided(policy, points(*moments)) if one.keep]


def test_the_newest_point_of_each_day_stays() -> None:
    moments = [at(2027, 5, day, hour) for day in (1, 2, 3, 4) for hour in (3, 12, 23)]
    assert kept("daily", 3, *moments) == [6, 9, 12]


def test_days_without_a_point_use_no_place() -> None:
    assert kept("daily", 3, at(2020, 1, 1), at(2024, 6, 1), at(2024, 6, 2), at(2027, 1, 1)) == [2, 3, 4]


def test_days_are_those_of_the_local_clock() -> None:
    evening, night = at(2027, 7, 1, 21, 30), at(2027, 7, 1, 22, 30)
    assert kept("daily", 9, evening, night) == [2]
    assert kept("daily", 9, evening, night, zone=ROME) == [1, 2], "the second is past midnight in Rome"


def test_the_hour_that_comes_twice_when_clocks_go_back_is_two_hours() -> None:
    first, second = at(2027, 10, 31, 2, 30, zone=ROME), at(2027, 10, 31, 2, 30, zone=ROME, fold=1)
    assert second - first == HOUR
    assert kept("hourly", 9, first, second, zone=ROME) == [1, 2]
    assert kept("hourly", 9, first, first + 10 * timedelta(minutes=1), second, zone=ROME) == [2, 3]


def test_no_hour_is_lost_when_clocks_go_forward() -> None:
    night = [at(2028, 3, 26, 0) + number * HOUR for number in range(4)]
    local = [moment.astimezone(ZoneInfo(ROME)).hour for moment in night]
    assert local == [1, 3, 4, 5], "two o'clock does not exist"
    assert kept("hourly", 9, *night, zone=ROME) == [1, 2, 3, 4]


@pytest.mark.parametrize(("day", "hours"), [((2028, 3, 26), 23), ((2027, 10, 31), 25), ((2028, 2, 29), 24)])
def test_a_day_has_as_many_hours_as_the_clocks_say(day: tuple[int, int, int], hours: int) -> None:
    begin = at(*day, zone=ROME)
    whole = [begin + number * HOUR for number in range(hours)]
    assert kept("daily", 9, *whole, zone=ROME) == [hours]
    assert kept("daily", 9, *whole, begin + hours * HOUR, zone=ROME) == [hours, hours + 1]
    assert len(kept("hourly", 99, *whole, zone=ROME)) == hours


def test_the_leap_day_is_a_day_of_its_own() -> None:
    days = (at(2028, 2, 28, 12), at(2028, 2, 29, 12), at(2028, 3, 1, 12))
    assert kept("daily", 3, *days) == [1, 2, 3]
    assert kept("monthly", 3, *days) == [2, 3]


def test_weeks_are_those_of_iso_also_over_the_new_year() -> None:
    thursday, friday, sunday, monday = (at(2026, 12, 31), at(2027, 1, 1), at(2027, 1, 3), at(2027, 1, 4))
    assert kept("weekly", 9, thursday, friday, sunday, monday) == [3, 4]
    assert kept("yearly", 9, thursday, friday, sunday, monday) == [1, 4]


def test_a_clock_that_was_wrong_does_not_take_places_twice() -> None:
    """The newest number of a span stands for it, wherever its time lies."""
    wrong = at(2027, 5, 9)
    moments = [at(2027, 5, 1), wrong, at(2027, 5, 2), wrong + HOUR, at(2027, 5, 3)]
    assert kept("daily", 3, *moments) == [3, 4, 5]


def test_the_rules_together_keep_what_any_of_them_keeps_and_say_which() -> None:
    policy = RetentionPolicy(keep_last=2, keep_daily=3, keep_yearly=2, time_zone=ROME)
    found = list(decided(policy, points(*(at(2027, 12, day, 9) for day in (28, 29, 30, 31)), at(2028, 1, 2))))
    assert [one.keep for one in found] == [False, False, True, True, True]
    assert found[4].reasons == ("newest good point", "last 1 of 2", "daily 1 of 3", "yearly 1 of 2")
    assert found[2].reasons == ("daily 3 of 3",)
    assert found[1].reasons == (
        "older than 7d",
        "not among the last 2 good points",
        "daily: older than the 3 newest days",
        "yearly: a newer point of the same year stays",
    )


def test_weak_points_use_no_place_of_the_calendar() -> None:
    days = points(*(at(2027, 5, day) for day in (1, 2, 3)))
    weak = [point(9, age=days[0].finished - at(2027, 5, 2), counted=Counted.WEAK)]
    policy = RetentionPolicy(keep_last=1, keep_daily=2)
    assert [one.point.seq for one in decided(policy, days + weak) if one.keep] == [2, 3, 9]


def test_a_held_point_says_by_whom_until_when_and_why() -> None:
    found = points(at(2027, 5, 1), at(2027, 5, 2))
    until = at(2100, 6, 1, 10)
    hold = Hold(
        profile=ProfileId("docs"), seq=1, reason="audit", owner="anna", created=at(2027, 6, 1), expires=until
    )
    [first, _] = RetentionPolicy(keep_last=1).evaluate(found, now=EVERYTHING_IS_OLD, holds=[hold])
    assert (first.keep, first.reasons) == (True, ("held by anna until 2100-06-01 10:00 UTC: audit",))
    [first, _] = RetentionPolicy(keep_last=1).evaluate(found, now=until, holds=[hold])
    assert not first.keep, "expired"


@pytest.mark.parametrize("reason", ["", "  ", "\n", "x" * 1001, "two\nlines", "nul\0", "half \ud800"])
def test_a_hold_without_a_reason_is_refused(reason: str) -> None:
    with pytest.raises(InvalidInputError):
        Hold(profile=ProfileId("docs"), seq=1, reason=reason, owner="anna", created=at(2027, 1, 1))


@pytest.mark.parametrize("name", ["Europe/Atlantis", "America", "zone.tab", "../etc/passwd", "", "a\0b"])
def test_a_time_zone_that_the_system_does_not_know_is_refused(name: str) -> None:
    with pytest.raises(InvalidInputError, match="time zone"):
        zone_of(name)


def test_a_zone_that_went_away_stops_pruning_only_where_the_calendar_matters() -> None:
    """Names move out of the system's time zone package; a profile that uses one must still be shown."""
    policy = RetentionPolicy(keep_last=1, time_zone="Gone/Away")
    assert [one.keep for one in decided(policy, points(at(2027, 1, 1), at(2027, 1, 2)))] == [False, True]
    with pytest.raises(InvalidInputError, match="Gone/Away"):
        kept("daily", 1, at(2027, 1, 1), zone="Gone/Away")


def test_a_policy_in_words() -> None:
    assert RetentionPolicy().text == "last 20, within 7d, nothing younger than 1d"
    policy = RetentionPolicy(keep_last=3, keep_daily=7, keep_yearly=2, min_age=timedelta(0), time_zone=ROME)
    assert policy.text == "last 3, daily 7, yearly 2, within 7d, Europe/Rome"
