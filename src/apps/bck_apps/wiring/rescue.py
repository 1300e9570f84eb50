"""What is wrong with an installation's database, and a new one in its place."""

from dataclasses import dataclass
from pathlib import Path

from bck_adapters.clock import SystemClock
from bck_adapters.sql.rescue import Rescued, file_of, harm_of, loss_of, rescued
from bck_apps.wiring.settings import FILE_NAME, Settings, load
from bckcore.errors import DatabaseDamagedError

__all__ = ["Rescue", "Rescued", "database_damage", "database_url", "needed_rescue", "require_database"]


def database_url(home: Path, settings: Settings) -> str:
    """Where the database is: what the settings say, else a file in the home."""
    return settings.database.url or f"sqlite:///{home / 'bck.sqlite3'}"


def require_database(home: Path, url: str) -> None:
    """Raise DatabaseDamagedError where an installation was made and its database is gone or empty.

    Otherwise a new one would be made in silence, and everything would seem never to have been.
    """
    file = file_of(url)
    if file is not None and (home / FILE_NAME).exists() and (loss := loss_of(file)):
        raise DatabaseDamagedError(f"The database is lost: {loss}.")


def database_damage(home: Path, settings: Settings) -> str:
    """What a long look finds wrong, in words; empty if nothing, or if it is no file."""
    file = file_of(database_url(home, settings))
    return "" if file is None else harm_of(file)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescue:
    """A database that has to be replaced. Nothing has been changed so far."""

    file: Path
    damage: str

    def carry_out(self) -> Rescued:
        """Set it aside and make a new one. Raises ConflictError while it is in use, StorageError."""
        return rescued(self.file, self.damage, SystemClock())


def needed_rescue(home: Path) -> Rescue | None:
    """What must be done before a catalog can be rebuilt; None if the database is whole."""
    file = file_of(database_url(home, load(home)))
    damage = "" if file is None else harm_of(file)
    return Rescue(file=file, damage=damage) if file is not None and damage else None
