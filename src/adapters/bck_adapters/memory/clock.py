"""A clock that tests set."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Condition

START = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
_POLL_SECONDS = 0.01


class SettableClock:
    """A Clock that moves when it is told to. Thread-safe.

    With ``auto_advance`` (the default) :meth:`wait` never blocks: it moves the time forward itself.
    Without it, a waiter blocks until its condition holds or another thread advances the time.
    """

    def __init__(self, start: datetime = START, *, auto_advance: bool = True) -> None:
        self._now = start.astimezone(UTC)
        self._monotonic = 0.0
        self._auto = auto_advance
        self._changed = Condition()

    def now(self) -> datetime:
        """The time as set."""
        with self._changed:
            return self._now

    def monotonic(self) -> float:
        """Seconds advanced so far; :meth:`set` does not touch it."""
        with self._changed:
            return self._monotonic

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        with self._changed:
            self._now += timedelta(seconds=seconds)
            self._monotonic += seconds
            self._changed.notify_all()

    def set(self, now: datetime) -> None:
        """Jump the wall clock, as an administrator or NTP would; the monotonic one stays."""
        with self._changed:
            self._now = now.astimezone(UTC)

    def wait(self, seconds: float, *, until: Callable[[], bool]) -> bool:
        """Wait in this clock's time; see the class for who moves it."""
        if until():
            return True
        if self._auto:
            self.advance(seconds)
            return until()
        deadline = self.monotonic() + seconds
        while not until():
            with self._changed:
                if self._monotonic >= deadline:
                    return False
                self._changed.wait(_POLL_SECONDS)
        return True
