"""The database as plugins offer it: units, queue, migration."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from bck_adapters.sql.engine import LOCK_SPACE, SCHEMA_LOCK, make_engine, reading
from bck_adapters.sql.errors import translated
from bck_adapters.sql.job_queue import SqlJobQueue
from bck_adapters.sql.node_queue import SqlNodeQueue
from bck_adapters.sql.soundness import require_whole
from bck_adapters.sql.state import recorded_step, state_of
from bck_adapters.sql.unit_of_work import SqlUnitOfWork
from bckcore.domain.secret import Secret
from bckcore.errors import StorageError
from bckcore.plugins.registry import Database
from bckcore.ports.clock import Clock

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"
_SCHEMA_WAIT = "10min"
_OTHER_ORDER = """
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod)
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_collation o ON o.oid = a.attcollation
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND a.attnum > 0
  AND NOT a.attisdropped AND o.collname <> 'C'
"""


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
        with reading(engine).connect() as connection:
            step = recorded_step(connection)
            require_whole(connection)
    except SQLAlchemyError:  # a new file or no database at all: migrating tells which
        return False
    return step == newest_step()


def step_of(engine: Engine) -> str:
    """The revision that the schema is at; empty where there is none."""
    try:
        with reading(engine).connect() as connection:
            return recorded_step(connection)
    except SQLAlchemyError:
        return ""


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
            _alone(connection)
            require_whole(connection)
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            order_by_bytes(connection)
    except CommandError as exc:
        raise StorageError(
            f"The database cannot be brought up to date: {exc}.",
            meaning="A newer version of this program may have used it, or it is damaged.",
            advice="Install that version again. If there was none: stop 'bck serve', then "
            "bck catalog rebuild",
        ) from exc


def _alone(connection: Connection) -> None:
    """Wait until nobody else changes the schema; on SQLite the transaction does that."""
    if connection.dialect.name != "postgresql":
        return
    encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
    if encoding != "UTF8":
        raise StorageError(
            f"The PostgreSQL database has the encoding {encoding}; it must be UTF8.",
            meaning="Names of files and hosts could not be kept in it.",
            advice="Make another one: createdb --encoding=UTF8 --template=template0 NAME.",
        )
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_SCHEMA_WAIT}'")
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK_SPACE}, {SCHEMA_LOCK})")


def order_by_bytes(connection: Connection) -> None:
    """Let texts sort by their bytes, as on SQLite, whatever language the server was set up in."""
    if connection.dialect.name != "postgresql":
        return
    for table, column, kind in connection.exec_driver_sql(_OTHER_ORDER).all():
        connection.exec_driver_sql(  # names of our own tables, which need no care
            f'ALTER TABLE "{table}" ALTER COLUMN "{column}" TYPE {kind} COLLATE "C"'
        )


def sql_database(
    url: str,
    clock: Clock,
    password: Secret[str] | None = None,
    *,
    used: Callable[[], bool] = lambda: True,
) -> Database:
    """The database at ``sqlite:///FILE`` or ``postgresql://…``; call its ``migrate`` before use.

    ``used``: see :func:`bck_adapters.sql.engine.make_engine`. Raises InvalidInputError.
    """
    engine = make_engine(url, password, used=used)
    return Database(
        units=partial(SqlUnitOfWork, engine),
        queue=SqlJobQueue(engine, clock),
        migrate=partial(migrate, engine),
        close=engine.dispose,
        state=lambda: state_of(engine, newest_step()),
        node_queue=partial(SqlNodeQueue, engine, clock),
    )
