"""The history machine over the memory transport, which has rsync's faults; and proof that it finds bugs."""

from typing import cast

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from bck_adapters.memory import MemoryDatabase, SettableClock
from bck_adapters.memory.hosts import MemoryHost
from bck_adapters.memory.transport import MemoryTransport
from bck_adapters.storage_fs import FsStorage
from bckcore.plugins.registry import Database
from bckcore.ports.transport import Transport
from tests.property.history.faults import FoldsNewestWins, GoneBySetDifference, MergesInTheWrongDirection
from tests.property.history.machine import HistoryMachine, Tree, lives
from tests.property.history.power import PowerMachine
from tests.support.databases import forgotten, postgresql_database, sqlite_database
from tests.support.house import PC, House
from tests.support.patience import later
from tests.support.power import MainsStorage
from tests.support.worlds import World, world_of_memory

DOCS_PATH = "/home/u/docs"


class _InMemory(HistoryMachine):
    """A scripted PC in memory; storage on disk."""

    storage_type: type[FsStorage] = FsStorage
    whole_seconds = False
    set_difference = False

    def built(self) -> tuple[Tree, House]:
        self.host = MemoryHost()
        self.docs = self.host.source(DOCS_PATH)
        transport: Transport = MemoryTransport({PC: self.host}, whole_seconds=self.whole_seconds)
        if self.set_difference:
            transport = cast("Transport", GoneBySetDifference(transport))
        house = House(
            self.folder / "store", transport, storage_type=self.storage_type, database=self.database
        )
        return self.docs, house

    def database(self, clock: SettableClock) -> Database:
        """In memory, unless a subclass knows better."""
        return MemoryDatabase(clock).as_database()

    def world(self) -> World:
        return world_of_memory(self.docs)

    def cut(self, after: int, *, mid_file: bool) -> None:
        self.host.cut_after, self.host.cut_mid_file = after, mid_file


class MemoryHistoryMachine(_InMemory, PowerMachine):
    """All that may happen to a tree and to its history."""

    storage_type = MainsStorage


class TestMemoryHistory(MemoryHistoryMachine.TestCase):  # type: ignore[misc,valid-type]  # made by hypothesis
    settings = settings(max_examples=lives(10), deadline=None)


class SqliteHistoryMachine(MemoryHistoryMachine):
    """The same life, with the catalog in SQLite."""

    def database(self, clock: SettableClock) -> Database:
        """A fresh file for each life."""
        self.opened = sqlite_database(clock, self.folder)
        return self.opened

    def teardown(self) -> None:
        self.opened.close()
        super().teardown()


class TestSqliteHistory(SqliteHistoryMachine.TestCase):  # type: ignore[misc,valid-type]  # made by hypothesis
    settings = settings(max_examples=lives(20, 15), stateful_step_count=15, deadline=None)


class PostgresqlHistoryMachine(SqliteHistoryMachine):
    """The same life, with the catalog in PostgreSQL."""

    def database(self, clock: SettableClock) -> Database:
        """An empty database for each life."""
        self.opened = postgresql_database(clock, self.folder)
        return self.opened

    def teardown(self) -> None:
        super().teardown()
        forgotten(self.folder)


class TestPostgresqlHistory(PostgresqlHistoryMachine.TestCase):  # type: ignore[misc,valid-type]  # made by hypothesis
    settings = settings(max_examples=min(lives(20), 50), stateful_step_count=10, deadline=None)


class WrongMergeMachine(_InMemory):
    storage_type = MergesInTheWrongDirection


class WrongFoldMachine(_InMemory):
    storage_type = FoldsNewestWins


class WholeSecondsMachine(_InMemory):
    whole_seconds = True


class SetDifferenceMachine(_InMemory):
    set_difference = True


RUNS, STEPS = 400, 40
"""A planted fault is found within so many runs of so many steps; usually within a few dozen runs."""


@pytest.mark.parametrize(
    "machine", [WholeSecondsMachine, SetDifferenceMachine, *later(WrongMergeMachine, WrongFoldMachine)]
)
def test_the_machine_finds_each_planted_fault(machine: type[HistoryMachine]) -> None:
    search = settings(
        max_examples=RUNS,
        stateful_step_count=STEPS,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    with pytest.raises(AssertionError, match=r"point \d+|made no point"):
        run_state_machine_as_test(machine, settings=search)
