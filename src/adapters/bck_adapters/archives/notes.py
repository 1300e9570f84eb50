"""The last member of an archive: what is not in it, what is called otherwise, and what is damaged."""

from collections.abc import Iterator

from bckcore.domain.file_version import EntryKind, FileEntry
from bckcore.domain.paths import RelPath, display
from bckcore.ports.archives import Remark, Told

NAME = b"README-bck.txt"
MOST = 10_000


class Notes:
    """Collects remarks; at most 10,000 are kept in memory, the rest counted."""

    def __init__(self, told: Told) -> None:
        """``told`` hears of every one as well."""
        self._told = told
        self._lines: list[str] = []
        self._more = 0

    def left_out(self, path: bytes, why: str) -> None:
        """It is not in the archive."""
        self._add(path, why)
        self._told(Remark.LEFT_OUT, path, why)

    def altered(self, path: bytes, how: str) -> None:
        """It is in the archive, but not quite as it was."""
        self._add(path, how)
        self._told(Remark.ALTERED, path, how)

    def _add(self, path: bytes, remark: str) -> None:
        if len(self._lines) < MOST:
            self._lines.append(f"{display(path)}: {remark}\n")
        else:
            self._more += 1

    def differs(self, path: bytes) -> None:
        """What stands in the archive under that name is not what was backed up."""
        why = "its bytes are not those that were backed up"
        self._add(path, f"DAMAGED, do not use it: {why}")
        self._told(Remark.DAMAGED, path, why)

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
