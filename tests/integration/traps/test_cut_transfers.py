"""L1 over a real sshd: a transfer cut in the middle, the file changed again before the next try."""

import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from bckcore.domain.run import RunOutcome
from bckcore.domain.transfer import TransferOptions
from tests.support.patience import later
from tests.support.pc import (
    MIB,
    T0,
    ObviousRecipe,
    Pc,
    cut_by_signal,
    good,
    kill_generator,
    kill_receiver,
    kill_sender,
    make_pc,
    when_arrived,
)
from tests.support.sshd import LoopbackSshd
from tests.support.worlds import World, world_of_folder

SIZE = 12 * MIB
SLOW = TransferOptions(attempts=2, bandwidth_limit=8 * MIB)
FIRST, SECOND, THIRD = (os.urandom(SIZE) for _ in range(3))
KILLS = {
    "TERM": partial(kill_generator, signal.SIGTERM),
    "KILL": partial(kill_generator, signal.SIGKILL),
    "KILL of the receiver alone": partial(kill_receiver, signal.SIGKILL),
    "KILL of the sender": partial(kill_sender, signal.SIGKILL),
}


@pytest.fixture
def slow_pc(tmp_path: Path, sshd: LoopbackSshd) -> Pc:
    pc = make_pc(tmp_path, sshd, options=SLOW)
    pc.docs.write(b"big", FIRST, T0)
    return pc


def test_cut_transfer_and_retry_lose_the_good_copy_with_the_obvious_recipe(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "big").write_bytes(FIRST)
    recipe = ObviousRecipe(tmp_path, folder)
    assert recipe.run("run1") == 0
    (folder / "big").write_bytes(SECOND)
    os.utime(folder / "big", ns=(T0, T0))
    argv = recipe.argv("run2", f"--bwlimit={4 * 1024}")
    cut_by_signal(argv, lambda: any(path.stat().st_size > 2 * MIB for path in recipe.current.glob(".big.*")))
    assert recipe.run("run2") == 0
    assert FIRST not in recipe.contents("big"), "the recipe is better than its name"


@pytest.mark.parametrize("kill", [*list(KILLS.values())[:2], *later(*list(KILLS.values())[2:])], ids=KILLS)
def test_cut_transfer_and_retry_keep_every_version(slow_pc: Pc, kill: Callable[[], None]) -> None:
    expected: dict[int, World] = {}
    expected[good(slow_pc.house.back_up()).seq] = slow_pc.world()
    slow_pc.docs.write(b"big", SECOND, T0 + 1)
    slow_pc.house.clock.on_wait = lambda: slow_pc.docs.write(b"big", THIRD, T0 + 2)
    with when_arrived(slow_pc.store, 2 * MIB, kill):
        run = good(slow_pc.house.back_up())
    assert len(run.attempts) == 2
    assert run.attempts[0].error_code == "transfer-interrupted"
    expected[run.seq] = slow_pc.world()
    slow_pc.require_exact(expected)
    slow_pc.require_clean_current({b"big"})


@pytest.mark.parametrize("kill", [*list(KILLS.values())[:1], *later(*list(KILLS.values())[1:])], ids=KILLS)
def test_cut_run_and_next_run_keep_every_version(slow_pc: Pc, kill: Callable[[], None]) -> None:
    """The same with one try a run: the failed run makes no point, and its increment stays."""
    slow_pc.house.change_profile(options=TransferOptions(attempts=1, bandwidth_limit=8 * MIB))
    expected: dict[int, World] = {}
    expected[good(slow_pc.house.back_up()).seq] = slow_pc.world()
    slow_pc.docs.write(b"big", SECOND, T0 + 1)
    with when_arrived(slow_pc.store, 2 * MIB, kill):
        assert slow_pc.house.back_up().outcome is RunOutcome.FAILED
    slow_pc.require_clean_current({b"big"})
    slow_pc.require_exact(expected)
    slow_pc.docs.write(b"big", THIRD, T0 + 2)
    expected[good(slow_pc.house.back_up()).seq] = slow_pc.world()
    slow_pc.require_exact(expected)


def test_connection_cut_in_the_middle_keeps_every_version(slow_pc: Pc, sshd: LoopbackSshd) -> None:
    expected: dict[int, World] = {}
    expected[good(slow_pc.house.back_up()).seq] = slow_pc.world()
    slow_pc.docs.write(b"big", SECOND, T0 + 1)
    with when_arrived(slow_pc.store, 2 * MIB, sshd.drop_connections):
        run = good(slow_pc.house.back_up())
    assert [attempt.error_code for attempt in run.attempts] == ["transfer-interrupted", ""]
    expected[run.seq] = slow_pc.world()
    slow_pc.require_exact(expected)


def test_changed_between_two_tries_of_small_files_keeps_the_oldest(slow_pc: Pc) -> None:
    """The first try installs new small files before it is cut; the second displaces those again."""
    for number in range(20):
        slow_pc.docs.write(b"a%02d" % number, b"first %d" % number, T0)
    expected: dict[int, World] = {}
    expected[good(slow_pc.house.back_up()).seq] = slow_pc.world()

    def edit(text: bytes, later: int) -> None:
        for number in range(20):
            slow_pc.docs.write(b"a%02d" % number, text, T0 + later)

    edit(b"second", 1)
    slow_pc.docs.write(b"big", SECOND, T0 + 1)
    slow_pc.house.clock.on_wait = lambda: edit(b"third", 2)
    with when_arrived(slow_pc.store, 2 * MIB, KILLS["KILL"]):
        run = good(slow_pc.house.back_up())
    assert len(run.attempts) == 2
    expected[run.seq] = slow_pc.world()
    slow_pc.require_exact(expected)


def test_changed_between_two_tries_loses_the_oldest_with_the_obvious_recipe(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    recipe = ObviousRecipe(tmp_path, folder)
    for text in ("first", "second", "third one"):
        (folder / "note").write_text(text)
        run = "run1" if text == "first" else "run2"
        assert recipe.run(run) == 0
    assert b"first" not in recipe.contents("note")


def test_cancelled_transfer_leaves_no_process_and_goes_on_later(slow_pc: Pc) -> None:
    expected: dict[int, World] = {}
    expected[good(slow_pc.house.back_up()).seq] = slow_pc.world()
    slow_pc.docs.write(b"big", SECOND, T0 + 1)
    cancelled: list[bool] = []
    slow_pc.house.watcher.stop = lambda: bool(cancelled)
    with when_arrived(slow_pc.store, 2 * MIB, lambda: cancelled.append(True)):
        assert slow_pc.house.back_up().outcome is RunOutcome.CANCELLED
    cancelled.clear()
    slow_pc.require_exact(expected)
    slow_pc.require_clean_current({b"big"})
    expected[good(slow_pc.house.back_up()).seq] = slow_pc.world()
    slow_pc.require_exact(expected)


def test_current_holds_plain_copies(slow_pc: Pc) -> None:
    """The newest copy of every file is there for ``cp``."""
    good(slow_pc.house.back_up())
    assert world_of_folder(slow_pc.house.current()) == slow_pc.world()
