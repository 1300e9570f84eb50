"""Engines: readers each with a frozen view; one unit of work writes at a time, on either database."""

import os
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from bckcore.domain.secret import Secret
from bckcore.errors import DatabaseMovedError, InvalidInputError

BUSY_SECONDS = 30
FROZEN_SECONDS = 600
"""A process that has begun to write and then says nothing for so long is frozen, or cut off: PostgreSQL ends
its transaction, so that others can write. Between two statements the program takes seconds at most."""
READ_ONLY = {"bck_read_only": True}
EXCLUSIVE = {"bck_exclusive": True}
LOCK_SPACE, WRITER_LOCK, SCHEMA_LOCK = 0x62636B, 1, 2
"""Numbers of advisory locks in PostgreSQL: "bck", and what is locked."""
_CACHE_KIB = 32_768
_CONNECT_SECONDS = 10
_SILENT_MS = 30_000
_SESSION = {
    "timezone": "UTC",
    "lock_timeout": BUSY_SECONDS * 1000,
    "idle_in_transaction_session_timeout": FROZEN_SECONDS * 1000,
    "standard_conforming_strings": "on",
    "jit": "off",  # compiling takes longer than any of our questions
    "plan_cache_mode": "force_custom_plan",  # no plan made for an empty table serves a full one
}
_ADVICE = "Use sqlite:////full/path/to/file or postgresql://user@host/name."
_POSTGRESQL = ("postgresql", "postgres")


def make_engine(
    database_url: str, password: Secret[str] | None = None, *, used: Callable[[], bool] = lambda: True
) -> Engine:
    """An engine for ``sqlite:///FILE``, made private, or ``postgresql://…``. Raises InvalidInputError.

    Nothing is asked of a server yet. ``password`` stands in where the address holds none. Once ``used``
    says no, every transaction that begins or commits raises DatabaseMovedError.
    """
    url = parsed_url(database_url)
    if url.get_backend_name() == "postgresql":
        engine = _postgresql_engine(url, password)
    else:
        engine = _sqlite_engine(url, url.database or "")
    _only_while(engine, used)
    return engine


def _only_while(engine: Engine, used: Callable[[], bool]) -> None:
    """Let nobody write into a database that the installation has left.

    Whoever moves it holds off all writers until the settings name the new place. A writer that had waited
    for that has its locks now, and looks here before it commits; so no write is lost.
    """

    def require(_connection: Connection) -> None:
        if not used():
            raise DatabaseMovedError("The installation has moved to another database.")

    event.listen(engine, "begin", require)
    event.listen(engine, "commit", require)


def parsed_url(database_url: str) -> URL:
    """The address, with our driver for PostgreSQL. Raises InvalidInputError; no message holds a password."""
    try:
        url = make_url(database_url)
    except (ArgumentError, ValueError):
        raise InvalidInputError("The setting database.url is no database address.", advice=_ADVICE) from None
    if url.drivername in (*_POSTGRESQL, "postgresql+psycopg"):
        if not url.database:
            raise InvalidInputError(f"{shown(url)} names no database.", advice=_ADVICE)
        return url.set(drivername="postgresql+psycopg")
    if url.drivername != "sqlite" or not url.database or url.database == ":memory:":
        raise InvalidInputError(f"{shown(url)} names no SQLite file.", advice=_ADVICE)
    return url


def shown(url: URL) -> str:
    """The address for people and settings, without any password.

    Raises InvalidInputError for what is no text.
    """
    safe = {name: value for name, value in url.query.items() if "password" not in name.lower()}
    name = url.drivername.replace("postgresql+psycopg", "postgresql")
    bare = URL.create(name, url.username, None, url.host, url.port, url.database, safe)
    try:
        return bare.render_as_string()
    except UnicodeEncodeError:
        raise InvalidInputError(
            "The database address holds bytes that are no UTF-8 text.", advice=_ADVICE
        ) from None


# --- SQLite -------------------------------------------------------------------------------------------


def _sqlite_engine(url: URL, file: str) -> Engine:
    try:
        os.close(os.open(file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    except OSError as exc:
        raise InvalidInputError(f"The database {file} cannot be opened: {exc.strerror}.") from exc
    engine = create_engine(
        url,
        connect_args={"check_same_thread": False, "timeout": BUSY_SECONDS},
        hide_parameters=True,  # an error would quote them, hashes and sealed passwords too
        max_overflow=-1,  # the caller bounds its threads; a bound here would only make them wait
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(dbapi_connection: Any, _record: object) -> None:
    dbapi_connection.isolation_level = None  # the driver starts no transactions, _begin_sqlite does
    for pragma in (
        f"busy_timeout = {BUSY_SECONDS * 1000}",
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        "secure_delete = ON",  # what is wiped is overwritten, also in pages that become free
        f"cache_size = -{_CACHE_KIB}",
    ):
        dbapi_connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    """Writers queue up at their first statement, so that none fails half-way; readers freeze their view."""
    if connection.get_execution_options().get("bck_read_only"):
        connection.exec_driver_sql("BEGIN")
        connection.exec_driver_sql("SELECT count(*) FROM (SELECT 1 FROM sqlite_schema LIMIT 1)").all()
    else:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


# --- PostgreSQL ---------------------------------------------------------------------------------------


def _postgresql_engine(url: URL, password: Secret[str] | None) -> Engine:
    if password is not None and not url.password:
        url = url.set(password=password.reveal())
    try:
        engine = create_engine(
            url,
            connect_args=_connect_args(url),
            hide_parameters=True,  # as above
            max_overflow=-1,
            pool_pre_ping=True,  # after a restart of the server the old connections are found dead here
        )
    except ImportError as exc:
        raise InvalidInputError(
            "PostgreSQL needs the package psycopg, which is not installed.",
            advice="Install it: pip install 'bckwinrsync[server,postgres]'.",
        ) from exc
    event.listen(engine, "begin", _begin_postgresql)
    return engine


def _connect_args(url: URL) -> dict[str, object]:
    wanted: dict[str, object] = {
        "application_name": "bck",
        "client_encoding": "UTF8",
        "connect_timeout": _CONNECT_SECONDS,
        "tcp_user_timeout": _SILENT_MS,  # a server that vanished is noticed, also in the middle of a wait
    }
    args = {name: value for name, value in wanted.items() if name not in url.query}
    own = " ".join(f"-c {name}={value}" for name, value in _SESSION.items())
    given = url.query.get("options", "")
    args["options"] = f"{own} {given if isinstance(given, str) else ' '.join(given)}".strip()
    return args


def _begin_postgresql(connection: Connection) -> None:
    """Units that write queue up here, so that none fails half-way; readers freeze their view."""
    options = connection.get_execution_options()
    if options.get("bck_read_only"):
        # The first statement takes the view; a reader holds nobody up, however long it looks.
        connection.exec_driver_sql("SELECT set_config('idle_in_transaction_session_timeout', '0', true)")
    elif options.get("bck_exclusive"):
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK_SPACE}, {WRITER_LOCK})")


def reading(engine: Engine) -> Engine:
    """The engine for transactions that only read, each with a view frozen at its beginning.

    PostgreSQL is not told that they only read: comparisons fill temporary tables, which it would refuse.
    """
    if engine.dialect.name == "postgresql":
        return engine.execution_options(**READ_ONLY, isolation_level="REPEATABLE READ")
    return engine.execution_options(**READ_ONLY)


def exclusive(engine: Engine) -> Engine:
    """The engine for transactions of which one at a time writes; SQLite knows no others."""
    return engine.execution_options(**EXCLUSIVE)
