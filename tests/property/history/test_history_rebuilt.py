"""The history machine whose database is lost or put back now and then, over the memory transport."""

from dataclasses import replace

from hypothesis import settings
from hypothesis.stateful import precondition, rule

from bck_adapters.memory import MemoryDatabase, SettableClock
from bck_adapters.memory.state import State
from bckcore.plugins.registry import Database
from tests.property.history.machine import lives
from tests.property.history.rebuilding import RebuildingMachine
from tests.property.history.test_history_memory import MemoryHistoryMachine
from tests.support.house import REF
from tests.support.rebuilds import known


class RebuiltHistoryMachine(RebuildingMachine, MemoryHistoryMachine):
    """Rules of both, and copies of the database that are put back later."""

    copy: State | None = None

    def database(self, clock: SettableClock) -> Database:
        """In memory, where a copy is one name for what is there."""
        self.memory = MemoryDatabase(clock)
        return self.memory.as_database()

    @precondition(lambda self: bool(self.expected))
    @rule()
    def copy_database(self) -> None:
        self.copy = self.memory._state

    @precondition(lambda self: self.copy is not None)
    @rule()
    def put_older_database_back(self) -> None:
        assert self.copy is not None
        before, now = known(self.house.database), self.memory._state
        self.memory._replace(replace(self.copy, profiles=now.profiles))
        self.house.recovery.recover(REF)
        assert known(self.house.database) == before
        self.every_point_restores()


class TestRebuiltHistory(RebuiltHistoryMachine.TestCase):  # type: ignore[misc,valid-type]  # made by hypothesis
    settings = settings(max_examples=lives(20, 12), stateful_step_count=12, deadline=None)
