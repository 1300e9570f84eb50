"""How a profile stands: never, stale, offline or ok."""

from datetime import timedelta

import pytest

from bckcore.domain.health import HealthState, judged
from tests.support.values import NOW

DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("good", "within", "offline", "state", "fresh"),
    [
        (DAY, 3 * DAY, False, HealthState.OK, True),
        (3 * DAY, 3 * DAY, False, HealthState.OK, True),
        (3 * DAY + timedelta(seconds=1), 3 * DAY, False, HealthState.STALE, False),
        (DAY, 3 * DAY, True, HealthState.OFFLINE, True),
        (4 * DAY, 3 * DAY, True, HealthState.STALE, False),
        (400 * DAY, None, False, HealthState.OK, None),
        (400 * DAY, None, True, HealthState.OFFLINE, None),
        (None, None, False, HealthState.NEVER, None),
        (None, 11 * DAY, True, HealthState.NEVER, True),
        (None, 3 * DAY, True, HealthState.NEVER, False),
    ],
)
def test_a_profile_is_judged_by_its_newest_good_backup(
    good: timedelta | None,
    within: timedelta | None,
    offline: bool,
    state: HealthState,
    fresh: bool | None,
) -> None:
    health = judged(
        created=NOW - 10 * DAY,
        fresh_within=within,
        good_at=None if good is None else NOW - good,
        offline=offline,
        now=NOW,
    )
    assert (health.state, health.fresh) == (state, fresh)


def test_another_host_key_is_an_alarm_however_fresh_the_backups_are() -> None:
    health = judged(created=NOW, fresh_within=DAY, good_at=NOW, offline=True, alarm=True, now=NOW)
    assert (health.state, health.fresh) == (HealthState.ALARM, True)


def test_a_profile_of_which_nobody_knows_when_it_was_made_is_not_called_stale() -> None:
    health = judged(created=None, fresh_within=DAY, good_at=None, offline=False, now=NOW)
    assert (health.state, health.fresh, health.fresh_until) == (HealthState.NEVER, None, None)
