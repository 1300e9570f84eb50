"""The history machine over the real rsync on this machine, cut by kill -9 at random moments."""

import os
import shlex
import shutil
from pathlib import Path

from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from bck_adapters.rsync.routes import LocalRoute
from bck_adapters.rsync.transport import RsyncTransport
from bck_adapters.testkit.lacking import need_ordinary_user
from bckcore.domain.host import Host
from tests.property.history.machine import Tree, lives
from tests.property.history.rewriting import RewritingMachine
from tests.support.house import PC, House
from tests.support.worlds import FolderTree, World, world_of_folder

MILLISECONDS_PER_STEP = 5


class KillableRsync:
    """A folder for PATH whose ``rsync`` is the real one, killed after a while when a test asks for it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        real = shutil.which("rsync")
        assert real is not None, "rsync is not installed"
        self._order, self._number = folder / "kill-after", 0
        self._order.write_text("")
        wrapper = folder / "rsync"
        order = shlex.quote(str(self._order))
        wrapper.write_text(
            # What it did is told by a folder: under the rules of a pull it may remove and write nothing here.
            f"#!/bin/sh\nif read -r seconds number <{order} && [ $# -gt 1 ] && "
            f'mkdir {order}-"$number" 2>/dev/null; then\n'
            f'exec timeout --signal=KILL "$seconds" {real} "$@"\nfi\nexec {real} "$@"\n'
        )
        wrapper.chmod(0o755)
        self.search_path = f"{folder}:{os.environ['PATH']}"

    def kill_next_after(self, milliseconds: int) -> None:
        """The next transfer is killed that long after its start, if it still runs."""
        self._number += 1
        self._order.write_text(f"{milliseconds / 1000:.3f} {self._number}\n")


class LocalHistoryMachine(RewritingMachine):
    """Real files, real rsync, real kills; storage on disk."""

    def built(self) -> tuple[Tree, House]:
        self.source = self.folder / "docs"
        self.rsync = KillableRsync(self.folder / "bin")
        transport = RsyncTransport(route=LocalRoute(), search_path=self.rsync.search_path)
        host = Host(id=PC, address="", transport="local", allowed_roots=("/",))
        house = House(self.folder / "store", transport, sources=(f"docs={self.source}",), host=host)
        return FolderTree(self.source), house

    def world(self) -> World:
        return world_of_folder(self.source)

    def cut(self, after: int, *, mid_file: bool) -> None:
        self.rsync.kill_next_after(5 + after * MILLISECONDS_PER_STEP)


# Dozens of steps in `make test`, as many as STEPS says by `make robustness`.
RUNS = lives(12, 20)


def test_every_point_restores_after_real_runs_and_kills() -> None:
    need_ordinary_user("root reads closed folders")
    search = settings(max_examples=RUNS, stateful_step_count=20, deadline=None)
    run_state_machine_as_test(LocalHistoryMachine, settings=search)
