"""A whole database is copied into an empty one, in one transaction, and compared before it counts."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Engine, Table, func, insert, or_, select

from bck_adapters.sql.database import migrate
from bck_adapters.sql.engine import exclusive, reading
from bck_adapters.sql.errors import past_sqlalchemy, translated
from bck_adapters.sql.path_keys import PathBytes, in_order
from bck_adapters.sql.tables import job, metadata
from bckcore.domain.job import JobStatus
from bckcore.errors import ConflictError, StorageError

BATCH = 5_000
Told = Callable[[str, int, int], None]
"""Table, rows entered so far, rows in all."""
TABLES: Sequence[Table] = tuple(metadata.sorted_tables)
"""A table after those it names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CopiedTable:
    """One table, the same on both sides."""

    name: str
    rows: int
    digest: str
    """SHA-256 of all rows in the order of their keys, as the program reads them."""


def copy_database(
    source: Engine,
    target: Engine,
    *,
    told: Told = lambda *_: None,
    switched: Callable[[], None] = lambda: None,
    now: Callable[[], datetime] = lambda: datetime.min.replace(tzinfo=UTC),
) -> Sequence[CopiedTable]:
    """Copy every row. Cut anywhere, the target holds nothing; one that holds the same already is left so.

    The source is brought up to date, locked against writers and otherwise not changed. ``switched`` is
    called when the copy is complete and durable, while the source is still locked: whoever waits to write
    there finds the installation moved. It is not called where the source let writers in meanwhile, for a
    restart or a broken connection takes its locks away: then DatabaseUnreachableError is raised. A job
    runs as long as its lease holds at ``now``; where nobody tells the time, as long as it is said to run.
    Raises ConflictError while one runs or if the target holds something else; StorageError if the two
    differ after copying or one of them refuses what is asked of it; StoreFullError.
    """
    migrate(source)
    with translated(), exclusive(source).connect() as old:
        old.begin()
        _hold_writers_off(old)
        _require_idle(old, now())
        migrate(target)
        with exclusive(target).begin() as new:
            full = any(_count(new, table) for table in TABLES)
            copied = _same(old, new) if full else _copied(old, new, told)
        _require_held(old)
        switched()
        return copied


def copy_would(source: Engine, target: Engine) -> Sequence[CopiedTable]:
    """Count what would be copied, disturbing nobody. Raises ConflictError if the target holds something."""
    migrate(source)
    with translated(), reading(source).connect() as old:
        counts = [CopiedTable(name=table.name, rows=_count(old, table), digest="") for table in TABLES]
        _require_empty(target)
        return counts


def _copied(old: Connection, new: Connection, told: Told) -> Sequence[CopiedTable]:
    copied = [_copy(old, new, table, _count(old, table), told) for table in TABLES]
    _require_same(new, copied)
    _go_on_counting(new)
    _know_what_is_there(new)
    return copied


