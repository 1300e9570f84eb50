"""Browsing over a memory session."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from bck_adapters.memory.state import Session
from bckcore.domain.file_version import FileVersion
from bckcore.domain.ids import ProfileId, SourceName
from bckcore.domain.paths import ROOT, RelPath, is_below, parents
from bckcore.domain.pattern import Pattern
from bckcore.ports.browsing import VersionPair


def stands_at(version: FileVersion, seq: int) -> bool:
    """True if the version is part of the state at a point."""
    return version.since_seq <= seq and (version.until_seq is None or seq < version.until_seq)


class MemoryBrowsing:
    """See the port for every promise."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def children(
        self,
        profile: ProfileId,
        seq: int,
        source: SourceName,
        folder: RelPath,
        *,
        after: RelPath | None = None,
    ) -> Iterator[FileVersion]:
        """See the port."""
        for path, versions in self._rows(profile, source, (folder,), after):
            if path != ROOT and next(parents(path)) == folder:
                yield from (version for version in versions if stands_at(version, seq))

    def matching(
        self,
        profile: ProfileId,
        source: SourceName,
        pattern: Pattern,
        *,
        below: RelPath = ROOT,
        after: RelPath | None = None,
    ) -> Iterator[Sequence[FileVersion]]:
        """See the port."""
        for path, versions in self._rows(profile, source, (below,), after):
            if pattern.matches(source, path):
                yield list(versions)

    def differing(
        self,
        profile: ProfileId,
        source: SourceName,
        old_seq: int,
        new_seq: int,
        *,
        below: RelPath = ROOT,
        after: RelPath | None = None,
    ) -> Iterator[VersionPair]:
        """See the port."""
        for _, versions in self._rows(profile, source, (below,), after):
            old = next((version for version in versions if stands_at(version, old_seq)), None)
            new = next((version for version in versions if stands_at(version, new_seq)), None)
            if old is not None and new is None:
                last = [version for version in versions if version.since_seq <= new_seq][-1]
                old = replace(old, excluded=last.excluded)
            if old is not new:
                yield old, new

    def deleted(
        self,
        profile: ProfileId,
        seq: int,
        source: SourceName,
        below: Sequence[RelPath] = (),
        *,
        after: RelPath | None = None,
        gone_from: int = 0,
    ) -> Iterator[FileVersion]:
        """See the port."""
        for _, versions in self._rows(profile, source, below, after):
            before = [version for version in versions if version.since_seq <= seq]
            if before and not stands_at(before[-1], seq) and (before[-1].until_seq or 0) >= gone_from:
                yield before[-1]

    def _rows(
        self, profile: ProfileId, source: SourceName, below: Sequence[RelPath], after: RelPath | None
    ) -> Iterator[tuple[RelPath, tuple[FileVersion, ...]]]:
        table = self._session.read.versions.get((profile, source), {})
        for path in sorted(table):
            wanted = not below or any(is_below(path, folder) for folder in below)
            if wanted and (after is None or path > after) and table[path]:
                yield path, table[path]
