"""Clock: time is given, never taken."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Thread-safe."""

    def now(self) -> datetime:
        """The current time, aware, UTC."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back."""

    def wait(self, seconds: float, *, until: Callable[[], bool]) -> bool:
        """Wait at most ``seconds`` or until the condition holds; True if it held."""
