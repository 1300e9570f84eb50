"""A folder for each use, into which a preview or a check brings what it needs: ``.work/check/…/<random>``.

It is locked as long as it is used, so that whoever comes next knows what the dead have left: one that has
lost its job, and was frozen or slow, takes nothing from the job's new owner, nor loses anything to it.
"""

import errno
import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bck_adapters.storage_fs.errors import ABSENT, translated
from bck_adapters.storage_fs.handles import Descent, entries, is_folder, open_folder, remove_tree
from bck_adapters.storage_fs.root import WORK, Root, profile_names
from bckcore.domain.run import ProfileRef

CHECKS = "check"
_RANDOM_BYTES = 8


@contextmanager
def scratch(root: Root, ref: ProfileRef) -> Iterator[Path]:
    """See ``StoreVerification.scratch``."""
    names = (WORK, CHECKS, *profile_names(ref))
    place = root.place(*names)
    with translated("making a folder", place):
        parent = root.make(*names)
        try:
            _clear(parent)
            name, lock = _made(parent)
        except BaseException:
            os.close(parent)
            raise
    try:
        yield place / name
    finally:
        try:
            with translated("removing a folder", place / name):
                remove_tree(parent, os.fsencode(name))
        finally:
            os.close(lock)
            os.close(parent)


def sweep(root: Root) -> None:
    """Remove what the dead left, of all profiles."""
    area = root.find(WORK, CHECKS)
    if area is None:
        return
    with Descent(area) as place:
        for host in _names(place.fd):
            if not place.reach([host]):
                continue
            for profile in _names(place.fd):
                if place.reach([host, profile]):
                    _clear(place.fd)


def _made(parent: int) -> tuple[str, int]:
    """A new folder and the handle that holds its lock."""
    while True:
        name = secrets.token_hex(_RANDOM_BYTES)
        os.mkdir(name, 0o700, dir_fd=parent)
        lock = _locked(parent, os.fsencode(name))
        if lock is not None:
            return name, lock  # else somebody took it for a dead one's, between the two steps


def _locked(parent: int, name: bytes) -> int | None:
    """The folder's handle, locked; None if another has the lock, or the folder is gone."""
    try:
        fd = open_folder(name, parent, usable=True)
    except OSError as exc:
        if exc.errno in ABSENT:
            return None
        raise
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if is_folder(name, parent):
            return fd
    except BlockingIOError:
        pass
    except BaseException:
        os.close(fd)
        raise
    os.close(fd)
    return None


def _clear(parent: int) -> None:
    """Remove whatever nobody uses; what a program still fills that outlived its user waits for next time."""
    for name in _names(parent):
        lock = _locked(parent, name)
        if lock is None:
            if is_folder(name, parent) is False:  # a check of an earlier release left its files here
                os.unlink(name, dir_fd=parent)
            continue
        try:
            remove_tree(parent, name)
        except OSError as exc:
            if exc.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        finally:
            os.close(lock)


def _names(folder: int) -> list[bytes]:
    return [entry.name for entry in entries(folder)]
