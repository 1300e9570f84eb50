"""Remove a path, and all below it, from ``current``, increments and what was set aside: for good."""

import os
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from bck_adapters.storage_fs.errors import translated
from bck_adapters.storage_fs.handles import Descent, entries, is_folder, open_folder, remove_tree
from bck_adapters.storage_fs.root import CURRENT, HISTORY, Root, aside_names, increment_names, source_names
from bck_adapters.storage_fs.withdrawing import aside_runs
from bckcore.domain.ids import RunId, SourceName, checked_run_id
from bckcore.domain.paths import ROOT, RelPath, components
from bckcore.domain.run import ProfileRef
from bckcore.errors import InvalidInputError
from bckcore.ports.put_back import StoredPlace


class _Area(NamedTuple):
    """A folder of the profile: of a run, or in ``current``."""

    run: RunId | None
    names: tuple[str, ...]
    aside: bool = False


class Removal:
    """One path of one source, wherever it lies."""

    def __init__(self, root: Root, ref: ProfileRef, source: SourceName, path: RelPath) -> None:
        self._root = root
        self._ref = ref
        self._source = source
        self._path = path

    def places(self) -> list[StoredPlace]:
        """Where the path is held, ``current`` first, then increments from old to new."""
        return [place for area in self._areas() if (place := self._weighed(area))]

    def remove(self) -> list[StoredPlace]:
        """Remove it everywhere; return what was held where. Safe to repeat."""
        return [place for area in self._areas() if (place := self._removed(area))]

    def _areas(self) -> Iterator[_Area]:
        """The profile's folder in ``current``, in each increment, and in what each run set aside."""
        yield _Area(None, (CURRENT, *source_names(self._ref, self._source)[:-1]))
        for run in sorted(self._runs()):
            yield _Area(run, increment_names(self._ref, run))
        for run in aside_runs(self._root):
            yield _Area(run, aside_names(self._ref, run), aside=True)

    def _runs(self) -> list[RunId]:
        with translated("looking for increments", self._root.place(HISTORY)):
            fd = self._root.find(HISTORY)
            if fd is None:
                return []
            try:
                names = os.listdir(fd)
            finally:
                os.close(fd)
        found = []
        for name in names:
            with suppress(InvalidInputError):
                found.append(checked_run_id(name))
        return found

    @property
    def _names(self) -> list[bytes]:
        """From the profile's folder down to the path."""
        return [self._source.encode("ascii"), *components(self._path)]

    def _weighed(self, area: _Area) -> StoredPlace | None:
        with translated("looking for a path", self._root.place(*area.names)):
            top = self._root.find(*area.names)
            if top is None:
                return None
            with Descent(top) as place:
                if not place.reach(self._names[:-1]):
                    return None
                weight = _weight(place.fd, self._names[-1])
        if weight is None:
            return None
        return StoredPlace(run=area.run, files=weight[0], bytes=weight[1], aside=area.aside)

    def _removed(self, area: _Area) -> StoredPlace | None:
        held = self._weighed(area)
        if held is None:
            return None
        run, names, _ = area
        with translated("removing a path", self._root.place(*names)):
            top = self._root.find(*names, usable=True)
            if top is None:
                return None
            with Descent(top, usable=True) as place:
                if place.reach(self._names[:-1]):
                    self._cut(place, keep_time=run is None and self._path != ROOT)
                    while run is not None and place.depth and _dropped(place):
                        pass
            if run is not None:
                self._root.drop_empty(*names)
        return held

    def _cut(self, place: Descent, *, keep_time: bool) -> None:
        """Remove it; a folder of ``current`` keeps the time that the host gave it."""
        times = os.fstat(place.fd)
        remove_tree(place.fd, self._names[-1])
        if keep_time:
            os.utime(place.fd, ns=(times.st_atime_ns, times.st_mtime_ns))


def _dropped(place: Descent) -> bool:
    """Leave an increment's folder and remove it if nothing is left in it."""
    name = place.leave()
    try:
        os.rmdir(name, dir_fd=place.fd)
    except OSError:  # it holds something else
        return False
    return True


def _weight(parent: int, name: bytes) -> tuple[int, int] | None:
    """Files and bytes at or below ``name``; None if nothing is there."""
    kind = is_folder(name, parent)
    if kind is None:
        return None
    if not kind:
        return 1, os.stat(name, dir_fd=parent, follow_symlinks=False).st_size
    files = size = 0
    with Descent(open_folder(name, parent)) as place:
        waiting = [_folders(place.fd)]
        while waiting:
            count, weight, folders = waiting[-1]
            if folders:
                place.enter(folders.pop())
                waiting.append(_folders(place.fd))
                continue
            files, size = files + count, size + weight
            waiting.pop()
            if waiting:
                place.leave()
    return files, size


def _folders(fd: int) -> tuple[int, int, list[bytes]]:
    """How many files lie here, their bytes, and the folders."""
    count = size = 0
    folders = []
    for entry in entries(fd):
        if entry.is_dir(follow_symlinks=False):
            folders.append(entry.name)
        else:
            count += 1
            size += entry.stat(follow_symlinks=False).st_size
    return count, size, folders
