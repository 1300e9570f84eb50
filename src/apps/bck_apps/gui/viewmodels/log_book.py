"""The log of one job as it comes in: in order, each line once, the newest kept."""

from __future__ import annotations

from collections import deque

from bck_apps.gui.messages import LogLine
from bck_apps.gui.viewmodels.observable import Observable

KEPT = 5_000


class LogBook(Observable):
    """Lines by rising number; ``version`` changes when the book starts anew."""

    def __init__(self, kept: int = KEPT) -> None:
        super().__init__()
        self._lines: deque[LogLine] = deque(maxlen=kept)
        self.last = 0
        self.version = 0
        self.clipped = False

    @property
    def lines(self) -> tuple[LogLine, ...]:
        """What is kept, oldest first."""
        return tuple(self._lines)

    def add(self, line: LogLine) -> None:
        """Take a line; one that was there already, as after a broken connection, is left out."""
        if line.number <= self.last:
            return
        self.clipped = self.clipped or len(self._lines) == self._lines.maxlen
        self._lines.append(line)
        self.last = line.number
        self._changed()

    def after(self, number: int) -> tuple[LogLine, ...]:
        """Kept lines above ``number``."""
        missing = min(len(self._lines), max(0, self.last - number))
        newest: list[LogLine] = []
        for line in reversed(self._lines):
            if line.number <= number or len(newest) >= missing:
                break
            newest.append(line)
        return tuple(reversed(newest))

    def clear(self) -> None:
        """Another job's log follows."""
        self._lines.clear()
        self.last, self.clipped = 0, False
        self.version += 1
        self._changed()
