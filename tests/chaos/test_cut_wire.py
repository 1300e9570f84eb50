"""The network goes in the middle of a file, silently or not: tried again, gone on with, and nothing lost."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

from bck_adapters.rsync.version import can_resume
from bckcore.domain.run import Run, RunOutcome
from bckcore.domain.transfer import TransferOptions
from bckcore.errors import HostUnreachableError, TransferInterruptedError, TransferTimeoutError
from tests.support.cli import eventually, processes_about
from tests.support.pc import MIB, T0, Pc, bytes_arrived, good, half_sent, make_pc
from tests.support.sshd import running_sshd
from tests.support.wire import Cut, Wire
from tests.support.worlds import World

SIZE, CUT_AT = 12 * MIB, 8 * MIB
IDLE_SECONDS = 2
OPTIONS = TransferOptions(attempts=3, connect_timeout=2, idle_timeout=IDLE_SECONDS)
PASSING = {TransferTimeoutError.code, TransferInterruptedError.code}
"""Of a wire that fell silent either rsync says that nothing came for too long, or ssh goes first, whose own
questions are not answered."""


@dataclass
class Scene:
    """A PC at the far end of a wire, backed up once; since then its big file has changed."""

    pc: Pc
    wire: Wire
    worlds: dict[int, World] = field(default_factory=dict)

    def back_up(self) -> Run:
        """A run that goes through."""
        world = self.pc.world()
        run = good(self.pc.house.back_up())
        self.worlds[run.seq] = world
        return run

    def nothing_is_lost(self) -> None:
        """Each point restores to what the PC held; nothing of ours stands in `current`, and none works on."""
        assert eventually(lambda: not processes_about(self.pc.store))
        self.pc.require_exact(self.worlds)
        self.pc.require_clean_current(set(self.pc.world()))


@pytest.fixture
def scene(tmp_path: Path, require_tool: Callable[[str], str]) -> Iterator[Scene]:
    require_tool("sshd")
    require_tool("rsync")
    with running_sshd(tmp_path / "sshd") as sshd, Wire(sshd.port) as wire:
        pc = make_pc(tmp_path, sshd, options=OPTIONS, port=wire.port)
        pc.docs.write(b"big", Random(1).randbytes(SIZE), T0)
        pc.docs.write(b"small", b"one", T0)
        scene = Scene(pc, wire)
        scene.back_up()
        pc.docs.write(b"big", Random(2).randbytes(SIZE), T0 + 1)
        pc.docs.write(b"small", b"two", T0 + 1)
        yield scene


HOW = [Cut.DROP, pytest.param(Cut.RESET, marks=pytest.mark.long)]


@pytest.mark.parametrize("how", HOW)
def test_a_cut_in_the_middle_of_a_file_passes_and_the_next_attempt_goes_on_from_there(
    scene: Scene, how: Cut, tmp_path: Path
) -> None:
    scene.wire.cut_after(CUT_AT, how)
    arrived = list[int]()

    def heal() -> None:
        """Between the attempts."""
        assert scene.wire.is_cut
        arrived.append(bytes_left(scene.pc.store))
        scene.wire.mend()

    scene.pc.house.clock.on_wait = heal
    run = scene.back_up()
    first, second = run.attempts
    assert first.error_code in PASSING, first
    assert (first.number, second.number, second.error_code) == (1, 2, "")
    assert "tried again" in first.error
    assert arrived[0] > CUT_AT // 2
    if can_resume(os.environ["PATH"], tmp_path):
        assert scene.wire.carried < SIZE - arrived[0] + MIB
    scene.nothing_is_lost()


@pytest.mark.parametrize("how", HOW)
def test_a_cut_that_never_heals_fails_the_run_with_its_reason_and_harms_no_point(
    scene: Scene, how: Cut
) -> None:
    scene.wire.cut_after(CUT_AT, how)
    before = dict(scene.worlds)
    run = scene.pc.house.back_up()
    assert run.outcome is RunOutcome.FAILED
    assert not run.made_point
    first, *others = run.attempts
    assert [one.number for one in run.attempts] == [1, 2, 3]
    assert first.error_code in PASSING
    unreachable = {HostUnreachableError.code, TransferTimeoutError.code}
    assert {one.error_code for one in others} <= unreachable, others
    assert run.error_code in unreachable
    assert "pc1" in run.error
    assert scene.worlds == before
    scene.nothing_is_lost()
    scene.wire.mend()
    scene.back_up()
    scene.nothing_is_lost()


def bytes_left(store: Path) -> int:
    """How much of the big file is kept for the next attempt."""
    kept = [status.st_size for status in half_sent(store)]
    return max([bytes_arrived(store), *kept])
