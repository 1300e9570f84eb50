"""Bring ``current`` back to an earlier state: what differs moves aside, wanted bytes come from increments.

What stands in ``current`` and must give way moves by one rename into the attempt's ``displaced_dir``, so a
crash at any step is folded like a cut backup. Bytes out of an increment come as a clone where the file
system shares blocks, else as a second name of the same file, else as a copy; the increment keeps its own
entry. A second name does no harm, because nothing ever writes into a stored file: rsync and this module put
a new file under the old name. Only attributes are shared, and those increments are never asked for.
"""

import errno
import fcntl
import os
from collections.abc import Callable, Iterable
from contextlib import suppress

from bck_adapters.storage_fs.copying import copy_content
from bck_adapters.storage_fs.current import entry_at
from bck_adapters.storage_fs.dressing import dress
from bck_adapters.storage_fs.errors import ABSENT, reason_of
from bck_adapters.storage_fs.handles import Descent, is_folder, make_folder, open_folder, proc_path
from bck_adapters.storage_fs.origins import Origins, UnusableError
from bck_adapters.storage_fs.plain import same_bytes
from bck_adapters.storage_fs.whole import require_known
from bckcore.domain.file_version import EntryKind, FileEntry
from bckcore.domain.paths import ROOT, RelPath, components, parents
from bckcore.domain.transfer import PathProblem, ProblemKind
from bckcore.ports.extraction import Wanted
from bckcore.ports.put_back import PutBackReport, StepBack

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
_FICLONE = 0x40049409
_NO_CLONE = frozenset({errno.EOPNOTSUPP, errno.EINVAL, errno.EXDEV, errno.ENOTTY, errno.ENOSYS})
_NO_LINK = frozenset({errno.EPERM, errno.EMLINK, errno.EXDEV})
_NEW = b"new"

OnProblem = Callable[[PathProblem], None]


def _nobody(_count: int) -> None:
    pass


