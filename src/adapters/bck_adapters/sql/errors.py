"""Database errors become errors of the core."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, SQLAlchemyError

from bckcore.errors import (
    BckError,
    ConflictError,
    DatabaseUnreachableError,
    StorageError,
    StoreFullError,
    TransientError,
)

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


def as_bck_error(error: SQLAlchemyError) -> BckError:
    """What the error means for us."""
    text = str(error.orig) if isinstance(error, DBAPIError) else str(error)
    if isinstance(error, IntegrityError):
        return ConflictError(f"The database refused a double or a missing reference: {text}.")
    if getattr(getattr(error, "orig", None), "__module__", "").startswith("psycopg"):
        return _of_postgresql(error, text.strip().rstrip("."))
    if "full" in text:
        return _full()
    if isinstance(error, OperationalError) and ("locked" in text or "busy" in text):
        return _busy()
    return _unusable(text)


def _of_postgresql(error: SQLAlchemyError, text: str) -> BckError:
    original = getattr(error, "orig", None)
    state = getattr(original, "sqlstate", None) or ""
    if state in _ROOM:
        return _full()
    if state in _BUSY:
        return _busy()
    lost = isinstance(error, DBAPIError) and error.connection_invalidated
    refused = not lost and not state and any(sign in text for sign in _REFUSED)
    nameless = isinstance(error, OperationalError) and not state and not refused
    if lost or nameless or state.startswith(_GONE_CLASSES):
        return DatabaseUnreachableError(f"The database server does not answer: {text}.")
    return _unusable(text)


def _full() -> StoreFullError:
    return StoreFullError("The database has no room left.", advice="Free some space, then try again.")


def _busy() -> TransientError:
    return TransientError("The database was busy for too long.", advice="Try again.")


def _unusable(text: str) -> StorageError:
    return StorageError(
        f"The database could not be used: {text}.",
        meaning="Nothing was written.",
        advice="Look at `bck doctor`.",
    )


@contextmanager
def translated() -> Iterator[None]:
    """Turn SQLAlchemy's errors into ours."""
    try:
        yield
    except SQLAlchemyError as exc:
        raise as_bck_error(exc) from exc
