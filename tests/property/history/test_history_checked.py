"""Random lives, each step checked: a storage that nobody harmed has no findings."""

from typing import ClassVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import rule

from bckcore.domain.act import ActKind
from bckcore.domain.check import CheckRequest
from bckcore.domain.restore_point import RestorePoint
from bckcore.services.acts import Acts
from tests.property.history.machine import lives
from tests.property.history.test_history_local import LocalHistoryMachine
from tests.property.history.test_history_memory import MemoryHistoryMachine, SqliteHistoryMachine
from tests.support.checking import ALL, assert_check_is_clean
from tests.support.house import House


class _ForgetsByAct(MemoryHistoryMachine):
    """Points go as pruning lets them go: written down in storage first."""

    @rule(index=st.integers(0, 99))
    def forget_any_point(self, index: int) -> None:
        """Whichever point a policy lets go, also one in the middle: its increment is merged forward."""
        points = self.house.points()[:-1]
        if points:
            forgotten = forget_by_act(self.house, points[index % len(points)])
            del self.expected[forgotten]
            self.prune(keep_last=1000)


def forget_by_act(house: House, point: RestorePoint) -> int:
    """Write the point off; its number."""
    with house.database.units(read_only=True) as uow:
        ref = uow.profiles.get(point.profile).ref
    acts = Acts(units=house.database.units, storage=house.storage, clock=house.clock)
    acts.record(ref, ActKind.PRUNE, by="test", reason="a test", points=[point.seq])
    return point.seq


class CheckedMachine(_ForgetsByAct):
    """A life in memory; every time its points are restored, it is checked as well."""

    request: ClassVar[CheckRequest] = ALL

    def every_point_restores(self) -> None:
        super().every_point_restores()
        assert_check_is_clean(self.house, self.request)


class CheckedSqliteMachine(_ForgetsByAct, SqliteHistoryMachine):
    """The same over SQLite."""

    def every_point_restores(self) -> None:
        super().every_point_restores()
        assert_check_is_clean(self.house)


class CheckedLocalMachine(LocalHistoryMachine):
    """The same over the real rsync, killed now and then."""

    @rule(index=st.integers(0, 99))
    def forget_any_point(self, index: int) -> None:
        points = self.house.points()[:-1]
        if points:
            del self.expected[forget_by_act(self.house, points[index % len(points)])]
            self.prune(keep_last=1000)

    def every_point_restores(self) -> None:
        super().every_point_restores()
        assert_check_is_clean(self.house)


class TestCheckedHistory(CheckedMachine.TestCase):  # type: ignore[misc,valid-type]  # made by hypothesis
    settings = settings(max_examples=lives(10, 20), stateful_step_count=20, deadline=None)


class TestCheckedSqliteHistory(CheckedSqliteMachine.TestCase):  # type: ignore[misc,valid-type]  # likewise
    settings = settings(max_examples=lives(20, 12), stateful_step_count=12, deadline=None)


class TestCheckedLocalHistory(CheckedLocalMachine.TestCase):  # type: ignore[misc,valid-type]  # likewise
    settings = settings(max_examples=lives(30, 12), stateful_step_count=12, deadline=None)
