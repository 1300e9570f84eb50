"""The engine: one way to write at a time, any number of readers, each with a frozen view."""

import os
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from bckcore.errors import InvalidInputError

BUSY_SECONDS = 30
READ_ONLY = {"bck_read_only": True}
_CACHE_KIB = 32_768
_ADVICE = "Use sqlite:////full/path/to/file."


def make_engine(database_url: str) -> Engine:
    """An engine for ``sqlite:///FILE``; the file is made private. Raises InvalidInputError."""
    try:
        url = make_url(database_url)
    except ArgumentError as exc:
        raise InvalidInputError(f"{database_url!r} is no database address.", advice=_ADVICE) from exc
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        raise InvalidInputError(f"{url.render_as_string()} names no SQLite file.", advice=_ADVICE)
    return _sqlite_engine(url, url.database)


def _sqlite_engine(url: URL, file: str) -> Engine:
    try:
        os.close(os.open(file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    except OSError as exc:
        raise InvalidInputError(f"The database {file} cannot be opened: {exc.strerror}.") from exc
    engine = create_engine(
        url,
        connect_args={"check_same_thread": False, "timeout": BUSY_SECONDS},
        max_overflow=-1,  # the caller bounds its threads; a bound here would only make them wait
    )
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(dbapi_connection: Any, _record: object) -> None:
    dbapi_connection.isolation_level = None  # the driver starts no transactions, _begin does
    for pragma in (
        f"busy_timeout = {BUSY_SECONDS * 1000}",
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        f"cache_size = -{_CACHE_KIB}",
    ):
        dbapi_connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    """Writers queue up at their first statement, so that none fails half-way; readers freeze their view."""
    if connection.get_execution_options().get("bck_read_only"):
        connection.exec_driver_sql("BEGIN")
        connection.exec_driver_sql("SELECT count(*) FROM (SELECT 1 FROM sqlite_schema LIMIT 1)").all()
    else:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
