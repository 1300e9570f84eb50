"""Catalog: searchable index of points and file versions. An index: storage is the truth."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Protocol

from bckcore.domain.file_version import FileEntry, FileVersion
from bckcore.domain.ids import ProfileId, SourceName
from bckcore.domain.manifest import Change
from bckcore.domain.paths import RelPath
from bckcore.ports.browsing import Browsing

UNCOUNTED = -1
"""In ``SourceState.paths``: nothing in the state but ``interrupted`` is known until it is counted anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceState:
    """What the catalog knows about one source as a whole, so that a quiet run costs no diff."""

    source: SourceName
    fingerprint: int = 0
    """Order-free hash over all live paths."""
    paths: int = 0
    files: int = 0
    bytes: int = 0
    interrupted: bool = True
    """True from the first attempt of a run until its changes are in the catalog: what stands in
    ``current`` may then differ from the live versions, and the next run compares every path."""


class Catalog(Browsing, Protocol):
    """Versions of one installation. Part of a UnitOfWork; not thread-safe."""

    def source_states(self, profile: ProfileId) -> Mapping[SourceName, SourceState]:
        """Every source that ever had a run."""

    def save_source_state(self, profile: ProfileId, state: SourceState) -> None:
        """Insert or replace."""

    def live(
        self, profile: ProfileId, source: SourceName, paths: Sequence[RelPath]
    ) -> Mapping[RelPath, FileEntry]:
        """The live state of those of ``paths`` (at most 10,000) that have one."""

    def newest(
        self, profile: ProfileId, source: SourceName, paths: Sequence[RelPath]
    ) -> Mapping[RelPath, FileEntry]:
        """The newest state, live or ended, of those of ``paths`` (at most 10,000) that have any version."""

    def unseen(self, profile: ProfileId, source: SourceName, seen: Iterable[RelPath]) -> Iterator[FileEntry]:
        """Live states of paths that are not among ``seen``, by path. Memory does not grow with either."""

    def unknown(self, profile: ProfileId, source: SourceName, seen: Iterable[RelPath]) -> Iterator[RelPath]:
        """Those of ``seen`` that have no live state, by path. Memory does not grow with either."""

    def apply(self, profile: ProfileId, seq: int, changes: Iterable[Change]) -> None:
        """Enter the changes of run ``seq``: end the live version of each path, begin the new one.

        A version that an ``X`` change ends is marked as excluded; one that ends in any other way is not.
        ``=`` and ``?`` changes are passed over. Changes already entered for ``seq`` change nothing, so that a
        crash between storage and catalog is healed by applying the manifest again.
        """

    def entries(
        self, profile: ProfileId, seq: int, source: SourceName, below: Sequence[RelPath] = ()
    ) -> Iterator[FileEntry]:
        """The state at point ``seq``, by path (bytes); only paths at or below one of ``below`` if given."""

    def sources_at(self, profile: ProfileId, seq: int) -> Sequence[SourceName]:
        """Sources that have at least one entry at point ``seq``, by name."""

    def versions(self, profile: ProfileId, source: SourceName, path: RelPath) -> Sequence[FileVersion]:
        """Every version of one path, oldest first."""

    def history(
        self, profile: ProfileId, source: SourceName, *, after: RelPath | None, limit: int
    ) -> Sequence[FileVersion]:
        """Every version of the paths that follow ``after``, by path (bytes) and age; empty at the end.

        Whole paths only: at least one, and no more than ``limit`` versions unless one path has more.
        """

    def known(self, profile: ProfileId, source: SourceName, paths: Sequence[RelPath]) -> AbstractSet[RelPath]:
        """Those of ``paths`` (at most 10,000) that have any version."""

    def learn(self, profile: ProfileId, versions: Sequence[FileVersion]) -> int:
        """Enter the digests of versions that have none yet; return how many.

        A version that is no longer there, or has another size or time by now, is passed over.
        """

    def compact(self, profile: ProfileId, kept: Sequence[int]) -> int:
        """Drop versions that nothing needs any more; return how many.

        A version stays while it is at one of the ``kept`` points, while it is live, and while it is the
        newest of its path: the bytes of what is gone still stand in ``current``.
        """

    def drop_below(self, profile: ProfileId, source: SourceName, path: RelPath, *, up_to_seq: int) -> int:
        """Drop every version, live ones too, at or below ``path`` that began at or before run ``up_to_seq``;
        return how many. The caller counts the source's state anew."""

    def forget_profile(self, profile: ProfileId) -> None:
        """Drop all that can be rebuilt from storage: versions, source states, runs, points, holds and acts.

        The profile's own definition, and its jobs, stay.
        """
