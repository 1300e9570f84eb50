"""Wanted: what stands at a point, and with it, if asked for, what had been deleted before."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from heapq import merge

from bckcore.domain.file_version import EntryKind, FileEntry, FileVersion
from bckcore.domain.ids import ProfileId, SourceName
from bckcore.domain.paths import ROOT, RelPath, is_below
from bckcore.domain.restore_point import RestorePoint
from bckcore.ports.catalog import Catalog
from bckcore.ports.extraction import StatesOf, Wanted
from bckcore.services.selection import entries_with_folders, folders_above, tops_of, with_above


def known_states(catalog: Catalog, profile: ProfileId, source: SourceName) -> StatesOf:
    """Asks the catalog for all states of a path of the source, oldest first."""
    return lambda path: [version.entry for version in catalog.versions(profile, source, path)]


class WantedPaths:
    """Streams what is wanted of a point, by path. Memory does not grow with it."""

    def __init__(self, catalog: Catalog, point: RestorePoint, increments: Sequence[int]) -> None:
        """``increments``: their numbers, ascending, as they go to the storage."""
        self._catalog = catalog
        self._point = point
        self._increments = increments

    def at_point(self, source: SourceName, below: Sequence[RelPath]) -> Iterator[Wanted]:
        """What stands at the point at or below ``below``, and the folders above."""
        passed = bisect_right(self._increments, self._point.seq)
        states_of = known_states(self._catalog, self._point.profile, source)
        for entry in entries_with_folders(self._catalog, self._point, source, below):
            yield Wanted(entry, False, passed, states_of)

    def with_deleted(
        self, source: SourceName, below: Sequence[RelPath], blocked: Callable[[RelPath], None]
    ) -> Iterator[Wanted]:
        """The same, and every path that stood there before, in its newest version of before.

        ``blocked`` hears of a deleted path that has no place: what stands above it is no folder.
        """
        above: list[FileEntry] = []
        everything = merge(
            self.at_point(source, below), self._deleted(source, below), key=lambda one: one.entry.path
        )
        for wanted in everything:
            path = wanted.entry.path
            # The byte prefixes of a path are a stack, for the paths come in byte order.
            while above and not path.startswith(above[-1].path):
                above.pop()
            holder = next((one for one in reversed(above) if is_below(path, one.path)), None)
            if wanted.gone and holder is not None and holder.kind is not EntryKind.FOLDER:
                blocked(path)
                continue
            if path != ROOT:
                above.append(wanted.entry)
            yield wanted

    def _deleted(self, source: SourceName, below: Sequence[RelPath]) -> Iterator[Wanted]:
        profile, seq = self._point.profile, self._point.seq
        gone = partial(self._gone, states_of=known_states(self._catalog, profile, source))
        if ROOT in below:
            yield from map(gone, self._catalog.deleted(profile, seq, source))
            return
        tops = tops_of(below)
        folders = [one for path in folders_above(tops) if (one := self._last(source, path))]
        found = self._catalog.deleted(profile, seq, source, tops)
        yield from map(gone, with_above(folders, found, key=lambda one: one.entry.path))

    def _last(self, source: SourceName, path: RelPath) -> FileVersion | None:
        """The newest version of before, if the path is not there at the point."""
        seq = self._point.seq
        before = [v for v in self._catalog.versions(self._point.profile, source, path) if v.since_seq <= seq]
        ended = before[-1].until_seq if before else None
        return before[-1] if ended is not None and ended <= seq else None

    def _gone(self, version: FileVersion, *, states_of: StatesOf) -> Wanted:
        assert version.until_seq is not None  # noqa: S101  # the catalog says that it ended
        return Wanted(version.entry, True, bisect_right(self._increments, version.until_seq - 1), states_of)
