"""LogWindow: what of a job's lines is written, however many there are: the first ones, and the last."""

from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime

from bckcore.ports.job_queue import LogLine

HEAD_LINES = 5_000
"""Written as they come."""
TAIL_LINES = 1_000
"""Of the rest, the last ones; written at the end."""
MOST_LINES = HEAD_LINES + TAIL_LINES + 2
"""What one claim writes at most: these, and two lines that say what is missing."""


class LogWindow:
    """Lines of one claim on their way to the queue. Not thread-safe; it does not grow with the log."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._room = HEAD_LINES
        self._waiting: list[LogLine] = []
        self._tail: deque[LogLine] = deque(maxlen=TAIL_LINES)
        self._left_out = 0

    def add(self, line: LogLine) -> None:
        """Take a line."""
        if self._room:
            self._room -= 1
            self._waiting.append(line)
            return
        if not self._tail:
            self._waiting.append(self._remark(f"The last {TAIL_LINES} lines follow when the job ends."))
        self._left_out += len(self._tail) == TAIL_LINES
        self._tail.append(line)

    def taken(self, *, at_end: bool = False) -> list[LogLine]:
        """The lines that are to be written now; ``at_end``: also the last ones."""
        lines, self._waiting = self._waiting, []
        if at_end:
            if self._left_out:
                lines.append(self._remark(f"{self._left_out} lines were left out here."))
            lines.extend(self._tail)
            self._tail.clear()
            self._left_out = 0
        return lines

    def put_back(self, lines: Sequence[LogLine]) -> None:
        """These were taken and could not be written."""
        self._waiting[:0] = lines

    def _remark(self, text: str) -> LogLine:
        return LogLine(number=0, at=self._now(), level="warning", text=text)
