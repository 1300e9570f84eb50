"""Files in the storage, written in rsync's fake-super form. Bytes paths, never through a link."""

import os
import stat
from contextlib import suppress
from dataclasses import dataclass

from bckcore.domain import stored_stat
from bckcore.domain.file_version import EntryKind
from bckcore.domain.stored_stat import XATTR_NAME, StoredStat


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What stands at a path of the storage."""

    stat: StoredStat
    size: int
    mtime_ns: int


def inspect(path: bytes) -> Stored | None:
    """What stands there, or None."""
    try:
        real = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        stands_for = stored_stat.decoded(os.getxattr(path, XATTR_NAME, follow_symlinks=False))
    except OSError:
        stands_for = _as_seen(real)
    return Stored(stat=stands_for, size=real.st_size, mtime_ns=real.st_mtime_ns)


def _as_seen(real: os.stat_result) -> StoredStat:
    kind = stored_stat.kind_of(real.st_mode)
    return StoredStat(kind=kind, mode=stat.S_IMODE(real.st_mode), uid=real.st_uid, gid=real.st_gid)


def set_stat(path: bytes, wanted: StoredStat) -> None:
    """Give the file its meaning: real modes keep the owner's access, the rest goes into the attribute."""
    is_folder = wanted.kind is EntryKind.FOLDER
    os.chmod(path, wanted.mode & 0o777 | (0o700 if is_folder else 0o600))
    if _as_seen(os.lstat(path)) == wanted:
        with suppress(OSError):  # there was no attribute
            os.removexattr(path, XATTR_NAME, follow_symlinks=False)
    else:
        os.setxattr(path, XATTR_NAME, stored_stat.encoded(wanted), follow_symlinks=False)


def set_mtime(path: bytes, mtime_ns: int) -> None:
    """Give the file its time."""
    os.utime(path, ns=(mtime_ns, mtime_ns), follow_symlinks=False)


def move_aside(path: bytes, displaced: bytes) -> None:
    """Rename a file out of the way."""
    os.makedirs(os.path.dirname(displaced), exist_ok=True)
    os.rename(path, displaced)


def link_aside(path: bytes, displaced: bytes) -> None:
    """Give a file that is about to be overwritten a second name, as rsync does before it renames."""
    os.makedirs(os.path.dirname(displaced), exist_ok=True)
    os.link(path, displaced, follow_symlinks=False)


def write_file(path: bytes, data: bytes) -> None:
    """Write bytes to a new or emptied file."""
    with open(path, "wb") as file:
        file.write(data)
