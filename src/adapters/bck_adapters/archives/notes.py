"""The last member of an archive: what is not in it, what is called otherwise, and what is damaged."""

from collections.abc import Callable, Iterator

from bckcore.domain.file_version import EntryKind, FileEntry
from bckcore.domain.paths import RelPath, display

NAME = b"README-bck.txt"
MOST = 10_000


class Notes:
    """Collects remarks; at most 10,000 are kept in memory, the rest counted."""

    def __init__(self, differing: Callable[[bytes], None]) -> None:
        """``differing`` is told the path of each member that is not what was backed up."""
        self._differing = differing
        self._lines: list[str] = []
        self._more = 0

    def add(self, path: bytes, remark: str) -> None:
        """One more."""
        if len(self._lines) < MOST:
            self._lines.append(f"{display(path)}: {remark}\n")
        else:
            self._more += 1

    def differs(self, path: bytes) -> None:
        """What stands in the archive under that name is not what was backed up."""
        self.add(path, "DAMAGED, do not use it: its bytes are not those that were backed up")
        self._differing(path)

    def text(self) -> bytes:
        """All of them; empty if there are none."""
        return "".join(self._all()).encode()

    def _all(self) -> Iterator[str]:
        if self._lines:
            yield "What this archive does not hold, or holds otherwise than it was:\n\n"
            yield from self._lines
            if self._more:
                yield f"and {self._more} more\n"


def note_entry(text: bytes, mtime_ns: int) -> FileEntry:
    """The entry of the last member."""
    return FileEntry(RelPath(NAME), EntryKind.FILE, 0o644, 0, 0, mtime_ns, len(text))
