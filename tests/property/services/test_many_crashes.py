"""Crash after crash, in runs, prunes, restores and recoveries: whatever is kept restores exactly."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from bckcore.domain.retention import RetentionPolicy
from tests.support.crashes import crashes, system_calls_step
from tests.support.house import DOCS
from tests.support.lives import Life
from tests.support.patience import examples
from tests.support.places import quick_folder

ACTS = ("back up", "back up", "back up", "prune", "restore")


class Troubled:
    """A life in which every process may end early."""

    def __init__(self, folder: Path) -> None:
        self.life = Life(folder).begin()
        self.life.house.change_profile(
            retention=RetentionPolicy(keep_last=3, keep_within=timedelta(0), min_age=timedelta(0))
        )
        self.acts = 0

    def act(self, what: str, step: int | None) -> None:
        """Do one thing in a new process, which ends at that step."""
        life = self.life
        self.acts += 1
        if what == "back up":
            life.change_much() if self.acts % 3 == 0 else life.change_little(b"m%d" % self.acts)
            with life.house.database.units(read_only=True) as uow:
                last = uow.runs.last(DOCS)
            assert last is not None
            life.expected[last.seq + 1] = life.worlds()
        life.house.fuse.set(step)
        with system_calls_step(life.house.fuse):
            crashes(lambda: self._done(what))
        life.house = life.house.reopened()

    def _done(self, what: str) -> None:
        house = self.life.house
        if what == "back up":
            house.back_up()
        elif what == "prune":
            house.prunes.prune(DOCS, house.watcher)
        else:
            target = self.life.folder / f"crashed{self.acts}"
            house.restores.restore(DOCS, point="latest", to=target, paths=(), watcher=house.watcher)


@contextmanager
def life_of_trouble() -> Iterator[Troubled]:
    """In a folder of its own."""
    with tempfile.TemporaryDirectory() as otherwise, contextmanager(quick_folder)(Path(otherwise)) as folder:
        yield Troubled(folder)


@settings(max_examples=examples(6))
@given(st.lists(st.tuples(st.sampled_from(ACTS), st.none() | st.integers(1, 400)), min_size=1, max_size=7))
def test_whatever_crashes_in_a_row_what_is_kept_restores(acts: list[tuple[str, int | None]]) -> None:
    with life_of_trouble() as troubled:
        for what, step in acts:
            troubled.act(what, step)
        life = troubled.life
        life.assert_every_point_restores()
        life.change_little(b"last")
        life.back_up()
        life.assert_every_point_restores()
        life.assert_books_are_right()
