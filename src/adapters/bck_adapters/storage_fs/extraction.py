"""Write the entries of a point into a folder: names, bytes, modes, times, owners, links."""

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bck_adapters.storage_fs.content import Content
from bck_adapters.storage_fs.copying import copy_content
from bck_adapters.storage_fs.errors import NO_ROOM, reason_of, shown
from bck_adapters.storage_fs.handles import FOLDER, Descent, make_folder, open_folder, proc_path
from bckcore.domain.file_version import EntryKind, FileEntry
from bckcore.domain.paths import ROOT, components
from bckcore.domain.transfer import PathProblem, ProblemKind
from bckcore.errors import NotFoundError, StoreFullError

_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
_FORMATS = {
    EntryKind.FIFO: stat.S_IFIFO,
    EntryKind.SOCKET: stat.S_IFSOCK,
    EntryKind.CHAR_DEVICE: stat.S_IFCHR,
    EntryKind.BLOCK_DEVICE: stat.S_IFBLK,
}
_UNKNOWN_OWNER = frozenset({errno.EPERM, errno.EINVAL})

OnDone = Callable[[FileEntry, PathProblem | None], None]


class _UnusableError(Exception):
    """Why an entry cannot be written, in words."""


class Extraction:
    """One restore into one folder. A folder's mode and times are set once all it holds is there.

    In byte order ``a-b`` comes between ``a`` and ``a/x``, so a folder is over only when a path is met
    that sorts behind all it can hold; the folders not yet over are the byte prefixes of the path, and
    so a stack.
    """

    def __init__(self, content: Content, into: Path, on_done: OnDone) -> None:
        self._content = content
        self._into = into
        self._on_done = on_done
        self._owner = os.geteuid() == 0
        self._begun: list[FileEntry] = []
        self._top: FileEntry | None = None

    def run(self, entries: Iterable[FileEntry]) -> None:
        """Write all entries."""
        with Descent(self._opened()) as self._goal:
            for entry in entries:
                while self._begun and entry.path >= self._begun[-1].path + b"0":  # "0" follows "/"
                    self._finish(self._begun.pop())
                self._write(entry)
            while self._begun:
                self._finish(self._begun.pop())
            if self._top is not None:
                self._finish(self._top)

    def _opened(self) -> int:
        try:
            return os.open(self._into, FOLDER)
        except OSError as exc:
            raise NotFoundError(
                f"The restore folder {self._into} cannot be opened ({reason_of(exc)}).",
                advice="Choose a folder that exists and that the service may write.",
            ) from exc

    def _write(self, entry: FileEntry) -> None:
        if entry.path == ROOT:
            self._top = entry
            return
        *folder, name = components(entry.path)
        problem = self._problem_of(entry, lambda: self._make(entry, folder, name))
        if problem is None and entry.kind is EntryKind.FOLDER:
            self._begun.append(entry)
        else:
            self._on_done(entry, problem)

    def _finish(self, entry: FileEntry) -> None:
        self._on_done(entry, self._problem_of(entry, lambda: self._finish_folder(entry)))

    def _problem_of(self, entry: FileEntry, step: Callable[[], None]) -> PathProblem | None:
        try:
            step()
        except _UnusableError as exc:
            message = str(exc)
        except OSError as exc:
            if exc.errno in NO_ROOM:
                raise self._full() from exc
            message = reason_of(exc)
        else:
            return None
        return PathProblem(kind=ProblemKind.NOT_RESTORED, path=entry.path, message=message)

    def _full(self) -> StoreFullError:
        return StoreFullError(
            f"No room is left in the restore folder {shown(self._into)}.",
            meaning="The restore stopped; what it wrote so far is there, the rest is not.",
            advice="Free space there, or restore into a folder on a larger disk.",
        )

    # --- one entry ---------------------------------------------------------------------------------

    def _make(self, entry: FileEntry, folder: list[bytes], name: bytes) -> None:
        self._goal.goto(folder, make=True)
        if entry.kind is EntryKind.FOLDER:
            os.close(make_folder(name, self._goal.fd))
        elif entry.kind is EntryKind.FILE:
            self._make_file(entry, folder, name)
        elif entry.kind is EntryKind.LINK:
            self._make_link(entry, name)
        else:
            self._make_special(entry, name)

    def _make_file(self, entry: FileEntry, folder: list[bytes], name: bytes) -> None:
        with self._bytes_of(entry, folder, name) as origin:
            fd = os.open(name, _WRITE, 0o600, dir_fd=self._goal.fd)
            try:
                copy_content(origin, fd)
                self._dress(entry, fd)
            except OSError:
                os.unlink(name, dir_fd=self._goal.fd)  # better no file than half of one
                raise
            finally:
                os.close(fd)

    @contextmanager
    def _bytes_of(self, entry: FileEntry, folder: list[bytes], name: bytes) -> Iterator[int]:
        try:
            fd = self._content.open(folder, name)
        except FileNotFoundError as exc:
            raise _UnusableError("The storage holds no bytes of this file.") from exc
        except OSError as exc:
            raise _UnusableError(f"The stored file cannot be opened: {reason_of(exc)}.") from exc
        try:
            info = os.fstat(fd)
            if not stat.S_ISREG(info.st_mode):
                raise _UnusableError("What the storage holds at this path is not a plain file.")
            if info.st_size != entry.size:
                raise _UnusableError(f"The stored file has {info.st_size} bytes; it had {entry.size}.")
            yield fd
        finally:
            os.close(fd)

    def _make_link(self, entry: FileEntry, name: bytes) -> None:
        folder = self._goal.fd
        os.symlink(entry.target, name, dir_fd=folder)
        if self._owner:
            with _unknown_owner_ignored():
                os.chown(name, entry.uid, entry.gid, dir_fd=folder, follow_symlinks=False)
        os.utime(name, ns=(entry.mtime_ns, entry.mtime_ns), dir_fd=folder, follow_symlinks=False)

    def _make_special(self, entry: FileEntry, name: bytes) -> None:
        device = 0
        if entry.kind in (EntryKind.CHAR_DEVICE, EntryKind.BLOCK_DEVICE):
            major, _, minor = entry.target.partition(b",")
            device = os.makedev(int(major), int(minor))
        try:
            os.mknod(name, _FORMATS[entry.kind] | 0o600, device, dir_fd=self._goal.fd)
        except PermissionError as exc:
            raise _UnusableError(f"Only root may make this {entry.kind.name.lower()}.") from exc
        fd = os.open(name, os.O_PATH | os.O_NOFOLLOW, dir_fd=self._goal.fd)
        try:
            self._dress(entry, fd, by_path=True)
        finally:
            os.close(fd)

    def _finish_folder(self, entry: FileEntry) -> None:
        if entry.path == ROOT:
            self._goal.goto([])
            self._dress(entry, self._goal.fd)
            return
        *folder, name = components(entry.path)
        self._goal.goto(folder)
        fd = open_folder(name, self._goal.fd)
        try:
            self._dress(entry, fd)
        finally:
            os.close(fd)

    def _dress(self, entry: FileEntry, fd: int, *, by_path: bool = False) -> None:
        """Set owner, mode, times, in this order: a change of owner drops set-id bits."""
        place: int | bytes = proc_path(fd) if by_path else fd
        if self._owner:
            with _unknown_owner_ignored():
                os.chown(place, entry.uid, entry.gid)
        os.chmod(place, entry.mode)
        os.utime(place, ns=(entry.mtime_ns, entry.mtime_ns))


@contextmanager
def _unknown_owner_ignored() -> Iterator[None]:
    """A root that may not give files away, as in a container, keeps them itself."""
    try:
        yield
    except OSError as exc:
        if exc.errno not in _UNKNOWN_OWNER:
            raise
