"""Databases for tests: one in memory, one in a SQLite file."""

from collections.abc import Callable
from pathlib import Path

from bck_adapters.memory import MemoryDatabase
from bck_adapters.sql import sql_database
from bckcore.plugins.registry import Database
from bckcore.ports.clock import Clock

MakeDatabase = Callable[[Clock, Path], Database]


def memory_database(clock: Clock, folder: Path) -> Database:
    """A new, empty one; ``folder`` stays empty."""
    return MemoryDatabase(clock).as_database()


def sqlite_database(clock: Clock, folder: Path) -> Database:
    """The one in ``folder``, made if there is none."""
    database = sql_database(f"sqlite:///{folder / 'test.db'}", clock)
    database.migrate()
    return database
