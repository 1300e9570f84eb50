"""Hears of every file in a folder that is opened, by whichever code (Linux)."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

_IN_OPEN = 0x20
_HEADER = 16


class Openings:
    """Names of files of ``folder`` that were opened since it was last asked."""

    def __init__(self, folder: Path) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._fd: int = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd < 0 or libc.inotify_add_watch(self._fd, os.fsencode(folder), _IN_OPEN) < 0:
            raise OSError(ctypes.get_errno(), "inotify", str(folder))

    def heard(self) -> set[str]:
        """Which were opened."""
        names: set[str] = set()
        while True:
            try:
                events = os.read(self._fd, 65536)
            except BlockingIOError:
                return names
            while events:
                length = int.from_bytes(events[12:_HEADER], "little")
                names.add(os.fsdecode(events[_HEADER : _HEADER + length].rstrip(b"\0")))
                events = events[_HEADER + length :]

    def close(self) -> None:
        """Hear no more."""
        os.close(self._fd)
