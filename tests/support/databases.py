"""Databases for tests: in memory, in a SQLite file, on a PostgreSQL server of the tests' own."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import settings

from bck_adapters.clock import SystemClock
from bck_adapters.memory import MemoryDatabase
from bck_adapters.sql import sql_database
from bckcore.plugins.registry import Database
from bckcore.ports.clock import Clock
from tests.support.postgresql import shared_server

MakeDatabase = Callable[[Clock, Path], Database]


def memory_database(clock: Clock, folder: Path) -> Database:
    """A new, empty one; ``folder`` stays empty."""
    return MemoryDatabase(clock).as_database()


def sqlite_database(clock: Clock, folder: Path) -> Database:
    """The one in ``folder``, made if there is none."""
    database = sql_database(seeded(folder / "test.db"), clock)
    database.migrate()
    return database


def seeded(file: Path) -> str:
    """The address of a SQLite database, made at the newest schema step if there is none."""
    if not file.exists():
        file.write_bytes(_new_file())
        file.chmod(0o600)
    return f"sqlite:///{file}"


@cache
def _new_file() -> bytes:
    """An empty database at the newest schema step: all steps take a while, and tests need many databases."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "new.db"
        database = sql_database(f"sqlite:///{file}", SystemClock())
        database.migrate()
        database.close()
        return file.read_bytes()


def postgresql_database(clock: Clock, folder: Path) -> Database:
    """The one that stands for ``folder``, made if there is none; :func:`forgotten` drops it."""
    database = sql_database(shared_server().database_of(folder), clock)
    database.migrate()
    return database


@contextmanager
def address_of(kind: str, folder: Path) -> Iterator[str]:
    """The address of a database of that kind for a test in ``folder``; our schema may be there already."""
    if kind == "sqlite":
        yield seeded(folder / "test.db")
        return
    yield shared_server().database_of(folder)
    shared_server().forget(folder)


def few_examples(slower: int = 8) -> int:
    """How many runs of a state machine a database takes in the time of many in memory: it is ``slower``."""
    return (settings.default or settings()).max_examples // slower


def forgotten(folder: Path) -> None:
    """Drop what :func:`postgresql_database` made for the folder; nothing otherwise."""
    if shared_server.cache_info().currsize:
        shared_server().forget(folder)
