"""The listing of one attempt, kept as a file of ``work_dir``: gone when the attempt is folded."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from bckcore.domain.file_version import EntryKind
from bckcore.domain.paths import RelPath, percent_decoded, percent_encoded
from bckcore.domain.transfer import Seen


def _line(path: RelPath, seen: Seen | None) -> str:
    hints = f"{seen.kind.value}\t{seen.size}\t{seen.mtime}\t{seen.digest.hex()}" if seen else ""
    return f"{percent_encoded(path)}\t{hints}\n"


def _seen(path: RelPath, hints: str) -> Seen:
    kind, size, mtime, digest = hints.split("\t")
    return Seen(path, EntryKind(kind), int(size), int(mtime), bytes.fromhex(digest))


class FileListing:
    """Listing that is read from its file each time it is walked."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def save(self, listed: Iterable[tuple[RelPath, Seen | None]]) -> None:
        """Write all listed paths; those with hints may have changed."""
        with self._file.open("w", encoding="ascii") as out:
            out.writelines(_line(path, seen) for path, seen in listed)

    def paths(self) -> Iterator[RelPath]:
        """See the port."""
        return (path for path, _ in self._lines())

    def changes(self) -> Iterator[Seen]:
        """See the port."""
        return (_seen(path, hints) for path, hints in self._lines() if hints)

    def _lines(self) -> Iterator[tuple[RelPath, str]]:
        with self._file.open(encoding="ascii") as lines:
            for line in lines:
                path, _, hints = line.rstrip("\n").partition("\t")
                yield RelPath(percent_decoded(path)), hints
