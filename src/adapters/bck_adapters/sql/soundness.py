"""Whether an SQLite file is whole: a short look at every start, a long one for `bck doctor` and rebuilds."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, create_engine, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import StaticPool

from bck_adapters.sql import mapping, tables
from bck_adapters.sql.errors import as_bck_error, is_damage, unreadable
from bckcore.domain.hold import Hold
from bckcore.errors import BckError, DatabaseDamagedError

SMALL_BYTES = 8 * 1024 * 1024
"""A file up to this size is looked through at every start, which takes some milliseconds."""
_ALWAYS = ("host", "profile", "account")
"""Small tables whose rows, if they seemed to be none, would make everything seem new."""
_READ: tuple[tuple[Table, Callable[[Any], object]], ...] = (
    (tables.host, mapping.host_of),
    (tables.profile, mapping.profile_of),
    (tables.run, mapping.run_of),
    (tables.point, mapping.point_of),
    (tables.act, mapping.act_of),
    (tables.hold, lambda row: Hold(**row._mapping)),
    (tables.job, mapping.job_of),
)
_STRANGE = "SELECT 1 FROM file_version WHERE source_id NOT IN (SELECT id FROM catalog_source) LIMIT 1"


def require_whole(connection: Connection) -> None:
    """Raise DatabaseDamagedError if the database, though it opens, lost what it held. Takes milliseconds.

    A file without tables that is longer than one without tables can be has lost them; of one that has
    them, small tables are looked through, and everything where all of it is small.
    """
    if connection.dialect.name != "sqlite":
        return
    pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    size = pages * connection.exec_driver_sql("PRAGMA page_size").scalar_one()
    names = set(connection.exec_driver_sql("SELECT name FROM sqlite_schema WHERE type = 'table'").scalars())
    if not names and pages > 1:
        raise DatabaseDamagedError("The database is damaged: it has lost all its tables.")
    checks = ["quick_check(1)"] if size <= SMALL_BYTES else [f"quick_check('{name}')" for name in _ALWAYS]
    for check in checks:
        found = connection.exec_driver_sql(f"PRAGMA {check}").scalars().first()
        if found != "ok":
            raise DatabaseDamagedError(f"The database is damaged: {_one_line(found)}.")


def damage_of(file: Path, *, newest: str) -> str:
    """What is wrong with the database in the file, in words; empty if nothing. Reads all of it.

    Changes nothing. Raises StorageError where that cannot be told. A file that is missing has no damage.
    Values are looked at only where its schema step is the ``newest``: of an older one nobody knows them.
    """
    if not file.exists():
        return ""
    try:
        with opened_for_reading(file) as connection:
            if damage := _in_structure(connection):
                return damage
            (step,) = connection.execute("SELECT version_num FROM alembic_version").fetchone() or ("",)
            if not str(step).isdigit():
                return f"its schema step is {step!r}"
            return (_in_columns(connection) or _in_values(connection)) if step == newest else ""
    except UnicodeDecodeError:  # SQLite quotes the schema when it complains of it
        return "its schema is no text"
    except sqlite3.Error as exc:
        if is_damage(exc):
            return _one_line(str(exc))
        raise as_bck_error(exc) from exc


@contextmanager
def opened_for_reading(file: Path) -> Iterator[sqlite3.Connection]:
    """The file as it lies there; closing it writes nothing back. Raises sqlite3.Error."""
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        yield connection


def _in_structure(connection: sqlite3.Connection) -> str:
    (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if found != "ok":
        return _one_line(found)
    if (broken := connection.execute("PRAGMA foreign_key_check").fetchone()) is not None:
        return f"a row of {broken[0]} names what is not there"
    return ""


def _in_columns(connection: sqlite3.Connection) -> str:
    """A name in the schema's own text may have changed, which is sound to SQLite."""
    for table in tables.metadata.sorted_tables:
        found = {row[1] for row in connection.execute(f'PRAGMA table_info("{table.name}")')}
        missing = sorted({column.name for column in table.columns} - found)
        if missing:
            return f"no such column: {table.name}.{missing[0]}"
    return ""


def _in_values(connection: sqlite3.Connection) -> str:
    """Of tables that rebuilds read or that hold the only copy of something."""
    if connection.execute(_STRANGE).fetchone() is not None:
        return "versions of files belong to no source"
    engine = create_engine(
        "sqlite://", creator=lambda: connection, poolclass=StaticPool, hide_parameters=True
    )
    with engine.connect() as reading:
        for table, of in _READ:
            try:
                for row in reading.execute(select(table)):
                    of(row)
            except SQLAlchemyError as exc:
                raise getattr(exc, "orig", None) or exc from exc
            except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, BckError) as exc:
                return unreadable(f"a row of the table {table.name}", exc).what
    return ""


def _one_line(text: object) -> str:
    return " ".join(str(text).split()).rstrip(".")
