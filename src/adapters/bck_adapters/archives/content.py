"""The bytes of a member, piece by piece, neither more nor less than its entry says."""

from collections.abc import Iterator
from typing import BinaryIO

from bck_adapters.archives.notes import Notes
from bck_adapters.digest import Digest
from bckcore.domain.paths import display
from bckcore.errors import StorageError
from bckcore.ports.archives import Member

PIECE = 1 << 18


def pieces(member: Member, file: BinaryIO, notes: Notes) -> Iterator[bytes]:
    """The content; a note if it is not what was backed up. Raises StorageError if it cannot be read whole."""
    left, digest = member.entry.size, Digest()
    while left:
        try:
            piece = file.read(min(PIECE, left))
        except OSError as exc:
            raise _broken(member, exc.strerror or str(exc)) from exc
        if not piece:
            raise _broken(member, "it became shorter")
        left -= len(piece)
        digest.update(piece)
        yield piece
    if member.entry.digest and digest.value() != member.entry.digest:
        notes.differs(member.path)


def _broken(member: Member, reason: str) -> StorageError:
    return StorageError(
        f"{display(member.path)} could not be read to its end ({reason}).",
        meaning="The archive is not whole; do not use it.",
        advice="Look at the storage with 'bck doctor', then export again.",
    )
