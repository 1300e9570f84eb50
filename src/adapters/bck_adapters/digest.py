"""xxh128: the digest of a file's bytes, the same that rsync tells as ``%C``."""

from collections.abc import Callable
from typing import Protocol

import xxhash

CHUNK = 1 << 20


class Readable(Protocol):
    """An open file."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Fill the buffer as far as there is something; how many bytes, 0 at the end."""


class Digest:
    """The digest of bytes that come piece by piece."""

    def __init__(self) -> None:
        self._state = xxhash.xxh128()

    def update(self, piece: bytes) -> None:
        """The next piece."""
        self._state.update(piece)

    def value(self) -> bytes:
        """Of all pieces up to now."""
        return self._state.digest()


def digest_of(data: bytes) -> bytes:
    """The digest of some bytes: 16 bytes, as they stand in a manifest."""
    return xxhash.xxh128(data).digest()


def digest_of_file(file: Readable, tick: Callable[[int], None] = lambda _: None) -> bytes:
    """The digest of what is left to read. ``tick`` is told of every piece read; what it raises gets out."""
    state, buffer = xxhash.xxh128(), memoryview(bytearray(CHUNK))
    while count := file.readinto(buffer):
        state.update(buffer[:count])
        tick(count)
    return state.digest()
