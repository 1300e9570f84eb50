"""Zip with zip64: written in one go, sizes and checksums of files behind them; links as Unix links.

The list of members at the end of a zip grows with them: beyond a few MiB it waits on disk.
"""

import re
import stat
import struct
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import BinaryIO, cast

from bck_adapters.archives.content import PIECE, pieces
from bck_adapters.archives.notes import NAME, Notes, note_entry
from bckcore.domain.file_version import EntryKind, FileEntry
from bckcore.domain.paths import percent_encoded
from bckcore.errors import NotFoundError
from bckcore.ports.archives import Member

_IN_MEMORY = 4 << 20
_MOST = 0xFFFFFFFF
_LARGE = _MOST - (64 << 20)
"""From here on sizes get eight bytes: deflated data may be a little larger than the data."""
_SECOND_NS = 1_000_000_000
_TIMES_END_NS = 2**31 * _SECOND_NS
_KINDS = {
    EntryKind.FILE: stat.S_IFREG,
    EntryKind.FOLDER: stat.S_IFDIR,
    EntryKind.LINK: stat.S_IFLNK,
}
_UTF8_AND_SIZES_BEHIND = 0x0808
_STORED, _DEFLATED = 0, 8
_UNIX = 3 << 8
_ESCAPE = re.compile(rb"%(?=(?:25)*[89a-fA-F][0-9a-fA-F])")
_PLAIN_VERSION, _ZIP64_VERSION = 20, 45


@dataclass(slots=True)
class _Item:
    """What the list at the end says of a member."""

    name: bytes
    entry: FileEntry
    method: int
    large: bool
    offset: int
    crc: int = 0
    packed: int = 0
    size: int = 0


class _Writer:
    def __init__(self, listing: BinaryIO, notes: Notes) -> None:
        self._listing = listing
        self._offset = 0
        self._count = 0
        self.notes = notes
        self._newest = 0

    def member(self, member: Member) -> Iterator[bytes]:
        """One member, or a note why not."""
        entry = member.entry
        self._newest = max(self._newest, entry.mtime_ns)
        if entry.kind not in _KINDS:
            self.notes.left_out(member.path, f"a {entry.kind.name.lower()} has no place in a zip archive")
            return
        if member.content is None:
            data = entry.target if entry.kind is EntryKind.LINK else b""
            yield from self._packed(self._name(member), entry, iter([data] if data else []))
            return
        try:
            file = member.content.__enter__()
        except NotFoundError as exc:
            self.notes.left_out(member.path, exc.what)
            return
        try:
            yield from self._packed(self._name(member), entry, pieces(member, file, self.notes))
        finally:
            member.content.__exit__(None, None, None)

    def _name(self, member: Member) -> bytes:
        name = b"/".join(map(_text, member.path.split(b"/")))
        if name != member.path:
            why = "its name is no UTF-8 text"
            if _is_text(member.path):
                why = "its own name could be taken for one that is no UTF-8 text"
            self.notes.altered(member.path, f"is here called {name.decode()}: {why}")
        if not 0 <= member.entry.mtime_ns < _TIMES_END_NS:
            self.notes.altered(
                member.path, "its time is before 1970 or after 2038: a zip has no sure place for it"
            )
        return name + b"/" if member.entry.kind is EntryKind.FOLDER else name

    def _packed(self, name: bytes, entry: FileEntry, data: Iterator[bytes]) -> Iterator[bytes]:
        method = _DEFLATED if entry.kind is EntryKind.FILE and entry.size else _STORED
        item = _Item(name, entry, method, entry.size >= _LARGE, self._offset)
        yield self._sent(_local_header(item))
        packer = zlib.compressobj(wbits=-zlib.MAX_WBITS) if method == _DEFLATED else None
        for piece in data:
            item.crc = zlib.crc32(piece, item.crc)
            item.size += len(piece)
            if out := packer.compress(piece) if packer else piece:
                item.packed += len(out)
                yield self._sent(out)
        if packer:
            rest = packer.flush()
            item.packed += len(rest)
            yield self._sent(rest)
        form = "<4sLQQ" if item.large else "<4sLLL"
        yield self._sent(struct.pack(form, b"PK\7\10", item.crc, item.packed, item.size))
        self._listing.write(_central_header(item))
        self._count += 1

    def _sent(self, piece: bytes) -> bytes:
        self._offset += len(piece)
        return piece

    def end(self) -> Iterator[bytes]:
        """The notes, the list of members, and where it is."""
        if text := self.notes.text():
            yield from self._packed(NAME, note_entry(text, self._newest), iter([text]))
        start = self._offset
        self._listing.seek(0)
        while piece := self._listing.read(PIECE):
            yield self._sent(piece)
        yield _end(self._count, start, self._offset - start)


