"""What goes wrong in DBOS, or on its way to PostgreSQL, becomes errors of the core."""

from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError

from bckcore.errors import BckError, DatabaseUnreachableError, StorageError, TransientError

_FORBIDDEN = "42501"
_MISSING = {"42P01", "3F000"}
_ADVICE = "See the log; 'bck doctor' looks at the database and at the queue."


class TablesMissingError(TransientError):
    """No runner has ever worked with DBOS on this database."""


def as_bck_error(error: Exception) -> BckError:
    """What an error of SQLAlchemy or DBOS means for us."""
    text = str(getattr(error, "orig", None) or error).strip().partition("\n")[0].rstrip(".")
    if isinstance(error, ProgrammingError) and getattr(error.orig, "sqlstate", None) == _FORBIDDEN:
        return StorageError(
            f"DBOS may not make its tables: {text}.",
            meaning="No job is started on this node.",
            advice="Let the database user make the schema: GRANT CREATE ON DATABASE … TO ….",
        )
    if isinstance(error, ProgrammingError) and getattr(error.orig, "sqlstate", None) in _MISSING:
        return TablesMissingError(
            "DBOS has no tables in this database yet.",
            meaning="Jobs wait until a runner makes them.",
            advice="Start one: bck serve",
        )
    lost = isinstance(error, DBAPIError) and error.connection_invalidated
    if lost or isinstance(error, OperationalError):
        return DatabaseUnreachableError(f"The database server does not answer: {text}.")
    return StorageError(f"The queue engine DBOS failed: {text}.", advice=_ADVICE)
