"""Small files: read whole, and compared with the digest that was taken when they were backed up."""

import os

from bck_adapters.digest import digest_of
from bck_adapters.storage_fs.origins import UnusableError
from bckcore.domain.file_version import FileEntry

SMALL = 256 << 10
"""Files up to this many bytes are read whole."""


def whole(entry: FileEntry, origin: int) -> bytes:
    """The bytes of a small file. Raises OSError; UnusableError where they are not those of the entry."""
    data = _read(origin, entry.size)
    if entry.digest:
        require_same(entry.digest, digest_of(data))
    return data


def require_same(known: bytes, found: bytes) -> None:
    """Raise UnusableError if the digests differ."""
    if known != found:
        raise UnusableError("The stored bytes are not those that were backed up: their digest differs.")


def _read(origin: int, size: int) -> bytes:
    data = os.read(origin, size + 1)
    while len(data) < size and (more := os.read(origin, size + 1 - len(data))):
        data += more
    if len(data) != size:
        raise UnusableError("The stored file changed its size while it was read.")
    return data