def zip_stream(members: Iterable[Member], notes: Notes) -> Iterator[bytes]:
    """The archive."""
    with closing(tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)) as listing:
        writer = _Writer(cast("BinaryIO", listing), notes)
        for member in members:
            yield from writer.member(member)
        yield from writer.end()


def _text(part: bytes) -> bytes:
    """The name as UTF-8; no two names become one.

    What is no UTF-8 is percent-encoded, and so holds an escape of a byte from 0x80 on. Text that holds such
    an escape gets ``25`` behind its percent sign, and so does text that looks as if it had got one.
    """
    if _is_text(part):
        return _ESCAPE.sub(b"%25", part)
    return percent_encoded(part).encode()


def _is_text(name: bytes) -> bool:
    try:
        name.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _local_header(item: _Item) -> bytes:
    # Real sizes stand behind the data. With zip64 both fields say so and the extra field holds zeros.
    size = _MOST if item.large else 0
    extra = (struct.pack("<HHQQ", 1, 16, 0, 0) if item.large else b"") + _times(item.entry)
    return (
        struct.pack(
            "<4s5H3L2H",
            b"PK\3\4",
            _version(item),
            _UTF8_AND_SIZES_BEHIND,
            item.method,
            *_dos_time(item.entry),
            0,
            size,
            size,
            len(item.name),
            len(extra),
        )
        + item.name
        + extra
    )


def _central_header(item: _Item) -> bytes:
    wide = [number for number in (item.size, item.packed) if item.large]
    if item.offset >= _MOST:
        wide.append(item.offset)
    extra = struct.pack(f"<HH{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""
    extra += _times(item.entry)
    mode = _KINDS[item.entry.kind] | item.entry.mode
    folder = 0x10 if item.entry.kind is EntryKind.FOLDER else 0
    return (
        struct.pack(
            "<4s6H3L5H2L",
            b"PK\1\2",
            _UNIX | (_ZIP64_VERSION if wide else _PLAIN_VERSION),
            _ZIP64_VERSION if wide else _PLAIN_VERSION,
            _UTF8_AND_SIZES_BEHIND,
            item.method,
            *_dos_time(item.entry),
            item.crc,
            _MOST if item.large else item.packed,
            _MOST if item.large else item.size,
            len(item.name),
            len(extra),
            0,
            0,
            0,
            mode << 16 | folder,
            min(item.offset, _MOST),
        )
        + item.name
        + extra
    )


def _version(item: _Item) -> int:
    return _ZIP64_VERSION if item.large else _PLAIN_VERSION


def _times(entry: FileEntry) -> bytes:
    """The extended timestamp; without one the time counts as local, and in steps of two seconds."""
    seconds = entry.mtime_ns // _SECOND_NS
    return struct.pack("<HHBl", 0x5455, 5, 1, seconds) if -(2**31) <= seconds < 2**31 else b""


def _dos_time(entry: FileEntry) -> tuple[int, int]:
    earliest, latest = datetime(1980, 1, 1, tzinfo=UTC), datetime(2107, 12, 31, tzinfo=UTC)
    seconds = min(max(entry.mtime_ns // _SECOND_NS, 0), 2**33)
    at = min(max(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds), earliest), latest)
    return at.hour << 11 | at.minute << 5 | at.second // 2, (at.year - 1980) << 9 | at.month << 5 | at.day


def _end(count: int, start: int, length: int) -> bytes:
    wide = b""
    if count >= 0xFFFF or start >= _MOST or length >= _MOST:
        version = _ZIP64_VERSION
        wide = struct.pack(
            "<4sQ2H2L4Q", b"PK\6\6", 44, _UNIX | version, version, 0, 0, count, count, length, start
        )
        wide += struct.pack("<4sLQL", b"PK\6\7", 0, start + length, 1)
    few = min(count, 0xFFFF)
    return wide + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, few, few, min(length, _MOST), min(start, _MOST), 0)
