"""The time of a whole run: retries, the waits between them and all folders count."""

from dataclasses import replace
from pathlib import Path

import pytest

from bckcore.domain.credential import Credential
from bckcore.domain.gather import Gathered, GatherOrder
from bckcore.domain.push import PushOrder, PushReport
from bckcore.domain.run import RunOutcome
from bckcore.domain.transfer import PullOrder, TransferOptions
from bckcore.errors import TransferInterruptedError, TransferTimeoutError
from bckcore.ports.transport import PullReport, Transport, Watcher
from tests.support.desks import Desk
from tests.support.house import DOCS


class Slow:
    """Each attempt takes a while; the first ``failing`` are cut. Remembers the time each was given."""

    def __init__(self, inner: Transport) -> None:
        self._inner = inner
        self.desk: Desk
        self.given: list[int | None] = []
        self.takes = 40.0
        self.failing = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    def pull(self, order: PullOrder, credential: Credential | None, watcher: Watcher) -> PullReport:
        """See the port."""
        self.given.append(order.options.total_timeout)
        self.desk.house.clock.advance(self.takes)
        if len(self.given) <= self.failing:
            raise TransferInterruptedError("cut")
        return self._inner.pull(order, credential, watcher)

    def gather(self, order: GatherOrder, credential: Credential | None, watcher: Watcher) -> Gathered:
        """See the port."""
        self.given.append(order.options.total_timeout)
        self.desk.house.clock.advance(self.takes)
        return self._inner.gather(order, credential, watcher)

    def push(self, order: PushOrder, credential: Credential | None, watcher: Watcher) -> PushReport:
        """See the port."""
        self.given.append(order.options.total_timeout)
        self.desk.house.clock.advance(self.takes)
        if len(self.given) <= self.failing:
            raise TransferInterruptedError("cut")
        return self._inner.push(order, credential, watcher)


@pytest.fixture
def slow(quick_dir: Path) -> Slow:
    made: list[Slow] = []

    def wrapped(inner: Transport) -> Transport:
        made.append(Slow(inner))
        return made[0]  # type: ignore[return-value]  # what it lacks it hands on

    desk = Desk(quick_dir, sources=("/home/u/docs", "/home/u/pics"), wrapped=wrapped)
    desk.write("a")
    desk.tree("/home/u/pics").write(b"p", b"data", 1_700_000_000_000_000_000)
    made[0].desk = desk
    return made[0]


def options(total: int | None, attempts: int = 9) -> TransferOptions:
    return TransferOptions(total_timeout=total, attempts=attempts)


def test_retries_and_waits_count_towards_the_time_of_a_run(slow: Slow) -> None:
    slow.failing = 9
    slow.desk.house.change_profile(options=options(100))
    run = slow.desk.back_up()
    assert (run.outcome, run.error_code) == (RunOutcome.FAILED, "transfer-timeout")
    assert "longer than the 100 s" in run.error
    assert slow.given[0] == 100
    assert all(left is not None and 0 < left <= 60 for left in slow.given[1:])
    assert len(slow.given) in (2, 3)  # 40 s each, with 2.5 s to 10 s between them
    assert [attempt.error_code for attempt in run.attempts] == ["transfer-interrupted"] * len(slow.given)


def test_a_second_folder_has_what_the_first_one_left(slow: Slow) -> None:
    slow.desk.house.change_profile(options=options(100))
    assert slow.desk.back_up().outcome is RunOutcome.SUCCEEDED
    assert slow.given == [100, 60]


def test_without_a_limit_a_run_may_take_for_ever(slow: Slow) -> None:
    slow.takes = 1e6
    slow.desk.house.change_profile(options=options(None))
    assert slow.desk.back_up().outcome is RunOutcome.SUCCEEDED
    assert slow.given == [None, None]


def test_a_clock_that_is_set_while_a_run_goes_on_does_not_end_it(slow: Slow) -> None:
    from datetime import timedelta

    plain = slow.pull
    clock = slow.desk.house.clock

    def pull(order: PullOrder, credential: Credential | None, watcher: Watcher) -> PullReport:
        clock.set(clock.now() + timedelta(days=1))
        return plain(order, credential, watcher)

    slow.pull = pull  # type: ignore[method-assign]  # the moment
    slow.desk.house.change_profile(options=options(100))
    assert slow.desk.back_up().outcome is RunOutcome.SUCCEEDED
    assert slow.given == [100, 60]


def test_what_the_host_says_about_filters_is_read_in_the_time_of_the_run(slow: Slow) -> None:
    with slow.desk.house.database.units(read_only=True) as uow:
        filters = replace(uow.profiles.get(DOCS).filters, bckignore=True)
    slow.desk.house.change_profile(options=options(200), filters=filters)
    assert slow.desk.back_up().outcome is RunOutcome.SUCCEEDED
    assert slow.given == [200, 160, 120, 80]
    slow.given.clear()
    slow.desk.house.change_profile(options=options(110, attempts=1), filters=filters)
    assert slow.desk.back_up().error_code == "transfer-timeout"
    assert slow.given == [110, 70, 30]


def restored(slow: Slow) -> None:
    slow.given.clear()
    slow.desk.house.host_restores.restore(DOCS, point="1", watcher=slow.desk.house.watcher)


def test_a_restore_to_the_host_has_one_time_for_all_its_folders_and_attempts(slow: Slow) -> None:
    slow.desk.back_up()
    slow.desk.house.change_profile(options=options(100))
    restored(slow)
    assert slow.given == [100, 60]
    slow.failing = 9
    with pytest.raises(TransferTimeoutError) as caught:
        restored(slow)
    assert "The restore took longer than the 100 s" in caught.value.what
    assert slow.given[0] == 100
    assert all(left is not None and 0 < left <= 60 for left in slow.given[1:])
    assert len(slow.given) in (2, 3)  # 40 s each, with 2.5 s to 10 s between them
