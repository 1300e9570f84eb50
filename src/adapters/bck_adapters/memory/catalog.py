"""Catalog over a memory session."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import TypeVar

from bck_adapters.memory.browse import MemoryBrowsing, stands_at
from bckcore.domain.file_version import FileEntry, FileVersion
from bckcore.domain.ids import ProfileId, SourceName
from bckcore.domain.manifest import Change, ChangeOp
from bckcore.domain.paths import RelPath, is_below
from bckcore.ports.catalog import SourceState


def _live_of(versions: tuple[FileVersion, ...]) -> FileVersion | None:
    return versions[-1] if versions and versions[-1].until_seq is None else None


def _with_change(versions: tuple[FileVersion, ...], seq: int, change: Change) -> tuple[FileVersion, ...]:
    live, excluded = _live_of(versions), change.op is ChangeOp.EXCLUDED
    if live is not None and live.since_seq < seq:
        versions = (*versions[:-1], replace(live, until_seq=seq, excluded=excluded))
    if change.op.ends or any(version.since_seq >= seq for version in versions):
        return versions
    return (*versions, FileVersion(source=change.source, entry=change.entry, since_seq=seq))


def _same_but_until(one: FileVersion, blank: FileVersion) -> bool:
    """True if ``one`` has no digest yet and is the version that ``blank`` was read from."""
    mine, theirs = one.entry, blank.entry
    same = (one.since_seq, mine.size, mine.mtime_ns) == (blank.since_seq, theirs.size, theirs.mtime_ns)
    return same and not mine.digest


K = TypeVar("K")
V = TypeVar("V")


def _drop(table: dict[tuple[ProfileId, K], V], profile: ProfileId) -> None:
    for key in [key for key in table if key[0] == profile]:
        del table[key]


class MemoryCatalog(MemoryBrowsing):
    """See the port for every promise."""

    def source_states(self, profile: ProfileId) -> Mapping[SourceName, SourceState]:
        """See the port."""
        states = self._session.read.source_states
        return {source: state for (owner, source), state in sorted(states.items()) if owner == profile}

    def save_source_state(self, profile: ProfileId, state: SourceState) -> None:
        """See the port."""
        self._session.write().source_states[profile, state.source] = state

    def live(
        self, profile: ProfileId, source: SourceName, paths: Sequence[RelPath]
    ) -> Mapping[RelPath, FileEntry]:
        """See the port."""
        table = self._session.read.versions.get((profile, source), {})
        found = ((path, _live_of(table.get(path, ()))) for path in paths)
        return {path: version.entry for path, version in found if version is not None}

    def newest(
        self, profile: ProfileId, source: SourceName, paths: Sequence[RelPath]
    ) -> Mapping[RelPath, FileEntry]:
        """See the port."""
        table = self._session.read.versions.get((profile, source), {})
        return {path: table[path][-1].entry for path in paths if table.get(path)}

    def unseen(self, profile: ProfileId, source: SourceName, seen: Iterable[RelPath]) -> Iterator[FileEntry]:
        """See the port."""
        known = set(seen)
        table = self._session.read.versions.get((profile, source), {})
        for path in sorted(table):
            live = _live_of(table[path])
            if live is not None and path not in known:
                yield live.entry

    def unknown(self, profile: ProfileId, source: SourceName, seen: Iterable[RelPath]) -> Iterator[RelPath]:
        """See the port."""
        table = self._session.read.versions.get((profile, source), {})
        yield from sorted(path for path in set(seen) if _live_of(table.get(path, ())) is None)

    def apply(self, profile: ProfileId, seq: int, changes: Iterable[Change]) -> None:
        """See the port."""
        self._session.require_writing()
        for change in changes:
            if change.op.carries_on:
                continue
            table = self._session.versions_to_write((profile, change.source))
            path = change.entry.path
            versions = _with_change(table.get(path, ()), seq, change)
            if versions:
                table[path] = versions

    def entries(
        self, profile: ProfileId, seq: int, source: SourceName, below: Sequence[RelPath] = ()
    ) -> Iterator[FileEntry]:
        """See the port."""
        table = self._session.read.versions.get((profile, source), {})
        for path in sorted(table):
            if below and not any(is_below(path, folder) for folder in below):
                continue
            yield from (version.entry for version in table[path] if stands_at(version, seq))

    def sources_at(self, profile: ProfileId, seq: int) -> Sequence[SourceName]:
        """See the port."""
        tables = self._session.read.versions
        return sorted(
            source
            for (owner, source), table in tables.items()
            if owner == profile and any(stands_at(version, seq) for row in table.values() for version in row)
        )

    def versions(self, profile: ProfileId, source: SourceName, path: RelPath) -> Sequence[FileVersion]:
        """See the port."""
        return self._session.read.versions.get((profile, source), {}).get(path, ())

    def history(
        self, profile: ProfileId, source: SourceName, *, after: RelPath | None, limit: int
    ) -> Sequence[FileVersion]:
        """See the port."""
        table = self._session.read.versions.get((profile, source), {})
        found: list[FileVersion] = []
        for path in sorted(path for path in table if after is None or path > after):
            if found and len(found) + len(table[path]) > limit:
                break
            found.extend(table[path])
        return found

    def known(self, profile: ProfileId, source: SourceName, paths: Sequence[RelPath]) -> AbstractSet[RelPath]:
        """See the port."""
        table = self._session.read.versions.get((profile, source), {})
        return {path for path in paths if table.get(path)}

    def learn(self, profile: ProfileId, versions: Sequence[FileVersion]) -> int:
        """See the port."""
        self._session.require_writing()
        learned = 0
        for version in versions:
            table = self._session.versions_to_write((profile, version.source))
            blank = replace(version, entry=version.entry.without_digest())
            standing = table.get(version.entry.path, ())
            entered = tuple(
                replace(one, entry=replace(one.entry, digest=version.entry.digest))
                if _same_but_until(one, blank)
                else one
                for one in standing
            )
            learned += entered != standing
            if standing:
                table[version.entry.path] = entered
        return learned

    def compact(self, profile: ProfileId, kept: Sequence[int]) -> int:
        """See the port."""
        dropped = 0
        for key in [key for key in self._session.write().versions if key[0] == profile]:
            table = self._session.versions_to_write(key)
            for path, versions in list(table.items()):
                stay = tuple(
                    version
                    for version in versions
                    if version is versions[-1] or any(stands_at(version, seq) for seq in kept)
                )
                dropped += len(versions) - len(stay)
                table[path] = stay
        return dropped

    def drop_below(self, profile: ProfileId, source: SourceName, path: RelPath, *, up_to_seq: int) -> int:
        """See the port."""
        dropped = 0
        table = self._session.versions_to_write((profile, source))
        for one in [one for one in table if is_below(one, path)]:
            stay = tuple(version for version in table[one] if version.since_seq > up_to_seq)
            dropped += len(table[one]) - len(stay)
            table[one] = stay
            if not stay:
                del table[one]
        return dropped

    def forget_profile(self, profile: ProfileId) -> None:
        """See the port."""
        state = self._session.write()
        _drop(state.versions, profile)
        _drop(state.source_states, profile)
        _drop(state.points, profile)
        _drop(state.problems, profile)
        _drop(state.holds, profile)
        _drop(state.acts, profile)
        state.newest_runs.pop(profile, None)
        _drop(state.run_numbers, profile)
        for run in [run for run in state.runs.values() if run.profile == profile]:
            del state.runs[run.id]
            state.removed_increments.discard(run.id)
