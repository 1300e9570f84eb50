"""A crash at every step of an undo, an acceptance, a forgetting: nothing kept is lost, the next start heals.

Steps are those of test_crash_at_every_step: calls of the storage port and commits, then system calls too;
and power cuts.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from bckcore.domain.run import ProfileRef, RunOutcome
from bckcore.services.history_requests import UndoRequest
from bckcore.services.missing import SUSPECT_FROM
from tests.support.crashes import CrashingHouse, crashes, nothing_steps, system_calls_step
from tests.support.house import DOCS
from tests.support.lives import Life, T
from tests.support.rewriting import Rewriting
from tests.unit.services.test_crash_at_every_step import each_step

SECRET = b"a secret that must go"


def lived(folder: Path) -> Life:
    """Points 1, 2, 4 and 5; run 3 was cut."""
    life = Life(folder).begin()
    life.change_much()
    life.docs.write(b"d/hidden", SECRET, T)
    life.back_up()
    life.docs.write(b"d/hidden", SECRET + b" changed", T + 1)
    life.change_little(b"five")
    life.back_up()
    return life


def cut(
    life: Life,
    act: Callable[[Rewriting], object],
    step: int,
    *,
    system_calls: bool = False,
    power_goes: bool = False,
) -> bool:
    """Do it with a crash at that step, then open the house in a new process."""
    house: CrashingHouse = life.house
    rewriting = Rewriting(house)
    power = house.on_mains() if power_goes else None
    house.fuse.set(step)
    with system_calls_step(house.fuse) if system_calls else nothing_steps():
        crashed = crashes(lambda: act(rewriting))
    if power is not None:
        power.cut()
    life.house = house.reopened()
    return crashed


def crash_in_an_undo(folder: Path, step: int, **how: bool) -> bool:
    life = lived(folder)
    life.expected[6] = life.expected[2]
    crashed = cut(life, lambda rewriting: rewriting.undo(4), step, **how)
    life.house.recovery.recover(profile_ref(life))
    assert [point.seq for point in life.house.points()][:4] == [1, 2, 4, 5]
    life.assert_every_point_restores()
    number = last_run(life) + 1
    life.expected[number] = life.expected[2]
    assert Rewriting(life.house).undo(to=2).outcome is RunOutcome.SUCCEEDED
    life.assert_every_point_restores()
    life.assert_books_are_right()
    life.change_little(b"mark")
    life.back_up()
    life.assert_every_point_restores()
    life.assert_books_are_right()
    return crashed


def crash_in_an_undo_then_a_backup(folder: Path, step: int, **how: bool) -> bool:
    """The PC's own state is right, too, whatever the undo had done to current."""
    life = lived(folder)
    life.expected[6] = life.expected[1]
    crashed = cut(life, lambda rewriting: rewriting.undo(to=1), step, **how)
    life.change_little(b"mark")
    life.back_up()
    life.assert_every_point_restores()
    life.house.prune(keep_last=2)
    life.assert_every_point_restores()
    life.assert_books_are_right()
    return crashed


def crash_in_an_acceptance(folder: Path, step: int, **how: bool) -> bool:
    life = lived(folder)
    for number in range(SUSPECT_FROM + 1):
        life.docs.write(b"many/%03d" % number, b"1", T)
    life.back_up()
    life.docs.delete(b"many")
    assert life.house.back_up().outcome is RunOutcome.SUSPECT
    life.expected[8] = life.worlds()
    crashed = cut(life, lambda rewriting: rewriting.accept(), step, **how)
    life.house.recovery.recover(profile_ref(life))
    life.assert_every_point_restores()
    if [point.seq for point in life.house.points()][-1] != 8:
        life.expected[last_run(life) + 1] = life.worlds()
        assert Rewriting(life.house).accept().made_point
    life.assert_every_point_restores()
    life.assert_books_are_right()
    return crashed


def crash_in_a_forgetting(folder: Path, step: int, **how: bool) -> bool:
    life = lived(folder)
    crashed = cut(life, lambda rewriting: rewriting.forget(b"docs/d/hidden"), step, **how)
    life.house.recovery.recover(profile_ref(life))
    if list(life.house.storage.acts(profile_ref(life))):
        for worlds in life.expected.values():
            worlds["docs"].pop(b"d/hidden", None)
        assert not any(
            SECRET in place.read_bytes() for place in life.house.root.rglob("*") if place.is_file()
        )
    life.assert_every_point_restores()
    life.docs.delete(b"d/hidden")
    life.change_little(b"mark")
    life.back_up()
    life.assert_every_point_restores()
    with life.house.database.units(read_only=True) as uow:
        assert [run.seq for run in uow.runs.list(DOCS) if run.outcome is None] == []
    return crashed


def profile_ref(life: Life) -> ProfileRef:
    with life.house.database.units(read_only=True) as uow:
        return uow.profiles.get(DOCS).ref


def last_run(life: Life) -> int:
    with life.house.database.units(read_only=True) as uow:
        last = uow.runs.last(DOCS)
    return last.seq if last else 0


ACTS = [crash_in_an_undo, crash_in_an_undo_then_a_backup, crash_in_an_acceptance, crash_in_a_forgetting]


@pytest.mark.parametrize("act", ACTS)
def test_a_crash_at_any_step_loses_nothing(act: Callable[..., bool], quick_dir: Path) -> None:
    each_step(quick_dir, act, quick=5)


@pytest.mark.parametrize("act", ACTS)
def test_a_power_cut_at_any_step_loses_nothing(act: Callable[..., bool], quick_dir: Path) -> None:
    each_step(quick_dir, lambda folder, step: act(folder, step, power_goes=True), quick=11)


@pytest.mark.parametrize("act", ACTS)
def test_a_crash_between_two_system_calls_loses_nothing(act: Callable[..., bool], quick_dir: Path) -> None:
    each_step(quick_dir, lambda folder, step: act(folder, step, system_calls=True), quick=23)


def test_what_is_planned_here_is_what_is_undone(quick_dir: Path) -> None:
    plan = Rewriting(lived(quick_dir).house).undos.plan(DOCS, UndoRequest(run="4"))
    assert [run.seq for run in plan.undone] == [4, 5]
