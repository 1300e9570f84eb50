"""Put entries of a point into a folder of ours, batch by batch, in the form that goes back to a PC.

Below ``.work/r/<host>/<profile>`` stand plain files and folders that carry in ``user.rsync.%stat`` what they
are, as in ``current``, but as the point has them. A stored file that is already exactly what the point
had is linked, not copied: nobody writes to it while the profile's lock is held, and rsync only reads it.
"""

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bck_adapters.storage_fs.copying import copy_content
from bck_adapters.storage_fs.errors import NO_ROOM, reason_of, translated
from bck_adapters.storage_fs.handles import Descent, clear_folder, proc_path
from bck_adapters.storage_fs.locks import held
from bck_adapters.storage_fs.origins import Origins, UnusableError
from bck_adapters.storage_fs.root import STAGING, WORK, Root, profile_names
from bck_adapters.storage_fs.whole import require_known
from bckcore.domain.file_version import EntryKind, FileEntry
from bckcore.domain.ids import HostId, ProfileId, checked_name
from bckcore.domain.paths import ROOT, RelPath, components, is_below
from bckcore.domain.push import MOST_STAGED
from bckcore.domain.run import ProfileRef
from bckcore.domain.stored_stat import XATTR_NAME, StoredStat, decoded, encoded
from bckcore.domain.transfer import PathProblem, ProblemKind
from bckcore.errors import InvalidInputError, StorageError, StoreBusyError, StoreFullError
from bckcore.ports.extraction import Wanted
from bckcore.ports.storage import StagedBatch

FILES = "f"
WORKING = "w"
ROOM = 1 << 30
"""Bytes that a batch may take in the storage; a larger file is a batch of its own."""
ENTRIES = MOST_STAGED * 3 // 4
"""Entries of a batch; the rest of what a push may hold is for the folders above them."""

