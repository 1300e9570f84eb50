"""Undo, accept, forget, prune and backups in any order, each may crash: what is kept restores exactly."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from bckcore.domain.ids import SourceName
from bckcore.domain.retention import RetentionPolicy
from bckcore.domain.run import RunOutcome
from bckcore.errors import ConflictError, NotFoundError
from tests.support.crashes import crashes, system_calls_step
from tests.support.house import DOCS
from tests.support.lives import Life
from tests.support.patience import examples
from tests.support.places import quick_folder
from tests.support.rewriting import Rewriting
from tests.support.worlds import World

ACTS = ("back up", "back up", "undo", "undo", "undo", "forget", "lose", "prune")
PATHS = (b"a", b"d", b"f", b"d/x", b"link", b"new")


class Rewritten:
    """A life in which every process may end early."""

    def __init__(self, folder: Path) -> None:
        self.life = Life(folder).begin()
        self.life.house.change_profile(
            retention=RetentionPolicy(keep_last=4, keep_within=timedelta(0), min_age=timedelta(0))
        )
        self.acts = 0

    def act(self, what: str, choice: int, step: int | None) -> None:
        """Do one thing in a new process, which ends at that step; then put things in order."""
        life = self.life
        self.acts += 1
        prepared = {"back up": self._changed, "undo": self._aimed, "lose": self._lost}.get(what)
        if prepared is not None:
            prepared(choice)
        life.house.fuse.set(step)
        with system_calls_step(life.house.fuse):
            crashes(lambda: self._done(what, choice))
        life.house = life.house.reopened()
        with life.house.database.units(read_only=True) as uow:
            ref = uow.profiles.get(DOCS).ref
        life.house.recovery.recover(ref)
        for act, _ in life.house.storage.acts(ref):
            for source, path in act.paths:
                self._forgotten(act.after_seq, source, path)
        life.assert_every_point_restores()

    def _next(self) -> int:
        with self.life.house.database.units(read_only=True) as uow:
            last = uow.runs.last(DOCS)
        return last.seq + 1 if last else 1

    def _changed(self, choice: int) -> None:
        if choice % 3 == 0:
            self.life.change_much()
        self.life.change_little(b"m%d" % self.acts)
        self.life.expected[self._next()] = self.life.worlds()

    def _goal(self, choice: int) -> int:
        points = self.life.house.points()
        return points[choice % len(points)].seq

    def _aimed(self, choice: int) -> None:
        goal = self.life.expected[self._goal(choice)]
        self.life.expected[self._next()] = {source: dict(world) for source, world in goal.items()}

    def _lost(self, choice: int) -> None:
        """A suspect run first, so that there is something to accept."""
        life = self.life
        kept = dict(life.pics.nodes)
        for path in [path for path in kept if path != b"."]:
            life.pics.delete(path)
        newest = life.expected[life.house.points()[-1].seq]
        shown = {source: dict(world) for source, world in life.worlds().items()}
        after = {path: thing for path, thing in newest["pics"].items() if path != b"."}
        run = life.house.back_up()
        if run.made_point:
            life.expected[run.seq] = {**shown, "pics": {**shown["pics"], **after}}
        if run.outcome is RunOutcome.SUSPECT:
            life.expected[self._next()] = shown
        life.pics.nodes = kept

    def _forgotten(self, after_seq: int, source: SourceName, path: bytes) -> None:
        for seq, worlds in self.life.expected.items():
            if seq <= after_seq:
                worlds[source] = _without(worlds[source], path)

    def _done(self, what: str, choice: int) -> None:
        rewriting = Rewriting(self.life.house)
        if what == "back up":
            self.life.house.back_up()
        elif what == "prune":
            self.life.house.prunes.prune(DOCS, self.life.house.watcher)
        elif what == "undo":
            rewriting.undo(to=self._goal(choice))
        elif what == "lose":
            with suppress(ConflictError):  # nothing was lost: the source was empty before
                rewriting.accept()
        else:
            with suppress(NotFoundError):  # it was forgotten before
                rewriting.forget(b"docs/" + PATHS[choice % len(PATHS)])


def _without(world: World, path: bytes) -> World:
    return {one: thing for one, thing in world.items() if one != path and not one.startswith(path + b"/")}


@contextmanager
def rewritten() -> Iterator[Rewritten]:
    """In a folder of its own."""
    with tempfile.TemporaryDirectory() as otherwise, contextmanager(quick_folder)(Path(otherwise)) as folder:
        yield Rewritten(folder)


@settings(max_examples=examples(6))
@given(
    st.lists(
        st.tuples(st.sampled_from(ACTS), st.integers(0, 20), st.none() | st.integers(1, 400)),
        min_size=1,
        max_size=6,
    )
)
def test_in_any_order_and_cut_anywhere_what_is_kept_restores(acts: list[tuple[str, int, int | None]]) -> None:
    with rewritten() as work:
        for what, choice, step in acts:
            work.act(what, choice, step)
        work.life.change_little(b"last")
        work.life.back_up()
        work.life.assert_every_point_restores()
        assert list((work.life.house.root / ".work" / "a").iterdir()) == []
