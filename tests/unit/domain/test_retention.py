"""The retention policy by examples; its laws are in tests/property/domain."""

from datetime import timedelta

import pytest

from bckcore.domain.restore_point import Counted
from bckcore.domain.retention import RetentionPolicy
from bckcore.errors import InvalidInputError
from tests.support.values import NOW, point

DAY = timedelta(days=1)


def kept(policy: RetentionPolicy, *points: tuple[int, int, Counted]) -> list[int]:
    """Numbers of the kept ones of (number, age in days, counted)."""
    decided = policy.evaluate([point(seq, age=age * DAY, counted=how) for seq, age, how in points], now=NOW)
    return [decision.point.seq for decision in decided if decision.keep]


GOOD, WEAK, EXTRA, SUSPECT = Counted
NOTHING_BUT_THE_LAST = RetentionPolicy(keep_last=1, keep_within=timedelta(0), min_age=timedelta(0))


def test_by_default_twenty_points_and_seven_days_are_kept_together() -> None:
    policy = RetentionPolicy()
    assert (policy.keep_last, policy.keep_within, policy.min_age) == (20, 7 * DAY, DAY)
    assert set(policy.by_calendar.values()) == {0}
    old = [(seq, 100 - seq, GOOD) for seq in range(1, 31)]
    assert kept(policy, *old) == list(range(11, 31))
    quick = [(seq, 3, GOOD) for seq in range(31, 61)]
    assert kept(policy, *old, *quick) == list(range(31, 61))


def test_twenty_quick_starts_do_not_push_out_what_is_young() -> None:
    week = [(seq, 6, GOOD) for seq in range(1, 4)]
    quick = [(seq, 0, GOOD) for seq in range(4, 40)]
    assert kept(RetentionPolicy(), *week, *quick) == list(range(1, 40))


def test_weak_and_suspect_points_use_no_place() -> None:
    points = [(1, 90, GOOD), (2, 80, GOOD), (3, 70, WEAK), (4, 60, SUSPECT), (5, 50, GOOD)]
    assert kept(RetentionPolicy(keep_last=2), *points) == [2, 3, 4, 5]


def test_weak_points_go_once_every_kept_counted_one_is_newer() -> None:
    points = [(1, 90, WEAK), (2, 80, GOOD), (3, 70, SUSPECT), (4, 65, EXTRA), (5, 60, GOOD)]
    assert kept(RetentionPolicy(keep_last=1), *points) == [5]


def test_without_any_counted_point_nothing_goes() -> None:
    assert kept(RetentionPolicy(keep_last=1), (1, 900, WEAK), (2, 800, SUSPECT), (3, 9, EXTRA)) == [1, 2, 3]


def test_the_newest_counted_point_never_goes() -> None:
    assert kept(NOTHING_BUT_THE_LAST, (1, 9000, GOOD), (2, 1, WEAK)) == [1, 2]


def test_a_point_from_the_future_stays() -> None:
    assert kept(NOTHING_BUT_THE_LAST, (1, -5, GOOD), (2, 0, GOOD)) == [1, 2]


def test_every_decision_has_a_reason_for_people() -> None:
    policy = RetentionPolicy(keep_last=1, keep_within=2 * DAY)
    decided = policy.evaluate([point(1, age=9 * DAY), point(2, age=8 * DAY, counted=WEAK), point(3)], now=NOW)
    assert [decision.keep for decision in decided] == [False, False, True]
    assert decided[0].reasons == ("older than 2d", "not among the last 1 good points")
    assert decided[1].reasons == ("older than 2d", "weak, older than every point kept by number")
    assert decided[2].reasons == ("newest good point", "last 1 of 1", "within 2d", "younger than 1d")


def test_nothing_younger_than_the_minimum_age_goes_whatever_it_is() -> None:
    policy = RetentionPolicy(keep_last=1, keep_within=timedelta(0), min_age=3 * DAY)
    points = [(1, 4, GOOD), (2, 3, WEAK), (3, 2, GOOD), (4, 2, SUSPECT), (5, 1, WEAK), (6, 0, GOOD)]
    assert kept(policy, *points) == [3, 4, 5, 6], "exactly three days is old enough"


@pytest.mark.parametrize(
    "wrong",
    [
        {"keep_last": 0},
        {"keep_last": -1},
        {"keep_last": 10**30},
        {"keep_within": -DAY},
        {"keep_daily": -1},
        {"keep_yearly": 10**30},
        {"min_age": -DAY},
        {"min_age": 100_000 * DAY},
        {"time_zone": ""},
        {"time_zone": "../../etc/passwd"},
        {"time_zone": "Europe/Rome\n"},
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidInputError):
        RetentionPolicy(**wrong)  # type: ignore[arg-type]  # that is the point
