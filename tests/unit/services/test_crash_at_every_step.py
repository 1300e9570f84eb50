"""A crash at every step of a run and of a prune: nothing kept is lost, and the next start puts all in order.

A step is each call of the storage port, each commit (before and after it) and each change the transport
makes; in the second round also each system call that changes the file system. Or the power goes at that step:
then the disk has nothing that no sync has brought there, and the database all that was committed.
"""

import shutil
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from bckcore.domain.retention import RetentionPolicy
from tests.support.crashes import Crash, crashes, nothing_steps, system_calls_step
from tests.support.house import DOCS, REF
from tests.support.lives import Life
from tests.support.patience import stride

ACTS = ["a run", "a prune that frees", "a prune that merges"]
Check = Callable[[Path, int], bool]
"""Lives one life with a crash at that step; False once the step lies behind the end."""


def each_step(folder: Path, check: Check, quick: int = 1) -> int:
    """Check every step in turn, on a push each ``quick``-th; return how many there were."""
    step = 1
    while check(folder / str(step), step):
        shutil.rmtree(folder / str(step))
        step += stride(quick)
    assert step > 20, "the crashes were not planted"
    return step


def crash_in_a_run(folder: Path, step: int, *, system_calls: bool, power_goes: bool = False) -> bool:
    life = Life(folder).begin()
    ever = names_on_the_pc(life)
    life.change_much()
    ever |= names_on_the_pc(life) | {b"away", b"mark", b"again"}
    life.expected[4] = life.worlds()
    power = life.house.on_mains() if power_goes else None
    life.house.fuse.set(step)
    with system_calls_step(life.house.fuse) if system_calls else nothing_steps():
        crashed = crashes(life.house.back_up)
    where = f"crash at step {step}: {life.house.fuse.last}"
    try:
        if power is not None:
            power.cut()
        life.house = life.house.reopened()
        assert [point.seq for point in life.house.points()][:2] == [1, 2]
        life.assert_every_point_restores()
        life.assert_current_holds_only_files_of_the_pc(ever)
        life.change_little(b"mark")
        life.back_up()
        life.assert_every_point_restores()
        life.assert_books_are_right()
        life.change_little(b"again")
        life.back_up()
        life.assert_every_point_restores()
        life.assert_books_are_right()
        life.assert_current_holds_only_files_of_the_pc(ever)
    except BaseException as error:
        error.add_note(where)
        raise
    return crashed


def crash_in_a_prune(
    folder: Path, step: int, *, system_calls: bool, power_goes: bool = False, merges: bool = False
) -> bool:
    """With ``merges`` the first point stays: increments are merged; else they are freed."""
    life = Life(folder).begin()
    kept = [1, 5, 6] if merges else [5, 6]
    if merges:
        life.house.holds.hold(DOCS, "1", owner="test", reason="stays")
    life.change_much()
    life.back_up()
    for mark in (b"m5", b"m6"):
        life.change_little(mark)
        life.back_up()
    life.house.change_profile(
        retention=RetentionPolicy(keep_last=2, keep_within=timedelta(0), min_age=timedelta(0))
    )
    power = life.house.on_mains() if power_goes else None
    life.house.fuse.set(step)
    with system_calls_step(life.house.fuse) if system_calls else nothing_steps():
        crashed = crashes(lambda: life.house.prunes.prune(DOCS, life.house.watcher))
    where = f"crash at step {step}: {life.house.fuse.last}"
    try:
        if power is not None:
            power.cut()
        life.house = life.house.reopened()
        assert [point.seq for point in life.house.points()] in ([1, 2, 4, 5, 6], kept)
        life.house.recovery.tidy(REF)
        life.assert_every_point_restores()
        life.house.prunes.prune(DOCS, life.house.watcher)
        assert [point.seq for point in life.house.points()] == kept
        life.assert_every_point_restores()
        life.assert_books_are_right()
        assert len(increments_on_disk(life)) <= len(kept) - 1, "increments that no point needs still stand"
        life.change_little(b"m7")
        life.back_up()
        life.assert_every_point_restores()
    except BaseException as error:
        error.add_note(where)
        raise
    return crashed


def names_on_the_pc(life: Life) -> set[bytes]:
    return {*life.docs.nodes, *life.pics.nodes}


def increments_on_disk(life: Life) -> list[str]:
    return sorted(folder.name for folder in (life.house.root / ".history").iterdir() if any(folder.iterdir()))


def test_a_crash_at_any_step_of_a_run_loses_nothing(quick_dir: Path) -> None:
    each_step(quick_dir, lambda folder, step: crash_in_a_run(folder, step, system_calls=False), quick=5)


def test_a_crash_at_any_step_of_a_prune_loses_nothing(quick_dir: Path) -> None:
    each_step(quick_dir, lambda folder, step: crash_in_a_prune(folder, step, system_calls=False), quick=3)


@pytest.mark.parametrize(
    "act", [crash_in_a_run, crash_in_a_prune, partial(crash_in_a_prune, merges=True)], ids=ACTS
)
def test_a_power_cut_at_any_step_loses_nothing(act: Callable[..., bool], quick_dir: Path) -> None:
    each_step(quick_dir, partial(act, system_calls=False, power_goes=True), quick=7)


@pytest.mark.parametrize("act", [crash_in_a_run, crash_in_a_prune])
def test_a_crash_between_two_system_calls_loses_nothing(act: Callable[..., bool], quick_dir: Path) -> None:
    each_step(quick_dir, lambda folder, step: act(folder, step, system_calls=True), quick=17)


def test_the_planted_crash_is_no_error_of_ours() -> None:
    """Or the services would tidy up after it, as no dead process can."""
    assert not issubclass(Crash, Exception)
