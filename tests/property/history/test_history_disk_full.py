"""The history machine on a small file system that is full again and again, each time with other room left."""

import contextlib
import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import ClassVar, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

from bck_adapters.rsync.routes import LocalRoute
from bck_adapters.rsync.transport import RsyncTransport
from bck_adapters.testkit.lacking import need_ordinary_user
from bck_adapters.testkit.samples import START
from bckcore.domain.host import Host
from bckcore.domain.run import Run, RunOutcome
from bckcore.errors import StoreFullError, TransientError
from bckcore.plugins.registry import Database
from bckcore.ports.clock import Clock
from tests.property.history.machine import START as START_NS
from tests.property.history.machine import Tree, lives
from tests.property.history.rewriting import RewritingMachine
from tests.support.databases import sqlite_database
from tests.support.house import DOCS, PC, House
from tests.support.places import remove_tree
from tests.support.worlds import FolderTree, World, world_of_folder

T = TypeVar("T")
KIB = 1024
BLOCK = 64 * KIB

rooms = st.one_of(st.just(0), st.integers(0, 64), st.integers(64, 4096)).map(KIB.__mul__)
sizes = st.integers(1, 700).map(KIB.__mul__)


class DiskFullMachine(RewritingMachine):
    """Real files and real rsync; store and database lie on a file system of 64 MB."""

    small: ClassVar[Path]
    endings: ClassVar[Counter[str]] = Counter()
    """How the work ended that had too little room, over all machines of this process."""

    def built(self) -> tuple[Tree, House]:
        self.source = self.folder / "docs"
        self.place = self.small / self.folder.name
        self.place.mkdir()
        transport = RsyncTransport(route=LocalRoute(), search_path=os.environ["PATH"])
        host = Host(id=PC, address="", transport="local", allowed_roots=("/",))

        def database(clock: Clock) -> Database:
            self.opened = sqlite_database(clock, self.place)
            return self.opened

        house = House(
            self.place / "store",
            transport,
            sources=(f"docs={self.source}",),
            host=host,
            database=database,
        )
        house.clock.set(START)
        return FolderTree(self.source), house

    def world(self) -> World:
        return world_of_folder(self.source)

    def cut(self, after: int, *, mid_file: bool) -> None:
        """Here nothing but the disk stands in the way."""

    @rule(room=rooms, size=sizes, count=st.integers(1, 4), seed=st.integers(0, 99))
    def back_up_with_little_room(self, room: int, size: int, count: int, seed: int) -> None:
        for number in range(count):
            self._write(b"big%d" % number, Random(seed + number).randbytes(size), START_NS + seed)
        before, known = self.world(), set(self.expected)
        with self._room(room):
            run = self._ended(self.house.back_up)
            self._recovered_points(before, known, run)
        self._back_in_order(before, known)

    @rule(room=rooms, keep_last=st.integers(1, 3))
    def prune_with_little_room(self, room: int, keep_last: int) -> None:
        with self._room(room):
            self._ended(lambda: self.house.prune(keep_last))
        self.house.prune(keep_last)
        kept = {point.seq for point in self.house.points()}
        assert set(list(self.expected)[-1:]) <= kept, "the newest point is gone"
        self.expected = {seq: world for seq, world in self.expected.items() if seq in kept}
        self.every_point_restores()

    def _ended(self, work: Callable[[], T]) -> T | None:
        """The work, which may find no room; what else it raises is a fault."""
        try:
            done = work()
        except (StoreFullError, TransientError) as error:
            self.endings[type(error).__name__] += 1
            return None
        self.endings[str(getattr(done, "error_code", "")) or "went through"] += 1
        return done

    def _recovered_points(self, before: World, known: set[int], run: Run | None) -> None:
        """While it is still full: whatever point there is restores; elsewhere there is room."""
        if run is not None and run.outcome not in (RunOutcome.SUCCEEDED, RunOutcome.FAILED):
            raise AssertionError(f"a full disk ended the run as {run}")
        for point in self.house.points():
            if point.seq not in known:
                self.expected[point.seq] = before
        with contextlib.suppress(StoreFullError, TransientError):
            self.every_point_restores()

    def _back_in_order(self, before: World, known: set[int]) -> None:
        """With room again, the next start heals, and a run whose receipt stood has its point."""
        with self.house.database.units(read_only=True) as uow:
            ref = uow.profiles.get(DOCS).ref
        with self.house.storage.lock(ref, wait_seconds=30):
            self.house.recovery.recover(ref)
        for point in self.house.points():
            self.expected.setdefault(point.seq, before)
        if set(self.expected) == known:
            self.cut_pending = True
        self.every_point_restores()
        self.back_up()

    @contextlib.contextmanager
    def _room(self, left: int) -> Iterator[None]:
        """Leave so much room and no more."""
        filler = self.place / "filler"
        with open(filler, "wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"\1" * BLOCK)
        os.truncate(filler, max(0, filler.stat().st_size - left))
        try:
            yield
        finally:
            filler.unlink()

    def teardown(self) -> None:
        self.opened.close()
        remove_tree(self.place)
        super().teardown()


RUNS = lives(20, 15)


def test_every_point_restores_however_often_the_disk_was_full(small_fs: Path) -> None:
    need_ordinary_user("root reads closed folders")
    DiskFullMachine.small = small_fs
    life = DiskFullMachine()  # at least once for certain
    life.back_up_with_little_room(room=0, size=700 * KIB, count=4, seed=1)
    life.teardown()
    search = settings(max_examples=RUNS, stateful_step_count=15, deadline=None)
    run_state_machine_as_test(DiskFullMachine, settings=search)
    print(f"endings: {dict(DiskFullMachine.endings)}; restores: {DiskFullMachine.points_checked}")
    assert DiskFullMachine.endings.total() > DiskFullMachine.endings["went through"], "it was never full"
