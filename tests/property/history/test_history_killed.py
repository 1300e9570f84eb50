"""The history machine whose runner is killed, as by kill -9, at each named step of its work."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule, run_state_machine_as_test

from bck_adapters.testkit.lacking import need_ordinary_user
from bck_adapters.testkit.samples import START
from bckcore.domain.act import ActKind
from bckcore.domain.restore_point import RestorePoint
from bckcore.services.acts import Acts
from bckcore.services.history_requests import ForgetRequest, UndoRequest
from tests.property.history.machine import ANCHOR, Tree, contents, lives, paths
from tests.property.history.machine import START as START_NS
from tests.property.history.rewriting import RewritingMachine, without
from tests.support.databases import seeded
from tests.support.house import REF, House
from tests.support.killed import (
    ANYWHERE,
    DURING_RSYNC,
    IN_BACKUP,
    IN_COMMIT,
    IN_OTHER_WORK,
    IN_PRUNE,
    Place,
    carried_out,
)
from tests.support.rebuilds import known, rebuilding
from tests.support.worlds import FolderTree, World, world_of_folder


def back_up(house: House) -> None:
    """One backup; how it ends is judged by what is there afterwards."""
    house.back_up()


def prune(keep_last: int, house: House) -> None:
    """Apply the policy."""
    house.prune(keep_last)


nths = st.sampled_from((1, 1, 1, 2, 2, 3, 4, 6, 9, 14))


def undo(goal: int, house: House) -> None:
    """Go back to a point."""
    house.undo(UndoRequest(to=str(goal)))


def forget(path: bytes, house: House) -> None:
    """Remove a path for good."""
    house.forget(ForgetRequest(path=b"docs/" + path, reason="a test"))


def rebuild(house: House) -> None:
    """Recreate the catalog from storage."""
    rebuilding(house).rebuild(REF)


class KilledHistoryMachine(RewritingMachine):
    """Real files, real rsync, SQLite unless a subclass says otherwise; each kill is of a whole process."""

    kills: ClassVar[Counter[str]] = Counter()
    """Processes killed by all machines of this process, by step, for the report."""

    def built(self) -> tuple[Tree, House]:
        source = self.folder / "docs"
        self.place = Place(self.folder / "store", self.database_url(), source)
        tree = FolderTree(source)
        return tree, self.place.open(now=START, fresh=True)

    def database_url(self) -> str:
        """Where the catalog is."""
        return seeded(self.folder / "bck.sqlite3")

    def world(self) -> World:
        return world_of_folder(self.place.source)

    def cut(self, after: int, *, mid_file: bool) -> None:
        """Other machines cut rsync; this one kills whole processes."""

    @rule(path=paths, data=contents, step=st.sampled_from(IN_BACKUP), nth=nths)
    def edit_and_back_up_killed(self, path: bytes, data: bytes, step: str, nth: int) -> None:
        """With something to displace and to enter, so that each step is come to."""
        if path != ANCHOR:
            self._write(path, data, START_NS + nth)
        self.back_up_killed(step, nth)

    @rule(step=st.sampled_from(IN_BACKUP), nth=nths)
    def back_up_killed(self, step: str, nth: int) -> None:
        before = self.world()
        if not self._killed(back_up, step, nth):
            self.cut_pending = True
        self._take_stock(before)

    @rule(step=st.sampled_from(IN_PRUNE), nth=nths, keep_last=st.integers(1, 4))
    def prune_killed(self, step: str, nth: int, keep_last: int) -> None:
        self._killed(partial(prune, keep_last), step, nth)
        kept = {point.seq for point in self._healed()}
        assert set(list(self.expected)[-1:]) <= kept, "the newest point is gone"
        self.expected = {seq: world for seq, world in self.expected.items() if seq in kept}
        self.every_point_restores()

    @precondition(lambda self: bool(self.expected))
    @rule(step=st.sampled_from(IN_OTHER_WORK), nth=nths, index=st.integers(0, 99))
    def undo_killed(self, step: str, nth: int, index: int) -> None:
        goal = sorted(self.expected)[index % len(self.expected)]
        world = self.expected[goal]
        if not self._killed(partial(undo, goal), step, nth):
            self.cut_pending = True
        self._take_stock(world)

    @precondition(lambda self: bool(self.expected))
    @rule(step=st.sampled_from(IN_OTHER_WORK), nth=nths, index=st.integers(0, 99))
    def forget_killed(self, step: str, nth: int, index: int) -> None:
        paths = sorted({path for world in self.expected.values() for path in world} - {b".", ANCHOR})
        if not paths:
            return
        path, before = paths[index % len(paths)], self._forgettings()
        self._killed(partial(forget, path), step, nth)
        self._healed()
        if self._forgettings() > before:
            self.expected = {seq: without(world, path) for seq, world in self.expected.items()}
        self.every_point_restores()

    @precondition(lambda self: bool(self.expected))
    @rule(step=st.sampled_from(IN_OTHER_WORK), nth=nths)
    def rebuild_killed(self, step: str, nth: int) -> None:
        before = known(self.house.database)
        if not self._killed(rebuild, step, nth):
            rebuild(self.house)
        assert known(self.house.database) == before
        self.every_point_restores()

    def _forgettings(self) -> int:
        return sum(act.kind is ActKind.FORGET for act, _ in self.house.storage.acts(REF))

    def _killed(self, work: Callable[[House], object], step: str, nth: int) -> bool:
        """Carry out in another process; True if that came to its end."""
        self.house.clock.advance(3600)
        done = carried_out(self.place, self.house.clock.now(), work, step, nth)
        self.house.clock.advance(3600)
        if not done:
            self.kills[step] += 1
        return done

    def _healed(self) -> list[RestorePoint]:
        """Points, once the next start has put things in order. Waits for an orphaned rsync to be gone."""
        with self.house.storage.lock(REF, wait_seconds=30):
            self.house.recovery.recover(REF)
        return self.house.points()

    def _take_stock(self, world: World) -> None:
        """The run may have come as far as its receipt: then its point is there, and exact."""
        points = {point.seq for point in self._healed()}
        for seq in points - self.expected.keys():
            self.expected[seq] = world
            self.cut_pending = False
        self.every_point_restores()

    def teardown(self) -> None:
        self.house.database.close()
        super().teardown()

    @rule(index=st.integers(0, 99))
    def forget_any_point(self, index: int) -> None:
        """Points that go are written down, else no rebuild could know of it."""
        points = self.house.points()[:-1]
        if points:
            seq = points[index % len(points)].seq
            acts = Acts(units=self.house.database.units, storage=self.house.storage, clock=self.house.clock)
            acts.record(REF, ActKind.PRUNE, by="test", reason="any", points=(seq,))
            del self.expected[seq]
            self.prune(keep_last=1000)


_BY_THE_CLOCK = (DURING_RSYNC, IN_COMMIT, ANYWHERE)
"""Here the kill comes after a time, so it may come too late."""


@pytest.mark.parametrize("step", IN_BACKUP)
def test_a_runner_killed_at_a_named_step_of_a_backup_loses_nothing_and_the_next_run_heals(step: str) -> None:
    machine = KilledHistoryMachine()
    machine.some_files([(b"a", b"one", START_NS, 0o644), (b"b/c", b"two", START_NS, 0o600)])
    machine.back_up()
    machine.write(b"a", b"changed", START_NS + 1, 0o644)
    machine.write(b"b", b"was a folder", START_NS + 1, 0o644)
    before = sum(machine.kills.values())
    machine.back_up_killed(step, 1)
    assert step in _BY_THE_CLOCK or sum(machine.kills.values()) == before + 1, "nothing was killed"
    machine.back_up()
    machine.prune(1)
    machine.teardown()


@pytest.mark.parametrize("step", IN_PRUNE)
def test_a_runner_killed_at_a_named_step_of_pruning_loses_nothing_and_the_next_one_heals(step: str) -> None:
    machine = KilledHistoryMachine()
    machine.some_files([(b"a", b"one", START_NS, 0o644)])
    for number in range(4):
        machine.write(b"a", b"changed %d" % number, START_NS + number, 0o644)
        machine.back_up()
    before = sum(machine.kills.values())
    machine.prune_killed(step, 2, 2)
    assert step in _BY_THE_CLOCK or sum(machine.kills.values()) == before + 1, "nothing was killed"
    machine.prune(2)
    machine.back_up()
    machine.teardown()


RUNS = lives(25, 15)


def test_every_point_restores_after_the_runner_was_killed_at_any_step() -> None:
    need_ordinary_user("root reads closed folders")
    search = settings(max_examples=RUNS, stateful_step_count=15, deadline=None)
    run_state_machine_as_test(KilledHistoryMachine, settings=search)
    print(f"killed: {dict(KilledHistoryMachine.kills)}; restores: {KilledHistoryMachine.points_checked}")
    assert KilledHistoryMachine.kills, "nothing was killed"
