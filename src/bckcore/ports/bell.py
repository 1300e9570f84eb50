"""Bell: tells the runner of an installation that there is something new in the queue."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol


class Bell(Protocol):
    """Thread-safe, and across the processes of one installation. A hint: who listens also looks by itself
    from time to time, for a ring may be lost."""

    def ring(self) -> None:
        """Wake whoever listens, in this process or another one. Never raises, never waits; it is no error if
        nobody listens. Call it after what is new can be seen."""

    def listening(self, wake: Callable[[], None]) -> AbstractContextManager[None]:
        """While the context lasts, ``wake`` is called after each ring, in any thread; several rings may make
        one call. ``wake`` is quick and never raises. One listens at a time. Where nothing can be heard, that
        is logged and the context lasts all the same."""
