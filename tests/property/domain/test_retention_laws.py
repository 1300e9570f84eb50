"""Laws that hold for every set of points and every policy."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bckcore.domain.hold import Hold
from bckcore.domain.ids import ProfileId
from bckcore.domain.restore_point import Counted, RestorePoint
from bckcore.domain.retention import RetentionPolicy
from tests.support import retention_oracle
from tests.support.values import point

ZONES = ("UTC", "Europe/Rome", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kathmandu")
NOW = datetime(2028, 4, 2, 0, 30, tzinfo=UTC)
"""Behind it lie a leap day, the change of clocks of Rome and the end of an ISO year."""
RULES = ("keep_hourly", "keep_daily", "keep_weekly", "keep_monthly", "keep_yearly")
ages = st.integers(0, 20).map(lambda days: timedelta(days=days))
policies = st.builds(
    RetentionPolicy,
    keep_last=st.integers(1, 6),
    **{rule: st.integers(0, 4) for rule in RULES},
    keep_within=ages,
    min_age=ages,
    time_zone=st.sampled_from(ZONES),
)
steps = st.one_of(st.integers(0, 90), st.integers(0, 3 * 1440), st.integers(0, 60 * 1440))


@st.composite
def histories(draw: st.DrawFn) -> list[RestorePoint]:
    """Points as time brings them: the younger, the higher the number, some numbers left out."""
    history = draw(st.lists(st.tuples(st.integers(1, 3), steps, st.sampled_from(Counted)), max_size=25))
    age, seq, points = sum(minutes for _, minutes, _ in history) + draw(st.integers(-2000, 9000)), 0, []
    for more, minutes, counted in history:
        seq, age = seq + more, age - minutes
        points.append(point(seq, age=timedelta(minutes=age), counted=counted, now=NOW))
    return points


def hold(seq: int, expires: datetime | None = None) -> Hold:
    return Hold(profile=ProfileId("docs"), seq=seq, reason="why", owner="anna", created=NOW, expires=expires)


holdings = st.lists(st.builds(hold, st.integers(1, 40)), max_size=4)


def kept(policy: RetentionPolicy, points: list[RestorePoint], holds: list[Hold] | None = None) -> set[int]:
    decided = policy.evaluate(points, now=NOW, holds=holds or [])
    return {decision.point.seq for decision in decided if decision.keep}


@given(policies, histories())
def test_the_newest_counted_point_never_goes(policy: RetentionPolicy, points: list[RestorePoint]) -> None:
    counted = [one.seq for one in points if one.counted is Counted.COUNTED]
    assert not counted or max(counted) in kept(policy, points)


@given(policies, histories())
def test_a_point_goes_only_when_no_rule_keeps_it(policy: RetentionPolicy, points: list[RestorePoint]) -> None:
    """Against rules that were written a second time, in another way."""
    assert kept(policy, points) == retention_oracle.kept(policy, points, NOW)


@given(policies, histories(), holdings)
def test_nothing_younger_than_the_minimum_age_goes(
    policy: RetentionPolicy, points: list[RestorePoint], holds: list[Hold]
) -> None:
    staying = kept(policy, points, holds)
    assert all(NOW - one.finished >= policy.min_age for one in points if one.seq not in staying)


@given(policies, histories(), holdings)
def test_a_held_point_never_goes_and_a_hold_changes_nothing_else(
    policy: RetentionPolicy, points: list[RestorePoint], holds: list[Hold]
) -> None:
    held = {one.seq for one in holds} & {one.seq for one in points}
    assert kept(policy, points, holds) == kept(policy, points) | held


@given(policies, histories(), st.integers(0, 10_000))
def test_an_expired_hold_holds_nothing(policy: RetentionPolicy, points: list[RestorePoint], ago: int) -> None:
    expired = [hold(one.seq, NOW - timedelta(seconds=ago)) for one in points]
    assert kept(policy, points, expired) == kept(policy, points)


@given(policies, histories())
def test_weak_and_suspect_points_never_change_what_happens_to_counted_ones(
    policy: RetentionPolicy, points: list[RestorePoint]
) -> None:
    counted = [one for one in points if one.counted is Counted.COUNTED]
    assert kept(policy, points) & {one.seq for one in counted} == kept(policy, counted)


@given(policies, histories())
def test_a_weak_point_goes_only_when_old_and_older_than_every_one_kept_by_number(
    policy: RetentionPolicy, points: list[RestorePoint]
) -> None:
    staying = kept(policy, points)
    by_number = [one.seq for one in points if one.counted is Counted.COUNTED][-policy.keep_last :]
    for one in points:
        if one.seq not in staying and one.counted is not Counted.COUNTED:
            assert NOW - one.finished > policy.keep_within
            assert one.seq < min(by_number)


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


@given(policies, histories(), holdings)
def test_deciding_again_about_what_stayed_drops_nothing_more(
    policy: RetentionPolicy, points: list[RestorePoint], holds: list[Hold]
) -> None:
    staying = kept(policy, points, holds)
    assert kept(policy, [one for one in points if one.seq in staying], holds) == staying


@given(policies, histories(), st.sampled_from(("keep_last", *RULES)), st.integers(1, 5))
def test_a_policy_with_more_places_keeps_at_least_as_much(
    policy: RetentionPolicy, points: list[RestorePoint], rule: str, more: int
) -> None:
    generous = replace(policy, **{rule: getattr(policy, rule) + more})
    assert kept(policy, points) <= kept(generous, points)


@given(policies, histories(), st.sampled_from(("keep_within", "min_age")), ages)
def test_a_policy_that_spares_older_ones_keeps_at_least_as_much(
    policy: RetentionPolicy, points: list[RestorePoint], rule: str, more: timedelta
) -> None:
    generous = replace(policy, **{rule: getattr(policy, rule) + more})
    assert kept(policy, points) <= kept(generous, points)
