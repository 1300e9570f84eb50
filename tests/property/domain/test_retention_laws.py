"""Laws that hold for every set of points and every policy."""

import random
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from bckcore.domain.restore_point import Counted, RestorePoint
from bckcore.domain.retention import RetentionPolicy
from tests.support.values import NOW, point

policies = st.builds(
    RetentionPolicy,
    keep_last=st.integers(1, 6),
    keep_within=st.integers(0, 20).map(lambda days: timedelta(days=days)),
)


@st.composite
def histories(draw: st.DrawFn) -> list[RestorePoint]:
    """Points as time brings them: the younger, the higher the number, some numbers left out."""
    steps = draw(
        st.lists(st.tuples(st.integers(1, 3), st.integers(0, 4), st.sampled_from(Counted)), max_size=25)
    )
    age, seq, points = 45, 0, []
    for more, days, counted in steps:
        seq, age = seq + more, age - days
        points.append(point(seq, age=timedelta(days=age), counted=counted))
    return points


def kept(policy: RetentionPolicy, points: list[RestorePoint]) -> set[int]:
    return {decision.point.seq for decision in policy.evaluate(points, now=NOW) if decision.keep}


@given(policies, histories())
def test_the_newest_counted_point_never_goes(policy: RetentionPolicy, points: list[RestorePoint]) -> None:
    counted = [one.seq for one in points if one.counted is Counted.COUNTED]
    assert not counted or max(counted) in kept(policy, points)


@given(policies, histories())
def test_a_counted_point_goes_only_when_neither_rule_keeps_it(
    policy: RetentionPolicy, points: list[RestorePoint]
) -> None:
    counted = [one for one in points if one.counted is Counted.COUNTED]
    expected = {one.seq for one in counted[-policy.keep_last :]}
    expected |= {one.seq for one in counted if NOW - one.finished <= policy.keep_within}
    assert kept(policy, points) & {one.seq for one in counted} == expected


@given(policies, histories())
def test_weak_and_suspect_points_never_change_what_happens_to_counted_ones(
    policy: RetentionPolicy, points: list[RestorePoint]
) -> None:
    counted = [one for one in points if one.counted is Counted.COUNTED]
    assert kept(policy, points) & {one.seq for one in counted} == kept(policy, counted)


@given(policies, histories())
def test_a_weak_point_goes_only_when_old_and_older_than_every_counted_one_that_stays(
    policy: RetentionPolicy, points: list[RestorePoint]
) -> None:
    staying = kept(policy, points)
    stays = [one.seq for one in points if one.counted is Counted.COUNTED and one.seq in staying]
    for one in points:
        if one.seq not in staying and one.counted is not Counted.COUNTED:
            assert NOW - one.finished > policy.keep_within
            assert one.seq < min(stays)


@given(policies, histories(), st.randoms(use_true_random=False))
def test_the_order_in_which_points_are_given_means_nothing(
    policy: RetentionPolicy, points: list[RestorePoint], chance: random.Random
) -> None:
    shuffled = points.copy()
    chance.shuffle(shuffled)
    assert policy.evaluate(shuffled, now=NOW) == policy.evaluate(points, now=NOW)


@given(policies, histories())
def test_every_point_gets_one_decision_with_reasons_oldest_first_and_nothing_is_touched(
    policy: RetentionPolicy, points: list[RestorePoint]
) -> None:
    before = points.copy()
    decided = policy.evaluate(points, now=NOW)
    assert [decision.point for decision in decided] == before == points
    assert all(decision.reasons for decision in decided)


@given(policies, histories())
def test_deciding_again_about_what_stayed_drops_nothing_more(
    policy: RetentionPolicy, points: list[RestorePoint]
) -> None:
    staying = kept(policy, points)
    assert kept(policy, [one for one in points if one.seq in staying]) == staying


@given(policies, histories())
def test_a_more_generous_policy_keeps_at_least_as_much(
    policy: RetentionPolicy, points: list[RestorePoint]
) -> None:
    generous = RetentionPolicy(
        keep_last=policy.keep_last + 1, keep_within=policy.keep_within + timedelta(days=1)
    )
    assert kept(policy, points) <= kept(generous, points)
