"""An installation moves to another database, as a whole or not at all."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from bck_adapters.sql.copying import CopiedTable, Told
from bck_adapters.sql.database import migrate, newest_step, step_of
from bck_adapters.sql.engine import make_engine
from bck_apps.wiring.application import Application, open_application
from bck_apps.wiring.database import (
    PASSWORD_REF,
    DatabasePlace,
    database_place,
    move_database,
    password_ref,
    put_aside,
    switch,
)
from bck_apps.wiring.rescue import require_database
from bck_apps.wiring.settings import FILE_NAME, database_variable
from bckcore.domain.audit import Action
from bckcore.domain.ids import SecretRef
from bckcore.errors import BckError, DatabaseUnreachableError, RefusedError

log = logging.getLogger("bck")


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
    require_database(application.home, source.url)
    generation = application.settings.database.generation + 1
    ref = password_ref(generation) if target.password else ""
    enter = partial(switch, application.home / FILE_NAME, target.url, password_ref=ref, generation=generation)
    enter(dry_run=True)

    def switched() -> None:
        if target.password is not None:  # beside the old one, which counts until the settings are changed
            application.container.bare_vault().put(SecretRef(ref), target.password)
        enter()

    try:
        change = None if dry_run else switched
        tables = move_database(source, target, told=told, switched=change, now=application.clock.now)
    except DatabaseUnreachableError as error:
        raise _unreachable(error, source, target, moved=application.moved) from error
    if dry_run:
        return Moved(old=source.url, new=target.url, tables=tables, dry_run=True)
    moved = Moved(old=source.url, new=target.url, tables=tables, dry_run=False)
    _tell_moved(application, moved)
    _forget_password(application, ref)
    return replace(moved, put_aside=put_aside(source))


def _unreachable(
    error: DatabaseUnreachableError, source: DatabasePlace, target: DatabasePlace, *, moved: bool
) -> DatabaseUnreachableError:
    if moved:  # the copy was complete and durable before the settings were changed
        return DatabaseUnreachableError(
            error.what,
            meaning=f"The installation has moved to {target.url}; nothing is lost.",
            advice=f"Nothing is to be done; what is at {source.url} is in use no more.",
        )
    return DatabaseUnreachableError(
        error.what,
        meaning=f"Nothing was changed: the installation goes on with {source.url}.",
        advice=f"See whether {source.url} and {target.url} answer and let this user in; then say it again.",
    )


def _tell_moved(application: Application, moved: Moved) -> None:
    """Enter it where the audit log goes on; what cannot be entered goes to the server's log as an error."""
    try:
        with open_application(application.home) as anew, anew.witness.acting(application.witness.actor):
            anew.evidence.tell(Action.DATABASE_MOVED, old=moved.old, new=moved.new)
    except BckError as error:
        log.error("the move is not entered into the audit log: %s", error)


def _forget_password(application: Application, used: str) -> None:
    """Take the password of the database before out of the vault, if it is one of those that we put there."""
    database = application.settings.database
    before = database.password_ref
    if before != used and before in (PASSWORD_REF, password_ref(database.generation)):
        application.container.bare_vault().delete(SecretRef(before))


def _require_movable(application: Application, target: DatabasePlace) -> None:
    if given := database_variable():
        raise RefusedError(
            f"The environment variable {given} says where the database is.",
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
