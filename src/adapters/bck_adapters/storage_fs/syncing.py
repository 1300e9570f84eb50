"""Everything that was written is brought to the disk, and who waits for it hears whether that went well."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager

from bck_adapters.storage_fs.errors import translated
from bck_adapters.storage_fs.root import Root
from bckcore.domain.run import ProfileRef


class Syncs:
    """Syncs of the root's file system, each profile's on a handle of its own.

    Linux tells an error of writing to each handle once, and never to one that was opened after somebody had
    heard of it. So the handle is opened when the work on a profile begins: of two runs that end at
    once, both hear that the disk failed.
    """

    def __init__(self, root: Root) -> None:
        self._root = root
        self._handles: dict[ProfileRef, int] = {}

    @contextmanager
    def heard(self, ref: ProfileRef) -> Iterator[None]:
        """Within it no error of the disk is missed. The profile's lock is held: there is one at a time."""
        with translated("opening the storage", self._root.path):
            fd = self._root.open()
        self._handles[ref] = fd
        try:
            yield
        finally:
            del self._handles[ref]
            os.close(fd)

    def sync(self, ref: ProfileRef) -> None:
        """Bring the whole storage to the disk. Raises OSError, StorageError."""
        held = self._handles.get(ref)
        if held is not None:
            sync_file_system(held)
            return
        fd = self._root.open()
        try:
            sync_file_system(fd)
        finally:
            os.close(fd)


def sync_file_system(fd: int) -> None:
    """Return once everything written to the file system of ``fd`` is on disk. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "syncfs"):
        os.sync()  # all file systems instead of one: slower, as safe
        return
    if libc.syncfs(fd) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
