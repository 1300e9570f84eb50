"""Random lives, each step checked: a storage that nobody harmed has no findings."""

from typing import ClassVar

from hypothesis import settings

from bckcore.domain.check import CheckRequest
from tests.property.history.machine import lives
from tests.property.history.test_history_local import LocalHistoryMachine
from tests.property.history.test_history_memory import MemoryHistoryMachine, SqliteHistoryMachine
from tests.support.checking import ALL, assert_check_is_clean


class CheckedMachine(MemoryHistoryMachine):
    """A life in memory; every time its points are restored, it is checked as well."""

    request: ClassVar[CheckRequest] = ALL

    def every_point_restores(self) -> None:
        super().every_point_restores()
        assert_check_is_clean(self.house, self.request)


class CheckedSqliteMachine(SqliteHistoryMachine):
    """The same over SQLite."""

    def every_point_restores(self) -> None:
        super().every_point_restores()
        assert_check_is_clean(self.house)


class CheckedLocalMachine(LocalHistoryMachine):
    """The same over the real rsync, killed now and then."""

    def every_point_restores(self) -> None:
        super().every_point_restores()
        assert_check_is_clean(self.house)


class TestCheckedHistory(CheckedMachine.TestCase):  # type: ignore[misc,valid-type]  # made by hypothesis
    settings = settings(max_examples=lives(10), stateful_step_count=20, deadline=None)


class TestCheckedSqliteHistory(CheckedSqliteMachine.TestCase):  # type: ignore[misc,valid-type]  # likewise
    settings = settings(max_examples=lives(20), stateful_step_count=12, deadline=None)


class TestCheckedLocalHistory(CheckedLocalMachine.TestCase):  # type: ignore[misc,valid-type]  # likewise
    settings = settings(max_examples=lives(30), stateful_step_count=12, deadline=None)
