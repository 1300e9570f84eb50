"""Statements that enter changes, row after row, at little cost per row."""

from collections.abc import Sequence
from functools import lru_cache
from operator import itemgetter

from sqlalchemy import (
    BindParameter,
    Insert,
    Update,
    bindparam,
    exists,
    insert,
    literal_column,
    select,
    true,
    update,
)
from sqlalchemy.engine import Dialect

from bck_adapters.sql import bulk
from bck_adapters.sql.catalog_rows import SECOND_NS
from bck_adapters.sql.session import SqlSession
from bck_adapters.sql.tables import file_version
from bckcore.domain.manifest import Change

Row = tuple[object, ...]
_V = file_version.c
_OF_ENDS = ("until_seq", "excluded")
_NAMES = tuple(column.name for column in file_version.columns if column.name not in _OF_ENDS)


def _bound(name: str) -> BindParameter[object]:
    return bindparam(f"b_{name}", type_=_V[name].type)


_end_version = (
    update(file_version)
    .where(_V.source_id == _bound("source_id"), _V.path == _bound("path"))
    .where(_V.until_seq.is_(None), _V.since_seq < _bound("since_seq"))
    .values(until_seq=_bound("since_seq"))
)
_exclude_version = _end_version.values(excluded=true())

_later = file_version.alias("later")
_begin_version = insert(file_version).from_select(
    _NAMES,
    select(*map(_bound, _NAMES)).where(
        ~exists(literal_column("1"))
        .where(_later.c.source_id == _bound("source_id"), _later.c.path == _bound("path"))
        .where(_later.c.since_seq >= _bound("since_seq"))
    ),
)


def end_row(source_id: int, seq: int, change: Change) -> Row:
    """Values for :func:`end_versions` and :func:`exclude_versions`."""
    return source_id, change.entry.path, seq


def version_row(source_id: int, seq: int, change: Change) -> Row:
    """Values for :func:`begin_versions`."""
    e = change.entry
    attributes = (e.kind.value, e.mode, e.uid, e.gid, *divmod(e.mtime_ns, SECOND_NS), e.size)
    return source_id, e.path, seq, *attributes, e.target, e.digest


def end_versions(session: SqlSession, rows: Sequence[Row]) -> None:
    """End the live version of each path, unless it began with this run."""
    if session.dialect.name == "postgresql":
        bulk.end(session, rows)
    else:
        _execute_many(session, _end_version, _NAMES[:3], rows)


def exclude_versions(session: SqlSession, rows: Sequence[Row]) -> None:
    """End them as :func:`end_versions` does, and mark them as left out."""
    if session.dialect.name == "postgresql":
        bulk.end(session, rows, excluded=True)
    else:
        _execute_many(session, _exclude_version, _NAMES[:3], rows)


def begin_versions(session: SqlSession, rows: Sequence[Row]) -> None:
    """Begin versions, unless this run's (or a later one) is there already."""
    if session.dialect.name == "postgresql":
        bulk.begin(session, rows)
    else:
        _execute_many(session, _begin_version, _NAMES, rows)


def _execute_many(
    session: SqlSession, statement: Insert | Update, names: tuple[str, ...], rows: Sequence[Row]
) -> None:
    """One driver call for all rows; SQLAlchemy's own handling would take half of the time."""
    if rows:
        sql, order = _positional(statement, names, session.dialect)
        session.write_driver_many(sql, list(map(itemgetter(*order), rows)))


@lru_cache(maxsize=16)
def _positional(
    statement: Insert | Update, names: tuple[str, ...], dialect: Dialect
) -> tuple[str, tuple[int, ...]]:
    """The statement for the driver, and which value of a row goes to each of its places."""
    compiled = statement.compile(dialect=dialect)
    if not compiled.positiontup:
        raise TypeError("a statement with places was expected")
    return str(compiled), tuple(names.index(name.removeprefix("b_")) for name in compiled.positiontup)
