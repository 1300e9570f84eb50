"""The history machine whose database is lost now and then, over the memory transport."""

from hypothesis import settings

from tests.property.history.machine import lives
from tests.property.history.rebuilding import RebuildingMachine
from tests.property.history.test_history_memory import MemoryHistoryMachine


class RebuiltHistoryMachine(RebuildingMachine, MemoryHistoryMachine):
    """Rules of both."""


class TestRebuiltHistory(RebuiltHistoryMachine.TestCase):  # type: ignore[misc,valid-type]  # made by hypothesis
    settings = settings(max_examples=lives(5), deadline=None)
