"""The history machine with the real rsync over a real sshd, cut by kill -9 at random moments."""

from pathlib import Path
from typing import ClassVar

from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from bck_adapters.rsync.routes import SshRoute
from bck_adapters.rsync.transport import RsyncTransport
from bck_adapters.testkit.lacking import need_ordinary_user
from tests.property.history.machine import Tree, lives
from tests.property.history.rebuilding import RebuildingMachine
from tests.property.history.test_history_local import MILLISECONDS_PER_STEP, KillableRsync
from tests.support.house import House
from tests.support.sshd import LoopbackSshd, running_sshd
from tests.support.worlds import FolderTree, World, world_of_folder

STEPS = 15


class SshHistoryMachine(RebuildingMachine):
    """Real files on a PC of its own behind sshd; storage on disk."""

    sshd: ClassVar[LoopbackSshd]

    def built(self) -> tuple[Tree, House]:
        self.source = self.folder / "docs"
        self.rsync = KillableRsync(self.folder / "bin")
        runtime = self.folder / "run"
        runtime.mkdir(mode=0o700)
        transport = RsyncTransport(route=SshRoute(runtime), search_path=self.rsync.search_path)
        house = House(
            self.folder / "store",
            transport,
            sources=(f"docs={self.source}",),
            host=self.sshd.host(),
            key=self.sshd.key,
        )
        return FolderTree(self.source), house

    def world(self) -> World:
        return world_of_folder(self.source)

    def cut(self, after: int, *, mid_file: bool) -> None:
        self.rsync.kill_next_after(60 + after * MILLISECONDS_PER_STEP)


def test_every_point_restores_after_runs_over_ssh_and_kills(short_dir: Path) -> None:
    need_ordinary_user("root reads closed folders")
    search = settings(max_examples=lives(16, STEPS), stateful_step_count=STEPS, deadline=None)
    with running_sshd(short_dir / "sshd") as SshHistoryMachine.sshd:
        run_state_machine_as_test(SshHistoryMachine, settings=search)
    print(f"over ssh: {SshHistoryMachine.points_checked} restores")