class PutBack:
    """One walk over one source. ``trusted``: ``current`` surely holds the live state.

    A folder's time is set, and a folder that is no longer wanted is removed, once all it holds is dealt
    with; as in an extraction, the folders not yet over are the byte prefixes of the path, and so a stack.
    """

    def __init__(
        self,
        origins: Origins,
        current: Descent,
        displaced: Descent,
        temporary: int,
        *,
        trusted: bool,
        on_problem: OnProblem,
    ) -> None:
        self._origins = origins
        self._current = current
        self._displaced = displaced
        self._temporary = temporary
        self._trusted = trusted
        self._on_problem = on_problem
        self._begun: list[StepBack] = []
        self._top: StepBack | None = None
        self._touched: set[RelPath] = set()
        """Folders whose own time our work changed, or whose attributes are not as wanted."""
        self._clones = True
        self._put = self._moved = self._copied = 0

    def run(self, steps: Iterable[StepBack]) -> PutBackReport:
        """Do all steps, which come by path."""
        for step in steps:
            while self._begun and step.path >= self._begun[-1].path + b"0":  # "0" follows "/"
                self._finish(self._begun.pop())
            try:
                self._do(step)
            except UnusableError as exc:
                message = str(exc)
                self._on_problem(PathProblem(kind=ProblemKind.NOT_RESTORED, path=step.path, message=message))
        while self._begun:
            self._finish(self._begun.pop())
        if self._top is not None:
            self._finish(self._top)
        return PutBackReport(put=self._put, displaced=self._moved, copied=self._copied)

    def _do(self, step: StepBack) -> None:
        live, wanted = step.live, step.wanted
        if step.path == ROOT:
            self._top = step
            self._note_folder(step)
        elif wanted is None:
            self._take_away(step)
        elif wanted.kind is EntryKind.FOLDER:
            self._begun.append(step)
            self._note_folder(step)
            if not (self._trusted and live is not None and live.kind is EntryKind.FOLDER):
                self._make_folder(step.path)
        elif not (self._trusted and live == wanted and self._stands(wanted)):
            self._put_file(step, wanted)

    # --- folders -----------------------------------------------------------------------------------

    def _note_folder(self, step: StepBack) -> None:
        if step.wanted is not None and not (self._trusted and step.live == step.wanted):
            self._touched.add(step.path)

    def _make_folder(self, path: RelPath) -> None:
        name = self._at(path, make=True)
        kind = is_folder(name, self._current.fd)
        if kind is False:
            self._displace(path, name)
        if not kind:
            os.close(make_folder(name, self._current.fd))
            self._touch(path)
            self._touched.add(path)

    def _finish(self, step: StepBack) -> None:
        """All that the folder holds is dealt with."""
        path = step.path
        if step.wanted is None:
            self._remove_if_empty(path)
        elif path in self._touched and self._current.reach(components(path)):
            dress(self._current.fd, step.wanted)
        self._touched.discard(path)

    def _remove_if_empty(self, path: RelPath) -> None:
        if path == ROOT or not self._current.reach(components(path)[:-1]):
            return
        try:
            os.rmdir(components(path)[-1], dir_fd=self._current.fd)
        except OSError as exc:
            if exc.errno not in (*ABSENT, errno.ENOTEMPTY, errno.EEXIST):
                raise
        else:
            self._touch(path)

    def _touch(self, path: RelPath) -> None:
        self._touched.add(next(parents(path)))

    # --- giving way --------------------------------------------------------------------------------

    def _take_away(self, step: StepBack) -> None:
        """The path is not wanted: a file moves aside; a folder goes when it is empty at the end."""
        folder = components(step.path)
        if not self._current.reach(folder[:-1]):
            return
        kind = is_folder(folder[-1], self._current.fd)
        if kind:
            self._begun.append(step)
        elif kind is False:
            self._displace(step.path, folder[-1])

    def _displace(self, path: RelPath, name: bytes) -> None:
        """Move what stands at ``name`` in the place where ``current`` is."""
        self._displaced.goto(components(path)[:-1], make=True)
        if is_folder(name, self._current.fd):
            # A folder that its owner may not write cannot be moved: its `..` changes.
            os.close(open_folder(name, self._current.fd, usable=True))
        os.rename(name, name, src_dir_fd=self._current.fd, dst_dir_fd=self._displaced.fd)
        self._touch(path)
        self._moved += 1

    def _at(self, path: RelPath, *, make: bool = False) -> bytes:
        """Go to the folder of ``path`` in ``current``; the last name."""
        *folder, name = components(path)
        try:
            self._current.goto(folder, make=make)
        except OSError as exc:
            if exc.errno not in ABSENT:
                raise
            raise UnusableError(f"What stands above it is no folder: {reason_of(exc)}.") from exc
        return name

    # --- files -------------------------------------------------------------------------------------

    def _stands(self, wanted: FileEntry) -> bool:
        """True if ``current``, whose state is equal to the wanted one, has its bytes as well.

        A digest can be forged: where an increment holds the path, the bytes of the point are those.
        """
        if wanted.kind is not EntryKind.FILE:
            return True
        *folder, name = components(wanted.path)
        if not (wanted.digest and self._origins.displaced(folder, name)):
            return bool(wanted.digest)
        try:
            origin = self._origin(StepBack(wanted, wanted), wanted)
        except UnusableError:  # nothing better is to be had than what stands there
            return True
        try:
            return self._current.reach(folder) and same_bytes(self._current.fd, name, origin)
        except OSError:  # what cannot be read there gives way to what can
            return False
        finally:
            os.close(origin)

    def _put_file(self, step: StepBack, wanted: FileEntry) -> None:
        name = self._at(wanted.path, make=True)
        if wanted.kind is not EntryKind.FILE:
            if entry_at(self._current.fd, name, wanted.path) != wanted:
                self._write_special(wanted)
                self._install(wanted.path, name)
            return
        origin = self._origin(step, wanted)
        try:
            if self._is_there(name, origin):
                self._require_same_bytes(wanted, step.live)
                self._dress_in_place(wanted, name)
            else:
                self._bring(wanted, origin)
                self._install(wanted.path, name)
        finally:
            os.close(origin)

    def _origin(self, step: StepBack, wanted: FileEntry) -> int:
        """The file that holds the wanted bytes, opened."""
        *folder, name = components(wanted.path)
        fd = self._origins.open(Wanted(wanted, states_of=step.states_of), folder, name)
        try:
            require_known(wanted, fd, _nobody)
        except OSError as exc:
            os.close(fd)
            raise UnusableError(f"The stored file cannot be read: {reason_of(exc)}.") from exc
        except UnusableError:
            os.close(fd)
            raise
        return fd

    def _require_same_bytes(self, wanted: FileEntry, live: FileEntry | None) -> None:
        """Where what was displaced has been lost, the newer bytes in ``current`` are no stand-in."""
        if not self._trusted or live is None or live.kind is not EntryKind.FILE:
            return
        if live.digest and wanted.digest and live.digest != wanted.digest:
            raise UnusableError("The storage holds other bytes at this path only.")

    def _is_there(self, name: bytes, origin: int) -> bool:
        """True if ``current`` has that very file: nothing displaced it since, or an undo put it there."""
        try:
            here = os.stat(name, dir_fd=self._current.fd, follow_symlinks=False)
        except FileNotFoundError:
            return False
        there = os.fstat(origin)
        return (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)

    def _dress_in_place(self, wanted: FileEntry, name: bytes) -> None:
        found = entry_at(self._current.fd, name, wanted.path)
        if found == wanted.without_digest():
            return
        fd = os.open(name, _READ, dir_fd=self._current.fd)
        try:
            dress(fd, wanted)
        finally:
            os.close(fd)
        self._put += 1

    def _install(self, path: RelPath, name: bytes) -> None:
        """Give the new file its name; what stands there moves aside first, never under it."""
        if is_folder(name, self._current.fd) is not None:
            self._displace(path, name)
        os.rename(_NEW, name, src_dir_fd=self._temporary, dst_dir_fd=self._current.fd)
        self._touch(path)
        self._put += 1

    def _bring(self, wanted: FileEntry, origin: int) -> None:
        """Make the new file, dressed, in the temporary folder."""
        self._clear()
        if not (self._cloned(origin) or _linked(origin, self._temporary)):
            fd = os.open(_NEW, _WRITE, 0o600, dir_fd=self._temporary)
            try:
                copy_content(origin, fd)
            finally:
                os.close(fd)
            self._copied += wanted.size
        self._dress_new(wanted)

    def _cloned(self, origin: int) -> bool:
        if not self._clones:
            return False
        fd = os.open(_NEW, _WRITE, 0o600, dir_fd=self._temporary)
        try:
            fcntl.ioctl(fd, _FICLONE, origin)
        except OSError as exc:
            if exc.errno not in _NO_CLONE:
                raise
            self._clones = False
            self._clear()
            return False
        finally:
            os.close(fd)
        return True

    def _write_special(self, wanted: FileEntry) -> None:
        """Links and the like are small files: their target is known from the catalog."""
        self._clear()
        fd = os.open(_NEW, _WRITE, 0o600, dir_fd=self._temporary)
        try:
            if wanted.kind is EntryKind.LINK:
                os.write(fd, wanted.target)
        finally:
            os.close(fd)
        self._dress_new(wanted)

    def _dress_new(self, wanted: FileEntry) -> None:
        fd = os.open(_NEW, _READ, dir_fd=self._temporary)
        try:
            dress(fd, wanted)
        finally:
            os.close(fd)

    def _clear(self) -> None:
        with suppress(FileNotFoundError):
            os.unlink(_NEW, dir_fd=self._temporary)


def _linked(origin: int, folder: int) -> bool:
    """Give the file a second name; False where that cannot be."""
    try:
        os.link(proc_path(origin), _NEW, dst_dir_fd=folder, follow_symlinks=True)
    except OSError as exc:
        if exc.errno not in _NO_LINK:
            raise
        return False
    return True