def _hold_writers_off(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":  # the queue writes without taking the writer's place
        # It says nothing here while the copy is read again, however long that takes.
        connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
        names = ", ".join(f'"{table.name}"' for table in TABLES)
        connection.exec_driver_sql(f"LOCK TABLE {names} IN SHARE MODE")


def _require_held(connection: Connection) -> None:
    """Raise what the driver raises if the transaction, and all its locks with it, is there no more."""
    connection.exec_driver_sql("SELECT 1")


def _require_idle(connection: Connection, now: datetime) -> None:
    held = or_(job.c.lease_until.is_(None), job.c.lease_until > now)  # past it, any runner takes it up
    running = select(job.c.id).where(job.c.status == JobStatus.RUNNING.value, held).limit(1)
    if (found := connection.execute(running).scalar_one_or_none()) is not None:
        raise ConflictError(
            f"Job {found} is running.",
            meaning="What it writes would be missing in the new database. Nothing was changed.",
            advice="Wait until it has ended, or cancel it; 'bck jobs' shows what runs. If its server was "
            "killed, it no longer counts once its lease is over (runner.lease_seconds, a minute).",
        )


def _require_empty(target: Engine) -> None:
    with target.connect() as connection:
        there = set(_tables_in(connection))
        full = [table.name for table in TABLES if table.name in there and _count(connection, table)]
    if full:
        raise _not_empty(full[0])


def _tables_in(connection: Connection) -> Sequence[str]:
    names: Sequence[str] = connection.dialect.get_table_names(connection)
    return names


def _not_empty(table: str) -> ConflictError:
    return ConflictError(
        f"The new database is not empty: its table {table} holds something else.",
        meaning="Copying into it would mix two installations. Nothing was changed.",
        advice="Give a database that was just made.",
    )


def _count(connection: Connection, table: Table) -> int:
    return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


# --- rows -----------------------------------------------------------------------------------------------


def _rows(connection: Connection, table: Table) -> Iterator[Sequence[Any]]:
    """All rows by key, not all of them in memory."""
    keys = (in_order(key) if isinstance(key.type, PathBytes) else key for key in table.primary_key.columns)
    query = select(table).order_by(*keys)
    options = {"stream_results": True, "yield_per": BATCH}
    with connection.execute(query, execution_options=options) as result:
        yield from result


def _batches(rows: Iterator[Sequence[Any]]) -> Iterator[list[Sequence[Any]]]:
    while batch := list(islice(rows, BATCH)):
        yield batch


def _plain(value: object) -> object:
    """A value in a form that is the same whichever database it came from."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict | list):
        return json.dumps(value)
    return value


class _Digest:
    def __init__(self) -> None:
        self.rows = 0
        self._hash = hashlib.sha256()

    def add(self, rows: Sequence[Sequence[Any]]) -> None:
        for row in rows:
            self._hash.update(repr(tuple(map(_plain, row))).encode("utf-8", "surrogatepass"))
        self.rows += len(rows)

    def of(self, table: Table) -> CopiedTable:
        return CopiedTable(name=table.name, rows=self.rows, digest=self._hash.hexdigest())


def _read(connection: Connection, table: Table) -> CopiedTable:
    digest = _Digest()
    for batch in _batches(_rows(connection, table)):
        digest.add(batch)
    return digest.of(table)


def _copy(old: Connection, new: Connection, table: Table, count: int, told: Told) -> CopiedTable:
    digest = _Digest()
    for batch in _batches(_rows(old, table)):
        digest.add(batch)
        _enter(new, table, batch)
        told(table.name, digest.rows, count)
    return digest.of(table)


def _enter(connection: Connection, table: Table, rows: Sequence[Sequence[Any]]) -> None:
    if connection.dialect.name != "postgresql":
        keys = [column.name for column in table.columns]
        connection.execute(insert(table), [dict(zip(keys, row, strict=True)) for row in rows])
        return
    dialect = connection.dialect
    coders = [column.type.dialect_impl(dialect).bind_processor(dialect) for column in table.columns]
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    driver: Any = connection.connection.driver_connection
    into = f'COPY "{table.name}" ({names}) FROM STDIN'
    with past_sqlalchemy(connection), driver.cursor() as cursor, cursor.copy(into) as copy:
        for row in rows:
            copy.write_row([code(value) if code else value for code, value in zip(coders, row, strict=True)])


# --- afterwards -----------------------------------------------------------------------------------------


def _require_same(new: Connection, copied: Sequence[CopiedTable]) -> None:
    for table, there in zip(TABLES, copied, strict=True):
        here = _read(new, table)
        if here != there:
            raise StorageError(
                f"After copying, the table {table.name} is not the same: {there.rows} rows there, "
                f"{here.rows} here.",
                meaning="The copy was thrown away; the present database is in use as before.",
                advice="Report this; it must not happen.",
            )


def _same(old: Connection, new: Connection) -> Sequence[CopiedTable]:
    """What both hold. Raises ConflictError if the target holds something else."""
    found = []
    for table in TABLES:
        here = _read(old, table)
        if _read(new, table) != here:
            raise _not_empty(table.name)
        found.append(here)
    return found


def _go_on_counting(connection: Connection) -> None:
    """Let PostgreSQL number new rows after those that were copied."""
    if connection.dialect.name != "postgresql":
        return
    for table in TABLES:
        column = table.autoincrement_column
        if column is not None and column.autoincrement is True:
            connection.exec_driver_sql(
                f"SELECT setval(pg_get_serial_sequence('{table.name}', '{column.name}'), "  # noqa: S608  # ours
                f'coalesce(max("{column.name}"), 0) + 1, false) FROM "{table.name}"'
            )


def _know_what_is_there(connection: Connection) -> None:
    """Let PostgreSQL plan by what was copied at once, not once its autovacuum has come by."""
    if connection.dialect.name == "postgresql":
        names = ", ".join(f'"{table.name}"' for table in TABLES)
        connection.exec_driver_sql(f"ANALYZE {names}")
