"""Bytes for a check: files that are read to their digest."""

import io
import os
import stat
from collections.abc import Callable
from pathlib import Path

from bck_adapters.digest import digest_of_file
from bck_adapters.storage_fs.current import entry_at
from bck_adapters.storage_fs.errors import ABSENT, storage_error, translated
from bck_adapters.storage_fs.handles import Descent
from bck_adapters.storage_fs.root import Root
from bck_adapters.storage_fs.verify import place_names
from bckcore.domain.file_version import FileEntry
from bckcore.domain.ids import RunId, SourceName
from bckcore.domain.paths import RelPath, components
from bckcore.domain.run import ProfileRef

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK


class OpenFile:
    """An open plain file; its bytes stay, for rsync and we replace files and never write into them."""

    def __init__(self, fd: int, place: bytes) -> None:
        self._file = io.FileIO(fd, "rb")
        self._place = place

    def digest(self, tick: Callable[[int], None]) -> bytes:
        """xxh128 of all bytes, from the disk where it can be had from there."""
        with translated("reading a stored file", self._place):
            # What is in memory would hide what the disk has made of it.
            os.posix_fadvise(self._file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            self._file.seek(0)
            return digest_of_file(self._file, tick)

    def head(self, size: int) -> bytes:
        """The first bytes."""
        with translated("reading a stored file", self._place):
            return os.pread(self._file.fileno(), size, 0)

    def close(self) -> None:
        """Let go of it."""
        self._file.close()


def open_file(
    root: Root, ref: ProfileRef, source: SourceName, run: RunId | None, path: RelPath
) -> OpenFile | None:
    """See ``StoreVerification.open_file``."""
    names = place_names(ref, source, run)
    place = os.fsencode(root.place(*names)) + b"/" + path
    with translated("opening a stored file", place):
        return opened_below(root.find(*names), path, place)


def opened_below(top: int | None, path: RelPath, place: bytes) -> OpenFile | None:
    """Open a plain file below the handle, which is closed. Raises OSError."""
    if top is None:
        return None
    *folder, name = path.split(b"/")
    with Descent(top) as tree:
        try:
            if not tree.reach(folder):
                return None
            fd = os.open(name, _READ, dir_fd=tree.fd)
        except OSError as exc:
            if exc.errno in ABSENT:
                return None
            raise
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        return None
    return OpenFile(fd, place)


def scratch_file(folder: Path, path: RelPath) -> tuple[FileEntry, OpenFile | None] | None:
    """See ``StoreVerification.scratch_file``."""
    place = os.path.join(os.fsencode(folder), path)
    try:
        top = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        with Descent(top) as tree:
            *above, name = components(path)
            entry = entry_at(tree.fd, name, path) if tree.reach(above) else None
            if entry is None:
                return None
            return entry, opened_below(os.dup(top), path, place)
    except OSError as exc:
        raise storage_error(exc, "looking at a file from the PC", place) from exc
