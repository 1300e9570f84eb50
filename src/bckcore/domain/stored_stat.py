"""How the store remembers type, mode and owner: rsync's ``user.rsync.%stat`` attribute.

Under ``--fake-super`` rsync writes plain files and folders only and keeps what they really are in
this attribute, as ``MODE(octal) MAJOR,MINOR UID:GID``. Without the attribute the file is what it seems.
"""

import re
import stat
from dataclasses import dataclass

from bckcore.domain.file_version import EntryKind
from bckcore.errors import StorageError

XATTR_NAME = "user.rsync.%stat"

_FORM = re.compile(rb"([0-7]{1,7}) ([0-9]{1,10}),([0-9]{1,10}) ([0-9]{1,10}):([0-9]{1,10})\0*")
_KINDS = {
    stat.S_IFREG: EntryKind.FILE,
    stat.S_IFDIR: EntryKind.FOLDER,
    stat.S_IFLNK: EntryKind.LINK,
    stat.S_IFIFO: EntryKind.FIFO,
    stat.S_IFSOCK: EntryKind.SOCKET,
    stat.S_IFCHR: EntryKind.CHAR_DEVICE,
    stat.S_IFBLK: EntryKind.BLOCK_DEVICE,
}
_FORMATS = {kind: bits for bits, kind in _KINDS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredStat:
    """What a stored file stands for."""

    kind: EntryKind
    mode: int
    uid: int
    gid: int
    rdev: tuple[int, int] = (0, 0)


def kind_of(mode: int) -> EntryKind:
    """The kind that the type bits of a stat mode name. Raises StorageError for an unknown type."""
    try:
        return _KINDS[stat.S_IFMT(mode)]
    except KeyError:
        raise StorageError(f"Mode {mode:o} names no known type of file.") from None


def encoded(value: StoredStat) -> bytes:
    """The attribute's bytes, as rsync writes them."""
    mode = _FORMATS[value.kind] | value.mode
    return f"{mode:o} {value.rdev[0]},{value.rdev[1]} {value.uid}:{value.gid}".encode("ascii")


def decoded(raw: bytes) -> StoredStat:
    """Read the attribute. Raises StorageError when it is damaged."""
    found = _FORM.fullmatch(raw)
    if found is None:
        raise StorageError(f"A stored file carries an unreadable {XATTR_NAME}: {raw[:100]!r}.")
    mode = int(found[1], 8)
    major, minor, uid, gid = map(int, found.groups()[1:])
    return StoredStat(kind=kind_of(mode), mode=mode & 0o7777, uid=uid, gid=gid, rdev=(major, minor))
