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


GOOD, WEAK, SUSPECT = Counted


def test_by_default_twenty_points_and_seven_days_are_kept_together() -> None:
    policy = RetentionPolicy()
    assert (policy.keep_last, policy.keep_within) == (20, 7 * DAY)
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
    points = [(1, 90, WEAK), (2, 80, GOOD), (3, 70, SUSPECT), (4, 60, GOOD)]
    assert kept(RetentionPolicy(keep_last=1), *points) == [4]


def test_without_any_counted_point_nothing_goes() -> None:
    assert kept(RetentionPolicy(keep_last=1), (1, 900, WEAK), (2, 800, SUSPECT)) == [1, 2]


def test_the_newest_counted_point_never_goes() -> None:
    assert kept(RetentionPolicy(keep_last=1, keep_within=timedelta(0)), (1, 9000, GOOD), (2, 1, WEAK)) == [
        1,
        2,
    ]


def test_a_point_from_the_future_stays() -> None:
    assert kept(RetentionPolicy(keep_last=1, keep_within=timedelta(0)), (1, -5, GOOD), (2, 0, GOOD)) == [1, 2]


def test_every_decision_has_a_reason_for_people() -> None:
    policy = RetentionPolicy(keep_last=1, keep_within=2 * DAY)
    decided = policy.evaluate([point(1, age=9 * DAY), point(2, age=8 * DAY, counted=WEAK), point(3)], now=NOW)
    assert [decision.keep for decision in decided] == [False, False, True]
    assert decided[0].reasons == ("older than 2d and not among the last 1 good points",)
    assert decided[2].reasons == ("newest good point", "last 1: number 1", "within 2d")


@pytest.mark.parametrize(("last", "within"), [(0, DAY), (-1, DAY), (1, -DAY)])
def test_a_policy_that_could_drop_the_last_good_point_is_refused(last: int, within: timedelta) -> None:
    with pytest.raises(InvalidInputError):
        RetentionPolicy(keep_last=last, keep_within=within)
