"""Reading the catalog: rows to entries, pages by path, ranges of paths, temporary tables."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Select,
    Table,
    and_,
    true,
)

from bck_adapters.sql.path_keys import HEAD_BYTES, PathBytes, by_key, in_order, keyed_by_path
from bck_adapters.sql.session import SqlSession
from bck_adapters.sql.tables import file_version
from bckcore.domain.file_version import EntryKind, FileEntry, FileVersion
from bckcore.domain.ids import SourceName
from bckcore.domain.paths import ROOT, RelPath, is_below

Fetch = Callable[[Select[Any]], Sequence[Any]]
PAGE = 5_000
SECOND_NS = 1_000_000_000
_V = file_version.c
ENTRY = (_V.path, _V.kind, _V.mode, _V.uid, _V.gid, _V.mtime_s, _V.mtime_ns, _V.size, _V.target, _V.digest)
VERSION = (*ENTRY, _V.since_seq, _V.until_seq, _V.excluded)
_KINDS = {kind.value: kind for kind in EntryKind}
_numbers = count(1)


def entry_of(row: Sequence[Any]) -> FileEntry:
    """A row that begins with the columns of ENTRY, as an entry."""
    path, kind, mode, uid, gid, seconds, nanos, size, target, digest = row[:10]
    return FileEntry(path, _KINDS[kind], mode, uid, gid, seconds * SECOND_NS + nanos, size, target, digest)


def version_of(source: SourceName, row: Sequence[Any]) -> FileVersion:
    """A row of VERSION."""
    return FileVersion(
        source=source, entry=entry_of(row), since_seq=row[10], until_seq=row[11], excluded=row[12]
    )


def page_of(
    session: SqlSession,
    query: Select[Any],
    path: ColumnElement[bytes],
    size: int,
    *then: ColumnElement[Any],
    fetch: Fetch | None = None,
) -> Sequence[Any]:
    """The first rows in the order of their paths, which are the first column, and ``then``.

    PostgreSQL's index gives that order as long as no path is longer than its head; then none of those that
    are belongs before the last row.
    """
    rows_of = fetch or (lambda statement: session.execute(statement).all())
    rows = rows_of(query.order_by(by_key(path), *then).limit(size))
    if session.dialect.name == "postgresql" and any(len(row[0]) > HEAD_BYTES for row in rows):
        rows = rows_of(query.order_by(in_order(path), *then).limit(size))
    return rows


def pages(session: SqlSession, query: Select[Any], path: ColumnElement[bytes]) -> Iterator[Any]:
    """The rows of a query by path, fetched page by page: no cursor stays open between two rows.

    So the caller may write in the same transaction while it reads, and may stop at any time.
    The first column of the query is the path, and unique in it.
    """
    page = query
    while True:
        rows = page_of(session, page, path, PAGE)
        yield from rows
        if len(rows) < PAGE:
            return
        page = query.where(path > rows[-1][0])


def path_ranges(below: Sequence[RelPath]) -> list[ColumnElement[bool]]:
    """Conditions that hold for the paths at or below any of ``below``; disjoint, in order of path."""
    if not below or ROOT in below:
        return [true()]
    outer: list[RelPath] = []
    for path in sorted(set(below), key=lambda path: path.split(b"/")):
        if not outer or not is_below(path, outer[-1]):
            outer.append(path)
    ranges: list[tuple[bytes, ColumnElement[bool]]] = [(path, _V.path == path) for path in outer]
    for path in outer:
        first, after = path + b"/", path + b"0"  # "0" is the byte after "/"
        ranges.append((first, and_(_V.path >= first, _V.path < after)))
    return [condition for _, condition in sorted(ranges, key=lambda pair: pair[0])]


def _temporary(name: str, column: Column[Any], key: PrimaryKeyConstraint) -> Table:
    number = next(_numbers)
    return Table(f"{name}_{number}", MetaData(), column, key, prefixes=["TEMPORARY"], sqlite_with_rowid=False)


def seen_table() -> Table:
    """A temporary table of paths, under a name of its own."""
    key = PrimaryKeyConstraint("path").ddl_if(dialect="sqlite")
    table = _temporary("seen", Column("path", PathBytes, nullable=False), key)
    keyed_by_path(table)
    return table


def kept_table() -> Table:
    """A temporary table of run numbers, under a name of its own."""
    return _temporary("kept", Column("seq", Integer, autoincrement=False), PrimaryKeyConstraint("seq"))


def batches(paths: Iterable[RelPath], size: int) -> Iterator[list[RelPath]]:
    """The paths, ``size`` at a time."""
    batch: list[RelPath] = []
    for path in paths:
        batch.append(path)
        if len(batch) >= size:
            yield batch
            batch = []
    if batch:
        yield batch
