"""SystemClock: real time."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

_POLL_SECONDS = 0.05


class SystemClock:
    """Clock. Waits ask their condition about twenty times a second."""

    def now(self) -> datetime:
        """See the port."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """See the port."""
        return time.monotonic()

    def wait(self, seconds: float, *, until: Callable[[], bool]) -> bool:
        """See the port."""
        deadline = self.monotonic() + seconds
        while not until():
            left = deadline - self.monotonic()
            if left <= 0:
                return False
            time.sleep(min(left, _POLL_SECONDS))
        return True
