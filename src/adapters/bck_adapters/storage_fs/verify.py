"""What stands where: every copy of a path in increments and ``current``, looked at without a change."""

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from bck_adapters.storage_fs.current import entry_at
from bck_adapters.storage_fs.errors import ABSENT, reason_of, translated
from bck_adapters.storage_fs.handles import PRIVATE, Descent, entries, open_folder
from bck_adapters.storage_fs.root import CURRENT, Root, increment_names, source_names
from bckcore.domain.ids import RunId, SourceName
from bckcore.domain.paths import RelPath
from bckcore.domain.run import ProfileRef
from bckcore.errors import StorageError
from bckcore.ports.verification import Shape, Sighting

_STRANGE = {
    stat.S_IFLNK: "a link",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def place_names(ref: ProfileRef, source: SourceName, run: RunId | None) -> tuple[str, ...]:
    """The folders below the root that lead to a source in ``current``, or in an increment."""
    if run is None:
        return (CURRENT, *source_names(ref, source))
    return (*increment_names(ref, run), source_names(ref, source)[-1])


def sighted(folder: int, name: bytes, path: RelPath, run: RunId | None) -> Sighting | None:
    """What stands under a name of the folder; None if nothing does."""
    try:
        info = os.stat(name, dir_fd=folder, follow_symlinks=False)
        shape, problem = _shape(folder, name, info.st_mode)
        entry = None
        if run is None and shape in (Shape.PLAIN, Shape.FOLDER):
            entry = entry_at(folder, name, path)
    except StorageError as exc:  # the stored attribute makes no sense
        entry, problem = None, exc.what
    except OSError as exc:
        if exc.errno in ABSENT:
            return None
        return Sighting(run=run, shape=Shape.UNREADABLE, problem=reason_of(exc))
    closed = shape is Shape.UNREADABLE and stat.S_ISDIR(info.st_mode)
    return Sighting(
        run=run,
        shape=shape,
        size=info.st_size,
        mtime_ns=info.st_mtime_ns,
        ctime_ns=info.st_ctime_ns,
        entry=entry,
        problem=problem,
        blocked_by=path if closed else None,
    )


def _shape(folder: int, name: bytes, mode: int) -> tuple[Shape, str]:
    """What it is, and in words why it cannot be read; tried only where the rights look odd."""
    if stat.S_ISREG(mode):
        kind, odd = Shape.PLAIN, not mode & stat.S_IRUSR
    elif stat.S_ISDIR(mode):
        kind, odd = Shape.FOLDER, mode & PRIVATE != PRIVATE
    else:
        return Shape.STRANGE, _STRANGE.get(stat.S_IFMT(mode), "of no known type")
    if odd:
        try:
            if kind is Shape.FOLDER:
                _entered(folder, name)
            else:
                os.close(os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder))
        except OSError as exc:
            return Shape.UNREADABLE, reason_of(exc)
    return kind, ""


def _entered(folder: int, name: bytes) -> None:
    fd = open_folder(name, folder)
    try:
        os.stat(b".", dir_fd=fd)
    finally:
        os.close(fd)


@dataclass(slots=True)
class _Level:
    """What the increments hold in one folder; increments by their place in the order."""

    holders: dict[bytes, list[int]] = field(default_factory=dict)
    """By name: those that hold it as anything but a folder."""
    folders: dict[bytes, list[int]] = field(default_factory=dict)
    closed: dict[int, Sighting] = field(default_factory=dict)
    """Those whose folder here, or one above it, cannot be entered."""


class Looks:
    """Looks at paths, best in order: each folder of each increment is listed once, if it exists."""

    def __init__(self, root: Root, ref: ProfileRef, source: SourceName, increments: Sequence[RunId]) -> None:
        self._root = root
        self._increments = increments
        self._tops = [place_names(ref, source, run) for run in (*increments, None)]
        self._names: list[bytes] = []
        self._levels: list[_Level] = []
        self._current: Descent | None = None

    def run(self, paths: Iterable[RelPath]) -> Iterator[tuple[RelPath, Sequence[Sighting]]]:
        """See ``StoreVerification.sightings``."""
        with translated("looking at stored files", self._root.place(*self._tops[-1])):
            top = self._root.find(*self._tops[-1])
            self._current = Descent(top) if top is not None else None
            self._levels = [self._listed(range(len(self._increments)), [], {})]
            try:
                for path in paths:
                    yield path, [*self._in_increments(path), *self._in_current(path)]
            finally:
                if self._current is not None:
                    self._current.close()

    def _in_increments(self, path: RelPath) -> Iterator[Sighting]:
        *folder, name = path.split(b"/")
        level = self._level(folder)
        for number in sorted({*level.holders.get(name, ()), *level.closed}):
            if number in level.closed:
                yield level.closed[number]
                continue
            found = self._seen_in(number, folder, name, path)
            if found is not None:
                yield found

    def _seen_in(self, number: int, folder: list[bytes], name: bytes, path: RelPath) -> Sighting | None:
        fd = self._root.find(*self._tops[number])
        if fd is None:
            return None
        with Descent(fd) as tree:
            if not tree.reach(folder):
                return None
            return sighted(tree.fd, name, path, self._increments[number])

    def _level(self, folder: list[bytes]) -> _Level:
        common = 0
        for mine, wanted in zip(self._names, folder, strict=False):
            if mine != wanted:
                break
            common += 1
        del self._levels[common + 1 :]
        for depth in range(common, len(folder)):
            above = self._levels[-1]
            holding = above.folders.get(folder[depth], [])
            self._levels.append(self._listed(holding, folder[: depth + 1], above.closed))
        self._names = list(folder)
        return self._levels[-1]

    def _listed(self, numbers: Iterable[int], folder: list[bytes], closed: dict[int, Sighting]) -> _Level:
        level = _Level(closed=dict(closed))
        for number in numbers:
            try:
                self._list_one(number, folder, level)
            except OSError as exc:
                level.closed[number] = Sighting(
                    run=self._increments[number],
                    shape=Shape.UNREADABLE,
                    problem=reason_of(exc),
                    blocked_by=RelPath(b"/".join(folder) or b"."),
                )
        return level

    def _list_one(self, number: int, folder: list[bytes], level: _Level) -> None:
        fd = self._root.find(*self._tops[number])
        if fd is None:
            return
        with Descent(fd) as tree:
            if not tree.reach(folder):
                return
            for entry in entries(tree.fd):
                group = level.folders if entry.is_dir(follow_symlinks=False) else level.holders
                group.setdefault(entry.name, []).append(number)

    def _in_current(self, path: RelPath) -> Iterator[Sighting]:
        if self._current is None:
            return
        *folder, name = path.split(b"/")
        try:
            if not self._current.reach(folder):
                return
        except OSError as exc:
            closed = RelPath(b"/".join(folder[: self._current.depth + 1]))
            yield Sighting(run=None, shape=Shape.UNREADABLE, problem=reason_of(exc), blocked_by=closed)
            return
        found = sighted(self._current.fd, name, path, None)
        if found is not None:
            yield found
