"""Tar after POSIX.1-2001 (pax): names as bytes, times in nanoseconds, sizes and owners without limit."""

from collections.abc import Iterable, Iterator
from itertools import count

from bck_adapters.archives.content import pieces
from bck_adapters.archives.notes import Notes, note_entry
from bckcore.domain.file_version import EntryKind, FileEntry
from bckcore.errors import NotFoundError
from bckcore.ports.archives import Member

BLOCK = 512
RECORD = 20 * BLOCK
_SECOND_NS = 1_000_000_000
_TYPES = {
    EntryKind.FILE: b"0",
    EntryKind.LINK: b"2",
    EntryKind.CHAR_DEVICE: b"3",
    EntryKind.BLOCK_DEVICE: b"4",
    EntryKind.FOLDER: b"5",
    EntryKind.FIFO: b"6",
}
_EXTENDED = b"x"


def tar_stream(members: Iterable[Member], notes: Notes) -> Iterator[bytes]:
    """The archive."""
    length, newest = 0, 0
    for member in members:
        newest = max(newest, member.entry.mtime_ns)
        for piece in _member(member, notes):
            length += len(piece)
            yield piece
    if text := notes.text():
        last = header(b"README-bck.txt", note_entry(text, newest)) + text + _padding(len(text))
        length += len(last)
        yield last
    end = 2 * BLOCK
    yield bytes(end + -(length + end) % RECORD)


def _member(member: Member, notes: Notes) -> Iterator[bytes]:
    entry = member.entry
    if entry.kind not in _TYPES:
        notes.left_out(member.path, f"a {entry.kind.name.lower()} has no place in a tar archive")
        return
    if member.content is None:
        yield header(member.path, entry)
        return
    try:
        file = member.content.__enter__()
    except NotFoundError as exc:
        notes.left_out(member.path, exc.what)
        return
    try:
        yield header(member.path, entry)
        yield from pieces(member, file, notes)
    finally:
        member.content.__exit__(None, None, None)
    yield _padding(entry.size)


def header(path: bytes, entry: FileEntry) -> bytes:
    """The header of a member, with the extended one that it needs before it."""
    name = path + b"/" if entry.kind is EntryKind.FOLDER else path
    target = entry.target if entry.kind is EntryKind.LINK else b""
    seconds, nanos = divmod(entry.mtime_ns, _SECOND_NS)
    extended = [record(b"mtime", _time(entry.mtime_ns))] if nanos or not 0 <= seconds < 8**11 else []
    if len(name) > 100:
        extended.append(record(b"path", name))
    if len(target) > 100:
        extended.append(record(b"linkpath", target))
    for key, number, digits in ((b"size", entry.size, 11), (b"uid", entry.uid, 7), (b"gid", entry.gid, 7)):
        if number >= 8**digits:
            extended.append(record(key, b"%d" % number))
    plain = _block(name, entry, _TYPES[entry.kind], entry.size, target)
    if not extended:
        return plain
    data = b"".join(extended)
    before = FileEntry(entry.path, EntryKind.FILE, 0o644, 0, 0, 0, len(data))
    return (
        _block(b"PaxHeaders/" + name[:80], before, _EXTENDED, len(data), b"")
        + data
        + _padding(len(data))
        + plain
    )


def _time(mtime_ns: int) -> bytes:
    """A decimal number of seconds; before 1970 it is counted down from zero."""
    seconds, nanos = divmod(abs(mtime_ns), _SECOND_NS)
    return b"%b%d.%09d" % (b"-" if mtime_ns < 0 else b"", seconds, nanos)


def record(key: bytes, value: bytes) -> bytes:
    """``LENGTH key=value\\n``, where LENGTH counts itself too."""
    rest = len(key) + len(value) + 3
    length = next(total for total in count(rest) if len(b"%d" % total) + rest == total)
    return b"%d %b=%b\n" % (length, key, value)


def _block(name: bytes, entry: FileEntry, kind: bytes, size: int, target: bytes) -> bytes:
    major, _, minor = entry.target.partition(b",") if kind in (b"3", b"4") else (b"0", b"", b"0")
    head = b"".join(
        (
            name[:100].ljust(100, b"\0"),
            _octal(entry.mode, 7),
            _octal(entry.uid, 7),
            _octal(entry.gid, 7),
            _octal(size, 11),
            _octal(max(0, entry.mtime_ns // _SECOND_NS), 11),
            b" " * 8,
            kind,
            target[:100].ljust(100, b"\0"),
            b"ustar\x0000",
            bytes(64),
            _octal(int(major), 7),
            _octal(int(minor), 7),
        )
    ).ljust(BLOCK, b"\0")
    return head[:148] + b"%06o\0 " % sum(head) + head[156:]


def _octal(number: int, digits: int) -> bytes:
    """A number field; what does not fit stands in the extended header."""
    return b"%0*o\0" % (digits, number if number < 8**digits else 0)


def _padding(size: int) -> bytes:
    return bytes(-size % BLOCK)
