"""The database as plugins offer it: units, queue, migration."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from bck_adapters.sql.engine import READ_ONLY, make_engine
from bck_adapters.sql.errors import translated
from bck_adapters.sql.job_queue import SqlJobQueue
from bck_adapters.sql.soundness import require_whole
from bck_adapters.sql.unit_of_work import SqlUnitOfWork
from bckcore.errors import StorageError
from bckcore.plugins.registry import Database
from bckcore.ports.clock import Clock

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"


def alembic_config() -> "Config":
    """Where the schema steps lie."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def newest_step() -> str:
    """The revision that the last schema step leads to; file names begin with it."""
    return max(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def is_current(engine: Engine) -> bool:
    """True if the schema is at the newest step. Only reads, so it never waits for a writer."""
    try:
        with engine.connect() as connection:
            connection.execution_options(**READ_ONLY)
            found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalars().all()
            require_whole(connection)
    except SQLAlchemyError:  # a new file or no database at all: migrating tells which
        return False
    return list(found) == [newest_step()]


def migrate(engine: Engine) -> None:
    """Bring the schema to the newest step, in one transaction; a second caller waits, then does nothing.

    A schema that is there already costs one read and does not load Alembic.
    """
    if not is_current(engine):
        _upgrade(engine)


def _upgrade(engine: Engine) -> None:
    from alembic import command
    from alembic.util.exc import CommandError

    config = alembic_config()
    try:
        with translated(), engine.begin() as connection:
            require_whole(connection)
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except CommandError as exc:
        raise StorageError(
            f"The database cannot be brought up to date: {exc}.",
            meaning="A newer version of this program may have used it, or it is damaged.",
            advice="Install that version again. If there was none: stop 'bck serve', then "
            "bck catalog rebuild",
        ) from exc


def sql_database(url: str, clock: Clock) -> Database:
    """The database at ``sqlite:///FILE``; call its ``migrate`` before use. Raises InvalidInputError."""
    engine = make_engine(url)
    return Database(
        units=partial(SqlUnitOfWork, engine),
        queue=SqlJobQueue(engine, clock),
        migrate=partial(migrate, engine),
        close=engine.dispose,
    )
