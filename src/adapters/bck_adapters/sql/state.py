"""What `bck db status` and `bck doctor` tell of a database."""

import os

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from bck_adapters.sql.engine import reading, shown
from bck_adapters.sql.errors import translated
from bckcore.plugins.registry import DatabaseState

_UNSAFE = {
    "fsync": "a power cut may destroy the whole database",
    "full_page_writes": "a power cut may destroy pages of the database",
    "synchronous_commit": "a power cut may take back what was said to be done",
}


def state_of(engine: Engine, newest: str) -> DatabaseState:
    """Look at the database. Changes nothing. Raises TransientError or StorageError if it does not answer."""
    with translated(), reading(engine).connect() as connection:
        step = _step(connection)
        if engine.dialect.name == "postgresql":
            return _of_postgresql(connection, step, newest)
        return _of_sqlite(connection, step, newest)


def recorded_step(connection: Connection) -> str:
    """The revision that the schema is at. Raises SQLAlchemyError where there is none."""
    return str(connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one())


def _step(connection: Connection) -> str:
    try:
        with connection.begin_nested():
            return recorded_step(connection)
    except SQLAlchemyError:  # nothing of ours is in it yet
        if connection.invalidated:
            raise
        return ""


def _of_postgresql(connection: Connection, step: str, newest: str) -> DatabaseState:
    notes = []
    for name, harm in _UNSAFE.items():
        if (value := _shown(connection, name)) == "off":
            notes.append(f"{name} is {value}: {harm}. Set it to on in postgresql.conf.")
    return DatabaseState(
        kind="postgresql",
        address=shown(connection.engine.url),
        version=_shown(connection, "server_version"),
        step=step,
        newest_step=newest,
        size_bytes=int(
            connection.exec_driver_sql("SELECT pg_database_size(current_database())").scalar_one()
        ),
        warnings=tuple(notes),
    )


def _shown(connection: Connection, name: str) -> str:
    return str(connection.exec_driver_sql(f"SHOW {name}").scalar_one())


def _of_sqlite(connection: Connection, step: str, newest: str) -> DatabaseState:
    file = connection.engine.url.database or ""
    sizes = [os.stat(file + end).st_size for end in ("", "-wal") if os.path.exists(file + end)]
    return DatabaseState(
        kind="sqlite",
        address=shown(connection.engine.url),
        version=str(connection.exec_driver_sql("SELECT sqlite_version()").scalar_one()),
        step=step,
        newest_step=newest,
        size_bytes=sum(sizes),
        warnings=(),
    )
