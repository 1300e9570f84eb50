"""StreamedArchives: the Archives port."""

import zlib
from collections.abc import Iterable, Iterator

from bck_adapters.archives.content import PIECE
from bck_adapters.archives.notes import Notes
from bck_adapters.archives.tar import tar_stream
from bck_adapters.archives.zip import zip_stream
from bckcore.ports.archives import ArchiveFormat, Member, Told, nobody

_GZIP = 16 + zlib.MAX_WBITS


class StreamedArchives:
    """The port's docstrings hold."""

    def stream(
        self,
        form: ArchiveFormat,
        members: Iterable[Member],
        told: Told = nobody,
    ) -> Iterator[bytes]:
        """The archive piece by piece."""
        notes = Notes(told)
        if form is ArchiveFormat.ZIP:
            return _gathered(zip_stream(members, notes))
        if form is ArchiveFormat.TAR:
            return _gathered(tar_stream(members, notes))
        return _gathered(_compressed(tar_stream(members, notes)))


def _gathered(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Fewer and larger pieces: headers are small, and each piece costs whoever sends it."""
    waiting, length = [], 0
    for piece in pieces:
        waiting.append(piece)
        length += len(piece)
        if length >= PIECE:
            yield b"".join(waiting)
            waiting, length = [], 0
    if waiting:
        yield b"".join(waiting)


def _compressed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(wbits=_GZIP)
    for piece in pieces:
        if packed := packer.compress(piece):
            yield packed
    yield packer.flush()
