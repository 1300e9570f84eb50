"""Database errors become errors of the core."""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, SQLAlchemyError

from bckcore.errors import (
    BckError,
    ConflictError,
    DatabaseDamagedError,
    StorageError,
    StoreFullError,
    TransientError,
)

log = logging.getLogger("bck.sql")

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
    if "full" in text:
        return StoreFullError("The database has no room left.", advice="Free some space, then try again.")
    if isinstance(error, OperationalError) and ("locked" in text or "busy" in text):
        return TransientError("The database was busy for too long.", advice="Try again.")
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
