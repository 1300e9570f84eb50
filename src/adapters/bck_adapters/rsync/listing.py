"""rsync's itemised output, kept in a file, as the listing of an attempt: never held in memory."""

import re
from calendar import timegm
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import cast

from bck_adapters.rsync.argv import ITEM_WIDTH
from bckcore.domain.file_version import EntryKind
from bckcore.domain.paths import RelPath, rel_path
from bckcore.domain.preview import Coming, Foreseen
from bckcore.domain.transfer import Seen
from bckcore.errors import InvalidInputError

_ESCAPE = re.compile(rb"\\#([0-7]{3})")
_DIGEST = re.compile(rb"[0-9a-f]{32}")
_ODD = (b"/", b"")
_ODD_PARTS = (b"\\#", b"..", b"//", b"./", b"\0", b"\n/", b"\n\n")
"""What stands in no lines of names that can be taken as they are."""
_ODD_FIRST = (b"/", b"\n")
_BLOCK = 1 << 18
LONGEST_SIZE = 20
"""Digits of a number that no file's size reaches."""
_DELETED = ord("*")
_UNCHANGED = b" " * (ITEM_WIDTH - 2)
_NEW = b"+" * (ITEM_WIDTH - 2)
_KINDS = {
    ord("f"): EntryKind.FILE,
    ord("d"): EntryKind.FOLDER,
    ord("L"): EntryKind.LINK,
    # rsync's items do not tell these further apart; kinds here are hints.
    ord("D"): EntryKind.CHAR_DEVICE,
    ord("S"): EntryKind.FIFO,
}


