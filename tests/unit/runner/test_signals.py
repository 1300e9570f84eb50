"""StopSignals: signals are counted, awaited, and the handlers of before come back."""

import os
import signal

from bck_apps.runner.signals import StopSignals


def test_a_signal_ends_the_wait_and_is_counted_by_kind():
    with StopSignals() as signals:
        os.kill(os.getpid(), signal.SIGTERM)
        assert signals.wait(10)
        assert (signals.interrupts, signals.terminations) == (0, 1)
        os.kill(os.getpid(), signal.SIGINT)
        assert signals.wait(10)
        assert (signals.interrupts, signals.terminations) == (1, 1)


def test_no_signal_is_no_stop():
    with StopSignals() as signals:
        assert not signals.wait(0)


def test_a_signal_wakes_a_wait_that_has_begun():
    with StopSignals() as signals:
        before = signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        try:
            assert signals.wait(10)
        finally:
            signal.signal(signal.SIGALRM, before)
    assert signals.interrupts == 1


def test_the_handlers_of_before_come_back():
    before = signal.getsignal(signal.SIGTERM)
    with StopSignals():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before
