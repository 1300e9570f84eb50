"""The bytes of a member, piece by piece, neither more nor less than its entry says."""

from collections.abc import Iterator
from typing import BinaryIO

from bckcore.domain.paths import display
from bckcore.errors import StorageError
from bckcore.ports.archives import Member

PIECE = 1 << 18


def pieces(member: Member, file: BinaryIO) -> Iterator[bytes]:
    """The content. Raises StorageError if it cannot be read, or ends too early."""
    left = member.entry.size
    while left:
        try:
            piece = file.read(min(PIECE, left))
        except OSError as exc:
            raise _broken(member, exc.strerror or str(exc)) from exc
        if not piece:
            raise _broken(member, "it became shorter")
        left -= len(piece)
        yield piece


def _broken(member: Member, reason: str) -> StorageError:
    return StorageError(
        f"{display(member.path)} could not be read to its end ({reason}).",
        meaning="The archive is not whole; do not use it.",
        advice="Look at the storage with 'bck doctor', then export again.",
    )
