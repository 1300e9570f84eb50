"""What of this machine belongs to this installation."""

from pathlib import Path

from bck_adapters.sql.rescue import file_of
from bck_adapters.storage_fs import FsOwnGround
from bck_apps.wiring.rescue import database_url
from bck_apps.wiring.settings import Settings


def own_ground(home: Path, settings: Settings, runtime_dir: Path) -> FsOwnGround:
    """Storage, home, keys that are in use, database and its password; logs may be read, and not written."""
    places = (settings.storage.root, home, runtime_dir, *private_files(home, settings))
    log = settings.logging.file
    return FsOwnGround(private=places, unwritten=[Path(log)] if log else [])


def private_files(home: Path, settings: Settings) -> list[Path]:
    """What the settings keep elsewhere than in the home folder."""
    files = (file_of(database_url(home, settings)), settings.database.password_file)
    return [file for file in files if file is not None]
