"""Folders by handle: one component at a time, never through a link.

A path below the storage root is never given to the system as a whole. Each folder is opened relative
to the handle of the one above it and a link in its place is an error, so whatever a PC puts into the
store, no step leaves it; and paths may be longer than the system's limit.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from typing import Self

from bck_adapters.storage_fs.errors import ABSENT
from bckcore.errors import StorageError

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
PRIVATE = 0o700


def proc_path(fd: int, name: bytes = b"") -> bytes:
    """A path that names what the handle holds; for calls that take no directory handle."""
    return b"/proc/self/fd/%d/%b" % (fd, name) if name else b"/proc/self/fd/%d" % fd


def open_folder(name: bytes, parent: int, *, usable: bool = False) -> int:
    """A handle of the folder ``name`` in ``parent``; a link there is no folder.

    With ``usable`` the folder is first given the owner's rights that working in it needs.
    """
    try:
        fd = os.open(name, FOLDER, dir_fd=parent)
    except PermissionError:
        if not usable:
            raise
        _grant(name, parent)
        fd = os.open(name, FOLDER, dir_fd=parent)
    if usable:
        mode = stat.S_IMODE(os.fstat(fd).st_mode)
        if mode & PRIVATE != PRIVATE:
            os.fchmod(fd, mode | PRIVATE)
    return fd


def _grant(name: bytes, parent: int) -> None:
    handle = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
    try:
        # By /proc, because this kind of handle takes no fchmod; it reaches exactly what was opened.
        os.chmod(proc_path(handle), stat.S_IMODE(os.fstat(handle).st_mode) | PRIVATE)
    finally:
        os.close(handle)


def make_folder(name: bytes, parent: int) -> int:
    """A handle of the folder ``name``, made private if it is not there, whatever the umask."""
    try:
        os.mkdir(name, PRIVATE, dir_fd=parent)
    except FileExistsError:
        return open_folder(name, parent)
    return open_folder(name, parent, usable=True)


def entries(fd: int) -> Iterator["os.DirEntry[bytes]"]:
    """What the folder holds. Entries already given may be moved or removed meanwhile."""
    # By /proc, because only a path of bytes gives names as bytes.
    with os.scandir(proc_path(fd)) as found:
        yield from found


def is_folder(name: bytes, parent: int) -> bool | None:
    """True for a folder, False for anything else, links included, None if nothing is there."""
    try:
        return stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)
    except OSError as exc:
        if exc.errno in ABSENT:
            return None
        raise


class Descent:
    """A place in a tree, held by handles of the folders above it; few stay open, however deep it is.

    It owns ``top``, the handle it starts from; use it as a context manager.
    """

    KEPT = 8
    """Handles kept open above the place; higher ones are reopened by ``..`` and compared."""

    def __init__(self, top: int, *, usable: bool = False) -> None:
        self.names: list[bytes] = []
        self._usable = usable
        self._handles: list[int | None] = [top]
        self._identities: list[tuple[int, int]] = [(0, 0)]
        self.fd = top

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every handle."""
        for handle in self._handles:
            if handle is not None:
                os.close(handle)
        self._handles = []

    @property
    def depth(self) -> int:
        """How many folders the place lies below the start."""
        return len(self.names)

    def enter(self, name: bytes) -> None:
        """Go down into the folder ``name``. On an OSError the place stays."""
        self.fd = open_folder(name, self.fd, usable=self._usable)
        self.names.append(name)
        self._handles.append(self.fd)
        self._identities.append((0, 0))
        oldest = len(self._handles) - 1 - self.KEPT
        if oldest > 0:
            self._shut(oldest)

    def make(self, name: bytes) -> None:
        """Go down into the folder ``name``, made private if it is not there."""
        os.close(make_folder(name, self.fd))
        self.enter(name)

    def _shut(self, level: int) -> None:
        handle = self._handles[level]
        if handle is not None:
            self._identities[level] = _identity(handle)
            self._handles[level] = None
            os.close(handle)

    def leave(self) -> bytes:
        """Go up one folder; return the name of the one left."""
        above = self._handles[-2]
        if above is None:
            above = os.open(b"..", FOLDER, dir_fd=self.fd)
            if _identity(above) != self._identities[-2]:
                os.close(above)
                raise StorageError(
                    "A folder was moved while the program worked in it.",
                    advice="Let nothing but this program change the backup storage.",
                )
            self._handles[-2] = above
        os.close(self.fd)
        self._handles.pop()
        self._identities.pop()
        self.fd = above
        return self.names.pop()

    def goto(self, names: Sequence[bytes], *, make: bool = False) -> None:
        """Go to the folder ``names`` below the start. On an OSError the place is one on the way."""
        common = 0
        for mine, wanted in zip(self.names, names, strict=False):
            if mine != wanted:
                break
            common += 1
        while self.depth > common:
            self.leave()
        for name in names[common:]:
            if make:
                self.make(name)
            else:
                self.enter(name)

    def reach(self, names: Sequence[bytes]) -> bool:
        """Go to the folder ``names``; False if there is none."""
        try:
            self.goto(names)
        except OSError as exc:
            if exc.errno in ABSENT:
                return False
            raise
        return True


def _identity(fd: int) -> tuple[int, int]:
    info = os.fstat(fd)
    return info.st_dev, info.st_ino


def remove_tree(parent: int, name: bytes) -> int:
    """Remove ``name`` and all it holds; return how many files that freed. Safe to repeat."""
    kind = is_folder(name, parent)
    if kind is None:
        return 0
    if not kind:
        os.unlink(name, dir_fd=parent)
        return 1
    with Descent(open_folder(name, parent, usable=True), usable=True) as place:
        freed = _clear(place)
    os.rmdir(name, dir_fd=parent)
    return freed


def clear_folder(fd: int) -> int:
    """Remove all that the folder holds; return how many files that freed. ``fd`` is closed."""
    with Descent(fd, usable=True) as place:
        return _clear(place)


def _clear(place: Descent) -> int:
    freed, waiting = 0, [_unlinked(place.fd)]
    while True:
        count, folders = waiting[-1]
        if folders:
            place.enter(folders.pop())
            waiting.append(_unlinked(place.fd))
            continue
        freed += count
        waiting.pop()
        if not waiting:
            return freed
        os.rmdir(place.leave(), dir_fd=place.fd)


def _unlinked(fd: int) -> tuple[int, list[bytes]]:
    """Unlink what is no folder; return how many that were, and the folders."""
    count, folders = 0, []
    for entry in entries(fd):
        if entry.is_dir(follow_symlinks=False):
            folders.append(entry.name)
        else:
            os.unlink(entry.name, dir_fd=fd)
            count += 1
    return count, folders


def remove_if_hollow(parent: int, name: bytes) -> bool:
    """Remove the folder if it and all below are folders only; True if it is gone."""
    with Descent(open_folder(name, parent, usable=True), usable=True) as place:
        waiting = [_folders_only(place.fd)]
        while waiting:
            folders = waiting[-1]
            if folders is None:
                return False
            if folders:
                place.enter(folders.pop())
                waiting.append(_folders_only(place.fd))
                continue
            waiting.pop()
            if waiting:
                os.rmdir(place.leave(), dir_fd=place.fd)
    os.rmdir(name, dir_fd=parent)
    return True


def _folders_only(fd: int) -> list[bytes] | None:
    folders = []
    for entry in entries(fd):
        if not entry.is_dir(follow_symlinks=False):
            return None
        folders.append(entry.name)
    return folders
