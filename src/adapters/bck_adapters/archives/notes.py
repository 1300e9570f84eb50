"""The last member of an archive: what is not in it, and what is called otherwise."""

from collections.abc import Iterator

from bckcore.domain.file_version import EntryKind, FileEntry
from bckcore.domain.paths import RelPath, display

NAME = b"README-bck.txt"
MOST = 10_000


class Notes:
    """Collects remarks; at most 10,000 are kept in memory, the rest counted."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._more = 0

    def add(self, path: bytes, remark: str) -> None:
        """One more."""
        if len(self._lines) < MOST:
            self._lines.append(f"{display(path)}: {remark}\n")
        else:
            self._more += 1

    def text(self) -> bytes:
        """All of them; empty if there are none."""
        return "".join(self._all()).encode()

    def _all(self) -> Iterator[str]:
        if self._lines:
            yield "What this archive does not hold, or holds under another name:\n\n"
            yield from self._lines
            if self._more:
                yield f"and {self._more} more\n"


def note_entry(text: bytes, mtime_ns: int) -> FileEntry:
    """The entry of the last member."""
    return FileEntry(RelPath(NAME), EntryKind.FILE, 0o644, 0, 0, mtime_ns, len(text))
