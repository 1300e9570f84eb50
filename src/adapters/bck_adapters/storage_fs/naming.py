"""Give a thing a name in its folder without ever replacing what appeared there meanwhile."""

import ctypes
import errno
import os
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import cast

from bck_adapters.storage_fs.placing import name_aside

_NOREPLACE = 1
_NO_LINK = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV, errno.EINVAL})
_NO_RENAME = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP})
_CLAIM = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW


def _of_the_system() -> Callable[[int, bytes, int, bytes, int], int] | None:
    """The renameat2 of the C library, if that has one."""
    try:
        call = ctypes.CDLL(None, use_errno=True).renameat2
    except AttributeError:
        return None
    call.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
    call.restype = ctypes.c_int
    return cast("Callable[[int, bytes, int, bytes, int], int]", call)


_renameat2 = _of_the_system()


def give_name(temporary: bytes, name: bytes, folder: int) -> None:
    """Let something of ours that is no folder stand under ``name``.

    The temporary name may stay as a second one; its owner removes it.
    Raises FileExistsError if anything stands there, other OSErrors.
    """
    try:
        os.link(temporary, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
    except OSError as exc:
        if exc.errno not in _NO_LINK:
            raise
        _rename_new(temporary, name, folder)


def move_aside(name: bytes, suffix: str, folder: int) -> None:
    """Move whatever stands at ``name`` to a free name beside it. Raises OSError."""
    # No link and unlink here: what is unlinked could be something newer than what was linked.
    while True:
        try:
            _rename_new(name, name_aside(name, suffix, folder), folder)
        except FileExistsError:
            continue
        return


def is_still(name: bytes, folder: int, seen: os.stat_result) -> bool:
    """True if what was seen stands there yet. Raises OSError, FileNotFoundError if nothing does."""
    return _identity(os.stat(name, dir_fd=folder, follow_symlinks=False)) == _identity(seen)


def _identity(info: os.stat_result) -> tuple[int, int, int]:
    # With the time of change, because the number of a removed file is soon given to a new one.
    return info.st_dev, info.st_ino, info.st_ctime_ns


def _rename_new(old: bytes, new: bytes, folder: int) -> None:
    """Rename where nothing is. Raises FileExistsError, other OSErrors."""
    if _renameat2 is not None:
        # Told as the interpreter tells of its own calls: who listens hears of this one, too.
        sys.audit("os.rename", old, new, folder, folder)
        if _renameat2(folder, old, folder, new, _NOREPLACE) == 0:
            return
        number = ctypes.get_errno()
        if number not in _NO_RENAME:
            raise OSError(number, os.strerror(number), old)
    _rename_claimed(old, new, folder)


def _rename_claimed(old: bytes, new: bytes, folder: int) -> None:
    """The same where neither links nor such renames are known: the name is first taken by a thing of ours."""
    is_folder = stat.S_ISDIR(os.stat(old, dir_fd=folder, follow_symlinks=False).st_mode)
    if is_folder:
        os.mkdir(new, 0o700, dir_fd=folder)
    else:
        os.close(os.open(new, _CLAIM, 0o600, dir_fd=folder))
    try:
        # A folder replaces none but an empty folder, so this loses nothing.
        os.rename(old, new, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError:
        with suppress(OSError):
            (os.rmdir if is_folder else os.unlink)(new, dir_fd=folder)
        raise
