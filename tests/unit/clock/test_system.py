"""The system clock is aware, and waits no longer than its condition."""

from datetime import timedelta

from bck_adapters.clock import SystemClock


def test_now_is_aware_utc():
    assert SystemClock().now().utcoffset() == timedelta(0)


def test_a_wait_ends_when_its_condition_holds():
    clock, asked = SystemClock(), iter([False, False, True])
    started = clock.monotonic()
    assert clock.wait(60, until=lambda: next(asked))
    assert clock.monotonic() - started < 10


def test_a_wait_ends_when_its_time_is_over():
    clock = SystemClock()
    started = clock.monotonic()
    assert not clock.wait(0.1, until=lambda: False)
    assert 0.1 <= clock.monotonic() - started < 10
