"""Give a stored file or folder its meaning and its time, in the form in which rsync writes them."""

import os
import stat
from contextlib import suppress

from bckcore.domain.file_version import EntryKind, FileEntry
from bckcore.domain.stored_stat import XATTR_NAME, StoredStat, encoded, kind_of

_DEVICES = (EntryKind.CHAR_DEVICE, EntryKind.BLOCK_DEVICE)


def dress(fd: int, entry: FileEntry) -> None:
    """Set mode, attribute and time of what the handle holds; content stays. Raises OSError.

    The real mode keeps the owner's access. What the file seems to be anyway needs no attribute.
    """
    real = os.fstat(fd)
    is_folder = stat.S_ISDIR(real.st_mode)
    mode = entry.mode & 0o777 | (0o700 if is_folder else 0o600)
    if stat.S_IMODE(real.st_mode) != mode:
        os.chmod(fd, mode)
    wanted = StoredStat(kind=entry.kind, mode=entry.mode, uid=entry.uid, gid=entry.gid, rdev=_device(entry))
    seems = StoredStat(kind=kind_of(real.st_mode), mode=mode, uid=real.st_uid, gid=real.st_gid)
    if wanted == seems:
        with suppress(OSError):  # there was no attribute
            os.removexattr(fd, XATTR_NAME)
    else:
        os.setxattr(fd, XATTR_NAME, encoded(wanted))
    os.utime(fd, ns=(entry.mtime_ns, entry.mtime_ns))


def _device(entry: FileEntry) -> tuple[int, int]:
    if entry.kind not in _DEVICES:
        return 0, 0
    major, _, minor = entry.target.partition(b",")
    return int(major), int(minor)
