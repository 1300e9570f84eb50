"""Database errors become errors of the core."""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, SQLAlchemyError

from bckcore.errors import (
    BckError,
    ConflictError,
    DatabaseBusyError,
    DatabaseDamagedError,
    DatabaseUnreachableError,
    StorageError,
    StoreFullError,
)

log = logging.getLogger("bck.sql")

_BUSY = {"40001", "40P01", "55P03", "57014", "25P04"}
"""PostgreSQL: serialization failure, deadlock, lock not available, query cancelled, transaction too long."""
_GONE_CLASSES = ("08", "57P", "53", "58")
"""Connection exceptions, shutdowns and starts, lack of resources, trouble of the system."""
_ROOM = {"53100", "53200"}
_REFUSED = (
    "authentication failed",
    "no password supplied",
    "no pg_hba.conf entry",
    "does not exist",
    "permission denied",
    "could not translate host name",
    "failed to resolve host",
    "SSL",
    "certificate",
)
"""What a server, or the way to it, says when a later try is of no use; it has no code for us then."""

_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT}
_SIGNS = (
    "malformed",
    "not a database",
    "unsupported file format",
    "no such table",
    "no such column",
    "already exists",
    "Could not decode",
)
"""What SQLite says of a file whose schema or texts were harmed, without a code of its own for it."""
_OURS = ("bck_adapters.sql", "sqlalchemy")


def as_bck_error(error: SQLAlchemyError | sqlite3.Error) -> BckError:
    """What the error means for us."""
    original = error.orig if isinstance(error, DBAPIError) else error
    text = str(original)
    if isinstance(original, sqlite3.Error) and is_damage(original):
        return DatabaseDamagedError(f"The database is damaged: {text}.")
    if isinstance(error, IntegrityError):
        return ConflictError(f"The database refused a double or a missing reference: {text}.")
    if getattr(getattr(error, "orig", None), "__module__", "").startswith("psycopg"):
        return _of_postgresql(error, text.strip().rstrip("."))
    if "full" in text:
        return _full()
    if isinstance(error, OperationalError) and ("locked" in text or "busy" in text):
        return _busy()
    return _unusable(text)


def _of_postgresql(error: SQLAlchemyError | sqlite3.Error, text: str) -> BckError:
    original = getattr(error, "orig", None)
    state = getattr(original, "sqlstate", None) or ""
    if state in _ROOM:
        return _full()
    if state in _BUSY:
        return _busy()
    said = text.partition("\n")[0].rstrip(".")  # what follows is advice for people at a terminal of their own
    lost = isinstance(error, DBAPIError) and error.connection_invalidated
    refused = not lost and not state and any(sign in text for sign in _REFUSED)
    nameless = isinstance(error, OperationalError) and not state and not refused
    if lost or nameless or state.startswith(_GONE_CLASSES):
        return DatabaseUnreachableError(f"The database server does not answer: {said}.")
    return _unusable(said)


def _full() -> StoreFullError:
    return StoreFullError("The database has no room left.", advice="Free some space, then try again.")


def _busy() -> DatabaseBusyError:
    return DatabaseBusyError("The database was busy for too long.")


def _unusable(text: str) -> StorageError:
    return StorageError(
        f"The database could not be used: {text}.",
        meaning="Nothing was written.",
        advice="Look at the disk, and at the rights of the file and its folder. If the file itself is "
        "damaged: stop 'bck serve', then bck catalog rebuild",
    )


def is_damage(error: sqlite3.Error) -> bool:
    """True if the file holds what SQLite cannot have written, or less than the schema promises."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is not None and code & 0xFF in _CORRUPT:
        return True
    return any(sign in str(error) for sign in _SIGNS)


def unreadable(what: str, error: BaseException) -> DatabaseDamagedError:
    """A row whose values mean nothing."""
    log.debug("%s cannot be read", what, exc_info=error)
    return DatabaseDamagedError(f"The database is damaged: {what} cannot be read ({type(error).__name__}).")


def raise_for(error: BaseException | None) -> None:
    """Raise ours for an error that left a session: SQLite's own, or one from values that mean nothing."""
    if isinstance(error, SQLAlchemyError | sqlite3.Error):
        raise as_bck_error(error) from error
    wrong = isinstance(error, ValueError | TypeError | LookupError | AttributeError | ArithmeticError)
    if error is not None and wrong and _in_reading(error.__traceback__):
        raise unreadable("a row", error) from error


def _in_reading(trace: TracebackType | None) -> bool:
    """True if it arose while rows became values, and not in the code between."""
    last = ""
    while trace is not None:
        name = trace.tb_frame.f_globals.get("__name__", "")
        if name.startswith(("bckcore", "bck_a", "sqlalchemy")):
            last = name
        trace = trace.tb_next
    return last.startswith(_OURS)


@contextmanager
def translated() -> Iterator[None]:
    """Turn SQLAlchemy's and SQLite's errors into ours."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error) as exc:
        raise as_bck_error(exc) from exc


@contextmanager
def past_sqlalchemy(connection: Connection) -> Iterator[None]:
    """Around what asks the driver itself: its errors become SQLAlchemy's, which :func:`translated` knows."""
    base = connection.dialect.loaded_dbapi.Error
    try:
        yield
    except base as exc:
        raise DBAPIError.instance(None, None, exc, base, dialect=connection.dialect) from exc