_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
_DEVICES = (EntryKind.CHAR_DEVICE, EntryKind.BLOCK_DEVICE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How large a batch may get."""

    room: int = ROOM
    entries: int = ENTRIES


def clear(root: Root, ref: ProfileRef) -> None:
    """Remove what a restore left in the profile's staging folder. The caller holds the profile's lock."""
    names = profile_names(ref)
    with translated("tidying up a restore", root.place(WORK, STAGING, *names)):
        fd = root.find(WORK, STAGING, *names, usable=True)
        if fd is not None:
            clear_folder(fd)


def sweep(root: Root) -> None:
    """Remove what restores left that a crash ended; one that goes on holds its profile's lock."""
    area = root.find(WORK, STAGING)
    if area is None:
        return
    with Descent(area) as place:
        for host in _names(place.fd):
            if not place.reach([host.encode()]):
                continue
            for profile in _names(place.fd):
                ref = ProfileRef(host=HostId(host), profile=ProfileId(profile))
                with suppress(StoreBusyError), held(root, ref, wait_seconds=0):
                    clear(root, ref)


def _names(folder: int) -> list[str]:
    found = []
    for name in os.listdir(folder):
        with suppress(InvalidInputError):
            found.append(checked_name(name, "folder"))
    return found


class Staging:
    """The batches of one source."""

    def __init__(
        self,
        root: Root,
        ref: ProfileRef,
        origins: Origins,
        moved: Callable[[int], None],
        limits: Limits,
        *,
        verify: bool,
    ) -> None:
        """``verify``: large files are compared with their digest, too; small ones always are."""
        self._root = root
        self._ref = ref
        self._origins = origins
        self._moved = moved
        self._limits = limits
        self._verify = verify
        self._names = (WORK, STAGING, *profile_names(ref))
        self._above: list[FileEntry] = []
        """Folders met so far that may still get something, as byte prefixes of one another."""
        self._top: FileEntry | None = None

    def batches(self, wanted: Iterable[Wanted]) -> Iterator[StagedBatch]:
        """One batch after the other; each is gone when the next is asked for, the last with the iterator."""
        waiting = iter(wanted)
        following = next(waiting, None)
        try:
            while following is not None:
                clear(self._root, self._ref)
                with self._opened() as place:
                    batch = _Batch(self._origins, place, self._moved, verify=self._verify)
                    while following is not None and batch.takes(following.entry, self._limits):
                        self._take(batch, following)
                        following = next(waiting, None)
                    batch.dress_folders(self._top)
                yield batch.staged(self._root.place(*self._names))
        finally:
            clear(self._root, self._ref)

    @contextmanager
    def _opened(self) -> Iterator[Descent]:
        where = self._root.place(*self._names)
        try:
            for name in (FILES, WORKING):
                os.close(self._root.make(*self._names, name))
            with Descent(self._root.make(*self._names, FILES)) as place:
                yield place
        except OSError as exc:
            if exc.errno in NO_ROOM:
                raise StoreFullError(
                    f"No room is left in the backup storage to get files ready in {where}.",
                    meaning="What had been got ready is removed; what the PC has received stays there.",
                    advice="Free some space in the storage, then start the restore again: it goes on.",
                ) from exc
            raise StorageError(
                f"Files could not be got ready in {where} ({reason_of(exc)}).",
                meaning="Nothing that is stored was changed.",
                advice="Run `bck doctor`; it looks at the storage.",
            ) from exc

    def _take(self, batch: "_Batch", wanted: Wanted) -> None:
        entry = wanted.entry
        if entry.path == ROOT:
            self._top = entry
            return
        while self._above and entry.path >= self._above[-1].path + b"0":  # "0" follows "/"
            self._above.pop()
        for folder in self._above:
            if is_below(entry.path, folder.path):
                batch.add_folder(folder)
        batch.add(wanted)
        if entry.kind is EntryKind.FOLDER:
            self._above.append(entry)


class _Batch:
    """What is being put together below one folder."""

    def __init__(
        self, origins: Origins, place: Descent, moved: Callable[[int], None], *, verify: bool
    ) -> None:
        self._origins = origins
        self._place = place
        self._moved = moved
        self._verify = verify
        self._folders: dict[RelPath, FileEntry] = {}
        self._problems: list[PathProblem] = []
        self._taken = 0
        self._last = ROOT
        self._files = 0
        self._bytes = 0
        self._room_used = 0
        self._with_top = False

    def takes(self, entry: FileEntry, limits: Limits) -> bool:
        """True if the entry belongs into this batch; the first one always does."""
        if self._taken == 0:
            return True
        return self._taken < limits.entries and self._room_used + entry.size <= limits.room

    def add_folder(self, entry: FileEntry) -> None:
        """Make the folder, once; its attributes come last."""
        if entry.path not in self._folders:
            self._place.goto(components(entry.path), make=True)
            self._folders[entry.path] = entry

    def add(self, wanted: Wanted) -> None:
        """Put one entry in its place; what cannot be had is a problem. Raises OSError for the storage."""
        entry = wanted.entry
        self._taken += 1
        self._last = entry.path
        if entry.kind is EntryKind.FOLDER:
            self.add_folder(entry)
            return
        *folder, name = components(entry.path)
        self._place.goto(folder, make=True)
        try:
            if entry.kind is EntryKind.FILE:
                self._add_file(wanted, folder, name)
            else:
                self._write(entry, name)
        except UnusableError as exc:
            self._problems.append(
                PathProblem(kind=ProblemKind.NOT_RESTORED, path=entry.path, message=str(exc))
            )
            return
        self._files += 1
        self._bytes += entry.size

    def _add_file(self, wanted: Wanted, folder: list[bytes], name: bytes) -> None:
        entry, origin = wanted.entry, self._origins.open(wanted, folder, name)
        try:
            self._require_known(entry, origin)
            if _is_exactly(entry, origin):
                os.link(proc_path(origin), name, dst_dir_fd=self._place.fd, follow_symlinks=True)
            else:
                self._room_used += entry.size
                self._write(entry, name, origin)
        finally:
            os.close(origin)

    def _require_known(self, entry: FileEntry, origin: int) -> None:
        try:
            require_known(entry, origin, self._moved, large_too=self._verify)
        except OSError as exc:
            raise UnusableError(f"The stored file cannot be read: {reason_of(exc)}.") from exc

    def _write(self, entry: FileEntry, name: bytes, origin: int | None = None) -> None:
        fd = os.open(name, _WRITE, 0o600, dir_fd=self._place.fd)
        try:
            if origin is not None:
                copy_content(origin, fd, self._moved)
            elif entry.kind is EntryKind.LINK:
                os.write(fd, entry.target)
            _dress(entry, fd)
        finally:
            os.close(fd)

    def dress_folders(self, top: FileEntry | None) -> None:
        """Give the folders their attributes, inner ones first."""
        for path in sorted(self._folders, reverse=True):
            self._place.goto(components(path))
            _dress(self._folders[path], self._place.fd)
        if top is not None:
            self._place.goto([])
            _dress(top, self._place.fd)
            self._with_top = True

    def staged(self, folder: Path) -> StagedBatch:
        """What was put together."""
        return StagedBatch(
            origin=folder / FILES,
            work_dir=folder / WORKING,
            folders=frozenset({*self._folders, *([ROOT] if self._with_top else [])}),
            last=self._last,
            files=self._files,
            bytes=self._bytes,
            problems=tuple(self._problems),
        )


def _is_exactly(entry: FileEntry, fd: int) -> bool:
    """True if the stored file has all attributes that the entry has."""
    info = os.fstat(fd)
    if info.st_mtime_ns != entry.mtime_ns:
        return False
    try:
        meant = decoded(os.getxattr(fd, XATTR_NAME))
    except OSError:
        meant = StoredStat(
            kind=EntryKind.FILE, mode=stat.S_IMODE(info.st_mode), uid=info.st_uid, gid=info.st_gid
        )
    except StorageError:
        return False
    return meant == StoredStat(kind=entry.kind, mode=entry.mode, uid=entry.uid, gid=entry.gid)


def _dress(entry: FileEntry, fd: int) -> None:
    """Set what the staged file stands for, and its time."""
    rdev = (0, 0)
    if entry.kind in _DEVICES:
        major, _, minor = entry.target.partition(b",")
        rdev = (int(major), int(minor))
    value = StoredStat(kind=entry.kind, mode=entry.mode, uid=entry.uid, gid=entry.gid, rdev=rdev)
    os.setxattr(fd, XATTR_NAME, encoded(value))
    os.utime(fd, ns=(entry.mtime_ns, entry.mtime_ns))
