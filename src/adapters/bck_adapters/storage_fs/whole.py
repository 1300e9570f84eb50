"""Small files: read whole, and compared with the digest that was taken when they were backed up."""

import io
import os
from collections.abc import Callable

from bck_adapters.digest import digest_of, digest_of_file
from bck_adapters.storage_fs.origins import OTHER_DIGEST, UnusableError
from bckcore.domain.file_version import FileEntry

SMALL = 256 << 10
"""Files up to this many bytes are read whole."""


def whole(entry: FileEntry, origin: int) -> bytes:
    """The bytes of a small file. Raises OSError; UnusableError where they are not those of the entry."""
    data = _read(origin, entry.size)
    if entry.digest:
        require_same(entry.digest, digest_of(data))
    return data


def require_known(entry: FileEntry, fd: int, tick: Callable[[int], None], *, large_too: bool = False) -> None:
    """Read the file from its start and compare it with the entry's digest, if one is known.

    Large ones only if asked; ``tick`` is then told, with 0, of every piece. Raises OSError, UnusableError.
    """
    if entry.digest and (entry.size <= SMALL or large_too):
        os.lseek(fd, 0, os.SEEK_SET)
        with io.FileIO(fd, closefd=False) as file:
            require_same(entry.digest, digest_of_file(file, lambda _count: tick(0)))


def require_same(known: bytes, found: bytes) -> None:
    """Raise UnusableError if the digests differ."""
    if known != found:
        raise UnusableError(OTHER_DIGEST)


def _read(origin: int, size: int) -> bytes:
    data = os.read(origin, size + 1)
    while len(data) < size and (more := os.read(origin, size + 1 - len(data))):
        data += more
    if len(data) != size:
        raise UnusableError("The stored file changed its size while it was read.")
    return data
