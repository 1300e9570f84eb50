"""SqlCatalog: versions of every path, streamed in and out; memory does not grow with their number."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Table, and_, delete, exists, insert, literal_column, select, update
from sqlalchemy.dialects import sqlite

from bck_adapters.sql import bulk, catalog_check
from bck_adapters.sql.catalog_browse import NO_SOURCE, SqlBrowsing, at_point
from bck_adapters.sql.catalog_rows import (
    ENTRY,
    VERSION,
    batches,
    entry_of,
    kept_table,
    pages,
    path_ranges,
    seen_table,
    version_of,
)
from bck_adapters.sql.catalog_statements import (
    Row,
    begin_versions,
    end_row,
    end_versions,
    exclude_versions,
    version_row,
)
from bck_adapters.sql.tables import act, catalog_source, file_version, hold, point, run, run_problem
from bckcore.domain.file_version import FileEntry, FileVersion
from bckcore.domain.ids import ProfileId, SourceName
from bckcore.domain.manifest import Change, ChangeOp
from bckcore.domain.paths import RelPath
from bckcore.ports.catalog import SourceState

BATCH = 10_000
_V = file_version.c
_S = catalog_source.c
_BLANK = {"fingerprint": "0", "paths": 0, "files": 0, "bytes": 0, "interrupted": True, "known": False}


class SqlCatalog(SqlBrowsing):
    """See the port for every promise. Runs are entered in the order of their numbers."""

    # --- sources ----------------------------------------------------------------------------------

    def source_states(self, profile: ProfileId) -> Mapping[SourceName, SourceState]:
        """See the port."""
        query = select(catalog_source).where(_S.profile == profile, _S.known).order_by(_S.source)
        return {SourceName(row.source): _state_of(row) for row in self._session.execute(query)}

    def save_source_state(self, profile: ProfileId, state: SourceState) -> None:
        """See the port."""
        source_id = self._source_to_write(profile, state.source)
        values = {
            "fingerprint": f"{state.fingerprint:x}",
            "paths": state.paths,
            "files": state.files,
            "bytes": state.bytes,
            "interrupted": state.interrupted,
            "known": True,
        }
        self._session.write(update(catalog_source).where(_S.id == source_id).values(values))

    def _source_to_write(self, profile: ProfileId, source: SourceName) -> int:
        found = self._source(profile, source)
        if found == NO_SOURCE:
            self._session.write(insert(catalog_source), {"profile": profile, "source": source, **_BLANK})
            found = self._source(profile, source)
        return found

    # --- what is live -----------------------------------------------------------------------------

    def live(
        self, profile: ProfileId, source: SourceName, paths: Sequence[RelPath]
    ) -> Mapping[RelPath, FileEntry]:
        """See the port."""
        this = and_(_V.source_id == self._source(profile, source), _V.until_seq.is_(None))
        rows = self._session.execute(select(*ENTRY).where(this, _V.path.in_(paths)))
        return {row[0]: entry_of(row) for row in rows}

    def newest(
        self, profile: ProfileId, source: SourceName, paths: Sequence[RelPath]
    ) -> Mapping[RelPath, FileEntry]:
        """See the port."""
        return catalog_check.newest(self._session, self._source(profile, source), paths)

    def unseen(self, profile: ProfileId, source: SourceName, seen: Iterable[RelPath]) -> Iterator[FileEntry]:
        """See the port."""
        this = and_(_V.source_id == self._source(profile, source), _V.until_seq.is_(None))
        with self._seen(seen) as table:
            seen_here = select(table.c.path).where(table.c.path == _V.path)
            query = select(*ENTRY).where(this, bulk.absent(self._session, seen_here))
            yield from map(entry_of, pages(self._session, query, _V.path))

    def unknown(self, profile: ProfileId, source: SourceName, seen: Iterable[RelPath]) -> Iterator[RelPath]:
        """See the port."""
        this = and_(_V.source_id == self._source(profile, source), _V.until_seq.is_(None))
        with self._seen(seen) as table:
            live_here = select(_V.path).where(this, table.c.path == _V.path)
            query = select(table.c.path).where(bulk.absent(self._session, live_here))
            yield from (row[0] for row in pages(self._session, query, table.c.path))

    @contextmanager
    def _seen(self, paths: Iterable[RelPath]) -> Iterator[Table]:
        table = seen_table()
        self._session.helper(table)
        try:
            if self._session.dialect.name == "postgresql":
                for batch in batches(paths, BATCH):
                    bulk.add_paths(self._session, table, batch)
                bulk.counted(self._session, table)
            else:
                add = sqlite.insert(table).on_conflict_do_nothing()
                for batch in batches(paths, BATCH):
                    self._session.execute(add, [{"path": path} for path in batch])
            yield table
        finally:
            self._session.drop_helper(table)

    # --- changes ----------------------------------------------------------------------------------

    def apply(self, profile: ProfileId, seq: int, changes: Iterable[Change]) -> None:
        """See the port."""
        self._session.require_writing()
        sources: dict[SourceName, int] = {}
        ends: list[Row] = []
        left_out: list[Row] = []
        begins: list[Row] = []
        many = False
        for change in changes:
            if change.op.carries_on:
                continue
            source_id = sources.get(change.source)
            if source_id is None:
                source_id = sources[change.source] = self._source_to_write(profile, change.source)
            ending = left_out if change.op is ChangeOp.EXCLUDED else ends
            ending.append(end_row(source_id, seq, change))
            if not change.op.ends:
                begins.append(version_row(source_id, seq, change))
            if len(ending) >= BATCH:
                self._enter(ends, left_out, begins)
                ends, left_out, begins, many = [], [], [], True
        self._enter(ends, left_out, begins)
        if many and self._session.dialect.name == "postgresql":
            bulk.counted(self._session, file_version)

    def _enter(self, ends: list[Row], left_out: list[Row], begins: list[Row]) -> None:
        exclude_versions(self._session, left_out)
        end_versions(self._session, ends)
        begin_versions(self._session, begins)

    def compact(self, profile: ProfileId, kept: Sequence[int]) -> int:
        """See the port."""
        self._session.require_writing()
        table = kept_table()
        self._session.helper(table)
        try:
            if kept:
                self._session.execute(insert(table), [{"seq": seq} for seq in sorted(set(kept))])
            needed = exists().where(table.c.seq >= _V.since_seq, table.c.seq < _V.until_seq)
            newer = file_version.alias("newer")
            outlived = exists(literal_column("1")).where(
                newer.c.source_id == _V.source_id, newer.c.path == _V.path, newer.c.since_seq > _V.since_seq
            )
            unneeded = delete(file_version).where(
                _V.source_id.in_(self._sources_of(profile)), _V.until_seq.is_not(None), ~needed, outlived
            )
            return self._session.write(unneeded).rowcount
        finally:
            self._session.drop_helper(table)

    def drop_below(self, profile: ProfileId, source: SourceName, path: RelPath, *, up_to_seq: int) -> int:
        """See the port."""
        self._session.require_writing()
        this = and_(_V.source_id == self._source(profile, source), _V.since_seq <= up_to_seq)
        return sum(
            self._session.write(delete(file_version).where(this, condition)).rowcount
            for condition in path_ranges([path])
        )

    def forget_profile(self, profile: ProfileId) -> None:
        """See the port."""
        self._session.write(delete(file_version).where(_V.source_id.in_(self._sources_of(profile))))
        self._session.write(delete(catalog_source).where(_S.profile == profile))
        for table in (run, run_problem, point, hold, act):
            self._session.write(delete(table).where(table.c.profile == profile))

    def _sources_of(self, profile: ProfileId) -> Sequence[int]:
        return self._session.execute(select(_S.id).where(_S.profile == profile)).scalars().all()

    # --- points -----------------------------------------------------------------------------------

    def entries(
        self, profile: ProfileId, seq: int, source: SourceName, below: Sequence[RelPath] = ()
    ) -> Iterator[FileEntry]:
        """See the port."""
        query = select(*ENTRY).where(_V.source_id == self._source(profile, source), at_point(seq))
        for condition in path_ranges(below):
            yield from map(entry_of, pages(self._session, query.where(condition), _V.path))

    def sources_at(self, profile: ProfileId, seq: int) -> Sequence[SourceName]:
        """See the port."""
        any_entry = exists().where(_V.source_id == _S.id, at_point(seq))
        query = select(_S.source).where(_S.profile == profile, any_entry).order_by(_S.source)
        return [SourceName(name) for name in self._session.execute(query).scalars()]

    def versions(self, profile: ProfileId, source: SourceName, path: RelPath) -> Sequence[FileVersion]:
        """See the port."""
        this = and_(_V.source_id == self._source(profile, source), _V.path == path)
        rows = self._session.execute(select(*VERSION).where(this).order_by(_V.since_seq))
        return tuple(version_of(source, row) for row in rows)

    # --- checking ---------------------------------------------------------------------------------

    def history(
        self, profile: ProfileId, source: SourceName, *, after: RelPath | None, limit: int
    ) -> Sequence[FileVersion]:
        """See the port."""
        source_id = self._source(profile, source)
        return catalog_check.history(self._session, source_id, source, after=after, limit=limit)

    def known(self, profile: ProfileId, source: SourceName, paths: Sequence[RelPath]) -> AbstractSet[RelPath]:
        """See the port."""
        return catalog_check.known(self._session, self._source(profile, source), paths)

    def learn(self, profile: ProfileId, versions: Sequence[FileVersion]) -> int:
        """See the port."""
        return sum(
            catalog_check.learn(self._session, self._source(profile, version.source), version)
            for version in versions
        )


def _state_of(row: Any) -> SourceState:
    return SourceState(
        source=SourceName(row.source),
        fingerprint=int(row.fingerprint, 16),
        paths=row.paths,
        files=row.files,
        bytes=row.bytes,
        interrupted=row.interrupted,
    )
