"""An installation moves to another database, as a whole or not at all."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bck_adapters.sql.copying import CopiedTable, Told
from bck_adapters.sql.database import migrate, newest_step, step_of
from bck_adapters.sql.engine import make_engine
from bck_apps.wiring.application import Application
from bck_apps.wiring.database import (
    PASSWORD_REF,
    DatabasePlace,
    database_place,
    move_database,
    put_aside,
    switch,
)
from bck_apps.wiring.rescue import require_database
from bck_apps.wiring.settings import FILE_NAME
from bckcore.domain.ids import SecretRef
from bckcore.errors import DatabaseUnreachableError, RefusedError

_VARIABLES = (
    "BCK_DATABASE__URL",
    "BCK_DATABASE__PASSWORD_FILE",
    "BCK_DATABASE__PASSWORD_REF",
    "BCK_DATABASE__GENERATION",
    "BCK_DATABASE",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What a move did, or would do."""

    old: str
    new: str
    tables: Sequence[CopiedTable]
    dry_run: bool
    put_aside: Path | None = None
    """The new name of the SQLite file, which holds what it held."""


def move_installation(
    application: Application, target: DatabasePlace, *, told: Told, dry_run: bool = False
) -> Moved:
    """Copy the database, compare, then write the new place into the settings.

    The caller holds the ServeLock, but for a dry run, has not used the application's database, and closes the
    application afterwards. Cut anywhere, the installation uses one of the two, and each is whole; repeated,
    it goes on. A process that has opened the old one writes nothing there any more.
    Raises RefusedError, ConflictError, InvalidInputError, StorageError, TransientError.
    """
    _require_movable(application, target)
    source = _present_place(application)

    def switched() -> None:
        if target.password is not None:
            application.container.bare_vault().put(PASSWORD_REF, target.password)
        switch(
            application.home / FILE_NAME,
            target.url,
            password_ref=PASSWORD_REF if target.password else "",
            generation=application.settings.database.generation + 1,
        )

    try:
        tables = move_database(source, target, told=told, switched=None if dry_run else switched)
    except DatabaseUnreachableError as error:
        raise DatabaseUnreachableError(
            error.what,
            meaning=f"Nothing was changed: the installation goes on with {source.url}.",
            advice=f"See whether a server answers at {target.url} and lets this user in; then say it again.",
        ) from error
    if dry_run:
        return Moved(old=source.url, new=target.url, tables=tables, dry_run=True)
    return Moved(old=source.url, new=target.url, tables=tables, dry_run=False, put_aside=put_aside(source))


def _require_movable(application: Application, target: DatabasePlace) -> None:
    given = [name for name in _VARIABLES if name in os.environ]
    if given:
        raise RefusedError(
            f"The environment variable {given[0]} says where the database is.",
            meaning="It wins over the settings file, so that moving would have no effect.",
            advice="Unset it, and write into settings.toml where the database is now.",
        )
    if application.settings.queue.engine == "dbos" and not target.url.startswith("postgresql"):
        raise RefusedError(
            f"The queue's engine is DBOS, which cannot work on {target.url}.",
            meaning="Nothing was changed.",
            advice='Set queue.engine to "embedded" first; no job is lost by that.',
        )


def upgrade_installation(application: Application) -> tuple[str, str]:
    """Bring the schema of the database to the newest step; the step before, empty for none, and that one.

    Every opening of the database does so; here somebody can do it at a time of their own, and see it. The
    application's database has not been used before. Raises StorageError, DatabaseDamagedError,
    TransientError; then the schema is as it was.
    """
    place = _present_place(application)
    require_database(application.home, place.url)
    engine = make_engine(place.url, place.password)
    try:
        before = step_of(engine)
        migrate(engine)
        return before, newest_step()
    finally:
        engine.dispose()


def _present_place(application: Application) -> DatabasePlace:
    context, settings = application.container.context(), application.settings.database
    place = database_place(context.database_url)
    password = place.password or context.database_password
    if settings.password_ref and password is None:
        password = application.container.bare_vault().get(SecretRef(settings.password_ref))
    return replace(place, password=password)
