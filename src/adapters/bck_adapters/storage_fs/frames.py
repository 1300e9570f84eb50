"""Folders of a restore that are not yet over, and what may be done in them.

In byte order ``a-b`` comes between ``a`` and ``a/x``, so a folder is over only when a path is met that
sorts behind all it can hold; the folders not yet over are the byte prefixes of the path, and so a stack.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass

from bckcore.domain.file_version import FileEntry
from bckcore.domain.paths import ROOT, is_below
from bckcore.domain.push import PushOutcome


@dataclass(slots=True)
class Frame:
    """One folder."""

    entry: FileEntry
    outcome: PushOutcome | None
    """What becomes of the folder itself; None: there is a problem with it."""
    enterable: bool = True
    """False: nothing can be put into it."""
    fresh: bool = False
    """Nothing but what this restore puts there is in it."""
    before: os.stat_result | None = None
    """What the folder was, if it was there already."""
    reason: str = ""
    """Why there is a problem, in words."""


class Frames:
    """The stack."""

    def __init__(self, top: Frame) -> None:
        self._top = top
        self._stack: list[Frame] = []

    def over_before(self, entry: FileEntry) -> Iterator[Frame]:
        """The folders that end before the entry, inner ones first."""
        while self._stack and entry.path >= self._stack[-1].entry.path + b"0":  # "0" follows "/"
            yield self._stack.pop()

    def all_over(self) -> Iterator[Frame]:
        """What is left, inner ones first."""
        while self._stack:
            yield self._stack.pop()

    def push(self, frame: Frame) -> None:
        """A folder begins."""
        self._stack.append(frame)

    def above(self, entry: FileEntry) -> Frame:
        """The nearest folder met that the entry lies in."""
        for frame in reversed(self._stack):
            if is_below(entry.path, frame.entry.path):
                return frame
        return self._top

    def is_fresh(self, entry: FileEntry) -> bool:
        """True if nothing can be in the way of the entry."""
        frame = self.above(entry)
        folder, _, _ = entry.path.rpartition(b"/")
        return frame.fresh and frame.entry.path == (folder or ROOT)
