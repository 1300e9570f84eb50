"""PostgreSQL takes many rows as one statement over arrays: a column each, in the driver's binary form."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, Table

from bck_adapters.sql.path_keys import same_sql
from bck_adapters.sql.session import SqlSession
from bck_adapters.sql.tables import file_version

_OF_ENDS = ("until_seq", "excluded")
_TYPES = {
    column.name: str(column.type).replace("BLOB", "bytea")
    for column in file_version.columns
    if column.name not in _OF_ENDS
}
_NAMES = ", ".join(_TYPES)


def _arrays(names: Sequence[str], types: Sequence[str]) -> str:
    """The rows as a table ``r``."""
    places = ", ".join(f"%b::{kind}[]" for kind in types)
    return f"unnest({places}) AS r({', '.join(names)})"


_ENDED = ("source_id", "path", "since_seq")
_END = f"""
UPDATE file_version v SET until_seq = f.since_seq{{more}}
FROM (
    SELECT l.place, r.since_seq FROM {_arrays(_ENDED, [_TYPES[name] for name in _ENDED])}
    CROSS JOIN LATERAL (
        SELECT ctid AS place FROM file_version l
        WHERE l.source_id = r.source_id AND {same_sql("l.path", "r.path")}
            AND l.until_seq IS NULL AND l.since_seq < r.since_seq
        OFFSET 0) l
    OFFSET 0) f
WHERE v.ctid = f.place
"""  # noqa: S608  # names of our own columns
_BEGIN = f"""
INSERT INTO file_version ({_NAMES})
SELECT {_NAMES} FROM {_arrays(list(_TYPES), list(_TYPES.values()))}
WHERE NOT EXISTS (
    SELECT 1 FROM file_version l
    WHERE l.source_id = r.source_id AND {same_sql("l.path", "r.path")} AND l.since_seq >= r.since_seq
    OFFSET 0)
ON CONFLICT DO NOTHING
"""  # noqa: S608  # as above


def end(session: SqlSession, rows: Sequence[Sequence[object]], *, excluded: bool = False) -> None:
    """End live versions; see :func:`bck_adapters.sql.catalog_statements.end_versions`.

    ``OFFSET 0`` lets every row look into the index, as in :func:`begin`; by other plans each batch of a first
    run would sort the whole table. Nobody else writes here meanwhile, so a row stays in its place.
    """
    _run(session, _END.format(more=", excluded = true" if excluded else ""), rows)


def begin(session: SqlSession, rows: Sequence[Sequence[object]]) -> None:
    """Begin versions; ``OFFSET 0`` lets every row look into the index instead of reading the whole table."""
    _run(session, _BEGIN, rows)


def add_paths(session: SqlSession, table: Table, paths: Sequence[bytes]) -> None:
    """Enter paths into a helper table, passing over those that are there."""
    sql = f"INSERT INTO {table.name} SELECT unnest(%b::bytea[]) ON CONFLICT DO NOTHING"  # ours
    session.driver(sql, (list(paths),))


def absent(session: SqlSession, rows: Select[Any]) -> ColumnElement[bool]:
    """True where there are no such rows, looked up one by one in an index.

    PostgreSQL would plan a join, by numbers that are wrong while a table grows in the same transaction, and
    then may compare each row with each; ``OFFSET 0`` keeps it from that.
    """
    return ~(rows.offset(0) if session.dialect.name == "postgresql" else rows).exists()


def counted(session: SqlSession, table: Table) -> None:
    """Let the planner know how many rows a table holds now."""
    session.driver(f"ANALYZE {table.name}")


def _run(session: SqlSession, sql: str, rows: Sequence[Sequence[object]]) -> None:
    if rows:
        session.require_writing()
        session.driver(sql, tuple(map(list, zip(*rows, strict=True))))
