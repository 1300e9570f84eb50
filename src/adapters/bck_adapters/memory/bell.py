"""MemoryBell: heard within one process."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock


class MemoryBell:
    """Bell."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._wake: Callable[[], None] | None = None

    def ring(self) -> None:
        """See the port."""
        with self._lock:
            if self._wake is not None:
                self._wake()

    @contextmanager
    def listening(self, wake: Callable[[], None]) -> Iterator[None]:
        """See the port."""
        with self._lock:
            self._wake = wake
        try:
            yield
        finally:
            with self._lock:
                self._wake = None
