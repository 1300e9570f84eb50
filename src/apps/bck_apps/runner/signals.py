"""StopSignals: SIGINT and SIGTERM as something that can be awaited."""

import os
import select
import signal
from types import FrameType, TracebackType
from typing import Any, Self

_WATCHED = (signal.SIGINT, signal.SIGTERM)


class StopSignals:
    """Counts the signals that ask this process to end, as a context manager of the main thread.

    The handler only writes to a pipe: it may interrupt any code, also code that holds a lock, so it
    must not touch locks, events or the database itself.
    """

    def __init__(self) -> None:
        self.interrupts = 0
        """Ctrl-C, so far."""
        self.terminations = 0
        """SIGTERM, so far."""
        self._before: dict[signal.Signals, Any] = {}
        self._reader = self._writer = -1

    def __enter__(self) -> Self:
        self._reader, self._writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._before = {number: signal.signal(number, self._note) for number in _WATCHED}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.close(self._reader)
        os.close(self._writer)

    def wait(self, seconds: float | None) -> bool:
        """Wait for a signal, at most ``seconds`` (None: for ever); True if one came since the last call."""
        ready, _, _ = select.select([self._reader], [], [], seconds)
        for byte in os.read(self._reader, 4096) if ready else b"":
            if byte == signal.SIGINT:
                self.interrupts += 1
            else:
                self.terminations += 1
        return bool(ready)

    def _note(self, number: int, frame: FrameType | None) -> None:
        os.write(self._writer, bytes((number,)))
