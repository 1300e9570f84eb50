"""The database as plugins offer it: units, queue, migration."""

from functools import partial
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy import Engine

from bck_adapters.sql.engine import make_engine
from bck_adapters.sql.errors import translated
from bck_adapters.sql.job_queue import SqlJobQueue
from bck_adapters.sql.unit_of_work import SqlUnitOfWork
from bckcore.errors import StorageError
from bckcore.plugins.registry import Database
from bckcore.ports.clock import Clock

MIGRATIONS = Path(__file__).parent / "migrations"


def alembic_config() -> Config:
    """Where the schema steps lie."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def migrate(engine: Engine) -> None:
    """Bring the schema to the newest step, in one transaction; a second caller waits, then does nothing."""
    config = alembic_config()
    try:
        with translated(), engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except CommandError as exc:
        raise StorageError(
            f"The database cannot be brought up to date: {exc}.",
            meaning="A newer version of this program may have used it.",
            advice="Install that version again.",
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
