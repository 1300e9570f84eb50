"""Database errors become errors of the core."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, SQLAlchemyError

from bckcore.errors import BckError, ConflictError, StorageError, StoreFullError, TransientError


def as_bck_error(error: SQLAlchemyError) -> BckError:
    """What the error means for us."""
    text = str(error.orig) if isinstance(error, DBAPIError) else str(error)
    if isinstance(error, IntegrityError):
        return ConflictError(f"The database refused a double or a missing reference: {text}.")
    if "full" in text:
        return StoreFullError("The database has no room left.", advice="Free some space, then try again.")
    if isinstance(error, OperationalError) and ("locked" in text or "busy" in text):
        return TransientError("The database was busy for too long.", advice="Try again.")
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