def unescaped(name: bytes) -> bytes:
    """The bytes rsync meant: ``\\#ooo`` stands for the byte with that octal number."""
    return _ESCAPE.sub(lambda match: bytes((int(match[1], 8) & 0xFF,)), name)


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemListing:
    """A Listing over what one attempt itemised, valid until its work folder is removed.

    A line counts only if it carries the run's random tag twice, before its fixed fields and before the
    name: rsync escapes newlines in names, and no PC knows the tag. A line cut short by a crash has no
    newline and is passed over.
    """

    items: Path
    tag: bytes
    also_present: Path
    """NUL-separated paths that rsync saw but did not itemise, because they could not be read or stored."""

    def paths(self) -> Iterator[RelPath]:
        """Every path rsync saw on the PC."""
        for block in _whole_lines(self.items):
            if (plain := self._plain_paths(block)) is not None:
                yield from plain
                continue
            for fields, name in self._lines(BytesIO(block)):
                if fields[0] != _DELETED and (path := _path(name)) is not None:
                    yield path
        for raw in nul_separated(self.also_present):
            yield RelPath(raw)

    def changes(self) -> Iterator[Seen]:
        """The paths with a non-blank item."""
        return (_seen(fields, path) for fields, path in self._changed())

    def foreseen(self) -> Iterator[Foreseen]:
        """The same of a dry run, with what would become of them."""
        for fields, path in self._changed():
            seen = _seen(fields, path)
            size = seen.size or 0 if seen.kind is EntryKind.FILE else 0
            yield Foreseen(path, seen.kind, _coming(fields), size)

    def count(self) -> int:
        """How many lines name a path on the PC."""
        with self.items.open("rb", buffering=_BLOCK) as lines:
            return sum(fields[0] != _DELETED for fields, _ in self._lines(lines))

    def _changed(self) -> Iterator[tuple[bytes, RelPath]]:
        begin, end = len(self.tag) + 2, len(self.tag) + ITEM_WIDTH
        with self.items.open("rb", buffering=_BLOCK) as lines:
            wanted = (line for line in lines if line[begin:end] != _UNCHANGED)  # nearly none of them
            for fields, name in self._lines(wanted):
                if fields[0] == _DELETED or fields[2:ITEM_WIDTH] == _UNCHANGED:
                    continue
                if (path := _path(name)) is not None:
                    yield fields, path

    def _lines(self, lines: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
        tag = self.tag
        for line in lines:
            parts = line.split(tag, 2)
            if len(parts) == 3 and line.endswith(b"\n") and len(parts[1]) > ITEM_WIDTH:
                yield parts[1], parts[2]

    def _plain_paths(self, block: bytes) -> list[RelPath] | None:
        """The paths of a block of lines at once, where none is odd; None where each must be looked at."""
        begin, *parts = block.split(self.tag)
        fields, names = b"".join(parts[::2]), parts[1::2]
        text = b"".join(names)
        lines = block.count(b"\n" + self.tag) + 1
        regular = not begin and len(parts) == 2 * lines == 2 * text.count(b"\n") and b"\n" not in fields
        if not regular or b"*" in fields or min(map(len, parts[::2]), default=0) <= ITEM_WIDTH:
            return None
        if any(odd in text for odd in _ODD_PARTS) or text[:1] in _ODD_FIRST:
            return None
        return cast("list[RelPath]", text.replace(b"/\n", b"\n").split(b"\n")[:-1])


def _whole_lines(file: Path) -> Iterator[bytes]:
    """The file in blocks that end with a newline; what stands after the last one is passed over."""
    rest = b""
    with file.open("rb", buffering=0) as opened:
        while read := opened.read(_BLOCK):
            block, newline, rest = (rest + read).rpartition(b"\n")
            if newline:
                yield block + newline


def _path(name: bytes) -> RelPath | None:
    """The path in a line's last field, which ends with a newline, and with a slash for a folder."""
    name = name[:-2] if name.endswith(b"/\n") else name[:-1]
    if b"\\#" in name:
        return checked_path(unescaped(name))
    # rsync itself refuses names that climb or are none; the look costs nothing for all others.
    odd = (
        b".." in name
        or b"//" in name
        or b"./" in name
        or b"\0" in name
        or name[:1] in _ODD
        or name[-1:] == b"/"
    )
    return checked_path(name) if odd else RelPath(name)


def _seen(fields: bytes, path: RelPath) -> Seen:
    size, mtime, digest = (*fields[ITEM_WIDTH:].split(), b"", b"", b"")[:3]
    return Seen(
        path=path,
        kind=_KINDS.get(fields[1], EntryKind.FILE),
        size=int(size) if size.isdigit() and len(size) < LONGEST_SIZE else None,
        mtime=_seconds(mtime),
        digest=bytes.fromhex(digest.decode("ascii")) if _DIGEST.fullmatch(digest) else b"",
    )


def _coming(fields: bytes) -> Coming:
    if fields[2:ITEM_WIDTH] == _NEW:
        return Coming.NEW
    return Coming.ATTRIBUTES if fields[:1] == b"." else Coming.CHANGED


def _seconds(text: bytes) -> int | None:
    """``YYYY/MM/DD-hh:mm:ss`` in UTC as seconds; None for a time that the calendar cannot hold."""
    try:
        day, _, time = text.decode("ascii").partition("-")
        year, month, date = map(int, day.split("/"))
        hour, minute, second = map(int, time.split(":"))
        return timegm((year, month, date, hour, minute, second, 0, 0, 0))
    except (ValueError, OverflowError):
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class PathRecords:
    """The paths of a file of NUL-separated ones; those that lie outside the source are passed over."""

    file: Path

    def __iter__(self) -> Iterator[RelPath]:
        for raw in nul_separated(self.file):
            if (path := checked_path(raw)) is not None:
                yield path


def nul_separated(file: Path) -> Iterator[bytes]:
    """Records of ``file``."""
    rest = b""
    with file.open("rb") as stream:
        while chunk := stream.read(1 << 18):
            *whole, rest = (rest + chunk).split(b"\0")
            yield from whole


def checked_path(raw: bytes) -> RelPath | None:
    """``raw`` as a path inside the source, or None where it is none."""
    try:
        return rel_path(raw)
    except InvalidInputError:
        return None
