"""Archives: a stream of bytes that holds files, as tar or zip."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import BinaryIO, Protocol

from bckcore.domain.file_version import FileEntry


class ArchiveFormat(StrEnum):
    """How an archive is written."""

    TAR = "tar"
    TAR_GZ = "tar.gz"
    ZIP = "zip"


class Remark(StrEnum):
    """What an archive has to say of one of its members."""

    LEFT_OUT = "left-out"
    """It is not in the archive."""
    ALTERED = "altered"
    """Its bytes are there, under another name or with another time: the format has no place for its own."""
    DAMAGED = "damaged"
    """Its bytes there are not those that were backed up."""


Told = Callable[[Remark, bytes, str], None]
"""Called with the member's path and the reason, in words."""


def nobody(_remark: Remark, _path: bytes, _why: str) -> None:
    """Nobody is told."""


@dataclass(frozen=True, slots=True)
class Member:
    """One entry of an archive."""

    path: bytes
    """Name in the archive, without a slash at either end."""
    entry: FileEntry
    content: AbstractContextManager[BinaryIO] | None = None
    """The bytes of a plain file; entered once, when its turn has come."""


class Archives(Protocol):
    """Writes archives. Thread-safe."""

    def stream(
        self,
        form: ArchiveFormat,
        members: Iterable[Member],
        told: Told = nobody,
    ) -> Iterator[bytes]:
        """The archive piece by piece, each at most about 1 MiB; memory does not grow with it.

        Members keep names, bytes, modes, times, links and empty folders, as far as the format has a
        place for them: a tar has all, times in ns; a zip has seconds, and names in UTF-8. What has no place,
        and what its content raises NotFoundError for, is left out and named in a last member
        ``README-bck.txt``, as are names and times that had to be written in another way; ``told`` hears of
        each of them as it is met.

        Bytes are compared with the digest of their entry, where it is known, as they pass. What differs is
        in the archive by then: it is named there and told as well.

        Raises StorageError when a file cannot be read to its end: what was given until then is no whole
        archive and must not look like one.
        """
