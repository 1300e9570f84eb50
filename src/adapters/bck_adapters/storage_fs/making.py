"""Make one file, link or the like under a temporary name, whole, and give it its place."""

import errno
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from bck_adapters.storage_fs.copying import copy_content
from bck_adapters.storage_fs.handles import entries, proc_path
from bck_adapters.storage_fs.origins import UnusableError
from bck_adapters.storage_fs.whole import SMALL, require_known, whole
from bckcore.domain.file_version import EntryKind, FileEntry

TEMPORARY = re.compile(rb"\.bck-restore-[0-9a-f]{16}")
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
_FORMATS = {
    EntryKind.FIFO: stat.S_IFIFO,
    EntryKind.SOCKET: stat.S_IFSOCK,
    EntryKind.CHAR_DEVICE: stat.S_IFCHR,
    EntryKind.BLOCK_DEVICE: stat.S_IFBLK,
}
_UNKNOWN_OWNER = frozenset({errno.EPERM, errno.EINVAL})


class Maker:
    """Makes things under a name that no other restore uses; one at a time."""

    def __init__(self, moved: Callable[[int], None], *, verify: bool) -> None:
        """``verify``: large files are compared with their digest, too; small ones always are."""
        self._moved = moved
        self._verify = verify
        self._owner = os.geteuid() == 0
        self.temporary = b".bck-restore-" + secrets.token_hex(8).encode()

    @contextmanager
    def made(self, entry: FileEntry, folder: int, origin: int | None) -> Iterator[None]:
        """The thing stands in ``folder`` under the temporary name, which is free again at the end.

        Raises OSError, UnusableError.
        """
        try:
            if origin is not None:
                self._make_file(entry, folder, origin)
            elif entry.kind is EntryKind.LINK:
                self._make_link(entry, folder)
            else:
                self._make_special(entry, folder)
            yield
        except BaseException:
            with suppress(OSError):
                os.unlink(self.temporary, dir_fd=folder)
            raise
        with suppress(FileNotFoundError):
            os.unlink(self.temporary, dir_fd=folder)

    def _make_file(self, entry: FileEntry, folder: int, origin: int) -> None:
        fd = os.open(self.temporary, _NEW, 0o600, dir_fd=folder)
        try:
            if entry.size <= SMALL:
                _write(fd, whole(entry, origin))
                self._moved(entry.size)
            else:
                copy_content(origin, fd, self._moved)
                require_known(entry, fd, self._moved, large_too=self._verify)
            self.dress(entry, fd)
        finally:
            os.close(fd)

    def _make_link(self, entry: FileEntry, folder: int) -> None:
        name = self.temporary
        os.symlink(entry.target, name, dir_fd=folder)
        if self._owner:
            with _unknown_owner_ignored():
                os.chown(name, entry.uid, entry.gid, dir_fd=folder, follow_symlinks=False)
        os.utime(name, ns=(entry.mtime_ns, entry.mtime_ns), dir_fd=folder, follow_symlinks=False)

    def _make_special(self, entry: FileEntry, folder: int) -> None:
        device = 0
        if entry.kind in (EntryKind.CHAR_DEVICE, EntryKind.BLOCK_DEVICE):
            major, _, minor = entry.target.partition(b",")
            device = os.makedev(int(major), int(minor))
        try:
            os.mknod(self.temporary, _FORMATS[entry.kind] | 0o600, device, dir_fd=folder)
        except PermissionError as exc:
            raise UnusableError(f"Only root may make this {entry.kind.name.lower()}.") from exc
        fd = os.open(self.temporary, os.O_PATH | os.O_NOFOLLOW, dir_fd=folder)
        try:
            self.dress(entry, proc_path(fd))
        finally:
            os.close(fd)

    def dress(self, entry: FileEntry, place: int | bytes) -> None:
        """Set owner, mode, times, in this order: a change of owner drops set-id bits."""
        if self._owner:
            with _unknown_owner_ignored():
                os.chown(place, entry.uid, entry.gid)
        os.chmod(place, entry.mode)
        os.utime(place, ns=(entry.mtime_ns, entry.mtime_ns))


def _write(fd: int, data: bytes) -> None:
    done = os.write(fd, data) if data else 0
    while done < len(data):
        done += os.write(fd, data[done:])


def remove_leftovers(folder: int) -> None:
    """Remove what a restore that was cut left under a temporary name. Raises OSError."""
    for entry in entries(folder):
        if TEMPORARY.fullmatch(entry.name) and not entry.is_dir(follow_symlinks=False):
            os.unlink(entry.name, dir_fd=folder)


@contextmanager
def _unknown_owner_ignored() -> Iterator[None]:
    """A root that may not give files away, as in a container, keeps them itself."""
    try:
        yield
    except OSError as exc:
        if exc.errno not in _UNKNOWN_OWNER:
            raise
