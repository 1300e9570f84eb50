"""What checks and runs ask of the past: histories of paths, page by page, newest states, learned digests."""

from collections.abc import Sequence

from sqlalchemy import and_, exists, select, update

from bck_adapters.sql.catalog_rows import ENTRY, SECOND_NS, VERSION, entry_of, page_of, version_of
from bck_adapters.sql.session import SqlSession
from bck_adapters.sql.tables import file_version
from bckcore.domain.file_version import FileEntry, FileVersion
from bckcore.domain.ids import SourceName
from bckcore.domain.paths import RelPath

_V = file_version.c


def history(
    session: SqlSession, source_id: int, source: SourceName, *, after: RelPath | None, limit: int
) -> list[FileVersion]:
    """See the port."""
    query = select(*VERSION).where(_V.source_id == source_id)
    page = query if after is None else query.where(_V.path > after)
    rows = page_of(session, page, _V.path, limit + 1, _V.since_seq)
    if len(rows) > limit:  # the last path may go on in the next page
        last = rows[-1].path
        whole = [row for row in rows if row.path != last]
        rows = whole or session.execute(query.where(_V.path == last).order_by(_V.since_seq)).all()
    return [version_of(source, row) for row in rows]


def known(session: SqlSession, source_id: int, paths: Sequence[RelPath]) -> frozenset[RelPath]:
    """See the port."""
    query = select(_V.path).where(_V.source_id == source_id, _V.path.in_(paths)).distinct()
    return frozenset(session.execute(query).scalars())


def newest(session: SqlSession, source_id: int, paths: Sequence[RelPath]) -> dict[RelPath, FileEntry]:
    """See the port."""
    later = file_version.alias("later")
    outlived = exists().where(
        later.c.source_id == _V.source_id, later.c.path == _V.path, later.c.since_seq > _V.since_seq
    )
    query = select(*ENTRY).where(_V.source_id == source_id, _V.path.in_(paths), ~outlived)
    return {row[0]: entry_of(row) for row in session.execute(query)}


def learn(session: SqlSession, source_id: int, version: FileVersion) -> int:
    """Enter one digest; how many rows took it."""
    entry = version.entry
    seconds, nanos = divmod(entry.mtime_ns, SECOND_NS)
    this = and_(
        _V.source_id == source_id,
        _V.path == entry.path,
        _V.since_seq == version.since_seq,
        _V.size == entry.size,
        _V.mtime_s == seconds,
        _V.mtime_ns == nanos,
        _V.digest == b"",
    )
    return int(session.write(update(file_version).where(this).values(digest=entry.digest)).rowcount)
