"""A profile is due when its interval has passed, and stays due until a run starts."""

from datetime import timedelta

import pytest

from bckcore.domain.schedule import Schedule
from bckcore.errors import InvalidInputError
from tests.support.values import NOW

HOUR = timedelta(hours=1)


def test_a_new_profile_is_due_at_once() -> None:
    assert Schedule(every=HOUR).due_since(last_start=None, created=NOW) == NOW


def test_it_is_due_an_interval_after_the_last_start() -> None:
    assert Schedule(every=HOUR).due_since(last_start=NOW + 5 * HOUR, created=NOW) == NOW + 6 * HOUR


@pytest.mark.parametrize("every", [timedelta(0), timedelta(seconds=59), -HOUR])
def test_more_than_once_a_minute_is_refused(every: timedelta) -> None:
    with pytest.raises(InvalidInputError):
        Schedule(every=every)
