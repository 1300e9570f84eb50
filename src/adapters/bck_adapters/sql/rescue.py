"""A new database in the place of a damaged one, which is set aside and never deleted."""

import fcntl
import os
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from bck_adapters.sql.database import newest_step, sql_database
from bck_adapters.sql.soundness import damage_of, opened_for_reading
from bckcore.domain.access import Role, User
from bckcore.errors import ConflictError, StorageError
from bckcore.ports.clock import Clock

_FELLOWS = ("-wal", "-shm")
_LOCK_START, _LOCK_BYTES = 0x40000002, 510
"""What SQLite locks of a file while somebody has it open; what the file holds does not matter for that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescued:
    """What became of a damaged database."""

    damage: str
    set_aside: Path | None
    """Where the old file lies now, if there was one."""
    accounts: tuple[str, ...]
    """Names of those that the new one has from the old one."""


def file_of(url: str) -> Path | None:
    """The file of an SQLite address; None for other databases, and for what is no address."""
    try:
        database = make_url(url).database if url.startswith("sqlite") else None
    except ArgumentError:
        return None
    return Path(database) if database else None


def loss_of(file: Path) -> str:
    """In words, that the file is missing or empty; else empty. Costs one look at the folder."""
    try:
        return "" if file.stat().st_size else f"{file} is empty"
    except FileNotFoundError:
        return f"{file} is not there"
    except OSError as exc:
        raise StorageError(f"The database {file} cannot be looked at: {exc.strerror}.") from exc


def harm_of(file: Path) -> str:
    """What is wrong with the database, loss included; empty if nothing. Reads all of it."""
    return loss_of(file) or damage_of(file, newest=newest_step())


def rescued(file: Path, damage: str, clock: Clock) -> Rescued:
    """Put a new database in the file's place, with the accounts of the old one if they all read whole.

    Raises ConflictError while somebody has the old one open. Killed anywhere, it leaves the old file or
    the new one under the name, and the old one is never lost.
    """
    _require_unused(file)
    accounts = _accounts(file)
    new = file.with_name(f"{file.name}.new")
    try:
        for left in (new, *_fellows(new)):
            left.unlink(missing_ok=True)
        _make(new, accounts, clock)
        aside = _set_aside(file, clock.now())
        new.replace(file)
        _flush(file.parent)
    except OSError as exc:
        raise StorageError(
            f"A new database cannot be put in the place of {file}: {exc.strerror}.",
            meaning="The old file is kept.",
            advice="Make room there, look at the rights of the folder, then say it again.",
        ) from exc
    return Rescued(damage=damage, set_aside=aside, accounts=tuple(user.name for user in accounts))


def _require_unused(file: Path) -> None:
    try:
        handle = os.open(file, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB, _LOCK_BYTES, _LOCK_START)
    except (BlockingIOError, PermissionError):
        raise ConflictError(
            f"The damaged database {file} is in use.",
            meaning="What uses it would go on writing into the damaged one. Nothing was changed.",
            advice="Stop 'bck serve' and wait for other commands to end, then say it again.",
        ) from None
    finally:
        os.close(handle)


def _accounts(file: Path) -> Sequence[User]:
    """All accounts, or none where there is any doubt about one of them. Changes nothing."""
    if loss_of(file):
        return ()
    try:
        with opened_for_reading(file) as connection:
            if connection.execute("PRAGMA quick_check('account')").fetchone() != ("ok",):
                return ()
            rows = connection.execute("SELECT name, role, password_hash, created FROM account").fetchall()
        return [_account(*row) for row in rows]
    except (sqlite3.Error, ValueError, TypeError):
        return ()


def _account(name: str, role: str, password_hash: str, created: str) -> User:
    if not (name.isprintable() and password_hash.isascii() and password_hash.startswith("$argon2")):
        raise ValueError("not what was written")
    at = datetime.fromisoformat(created).replace(tzinfo=UTC)
    return User(name=name, role=Role(role), password_hash=password_hash, created=at)


def _make(file: Path, accounts: Sequence[User], clock: Clock) -> None:
    database = sql_database(f"sqlite:///{file}", clock)
    try:
        database.migrate()
        with database.units() as uow:
            for user in accounts:
                uow.users.add(user)
            uow.commit()
    finally:
        database.close()


def _set_aside(file: Path, now: datetime) -> Path | None:
    """Give the old file a second name, and its log no other one; the name itself is then replaced."""
    if not any(os.path.lexists(path) for path in (file, *_fellows(file))):
        return None
    stamp = f"{now:%Y%m%dT%H%M%SZ}"
    names = [stamp, *(f"{stamp}-{number}" for number in range(2, 1000))]
    aside = next(
        path for name in names if not os.path.lexists(path := file.with_name(f"{file.name}.damaged-{name}"))
    )
    if os.path.lexists(file):
        aside.hardlink_to(file)
    for fellow, other in zip(_fellows(file), _fellows(aside), strict=True):
        if os.path.lexists(fellow):
            fellow.rename(other)
    return aside


def _fellows(file: Path) -> list[Path]:
    return [file.with_name(file.name + end) for end in _FELLOWS]


def _flush(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
