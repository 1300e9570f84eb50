"""What the database was told is on the disk: no power cut makes it believe in moves that were undone.

At every step of everything: test_crash_at_every_step and test_crash_in_rewriting. Here stand the windows by
name.
"""

from pathlib import Path

import pytest

from bckcore.services.rebuild import Rebuild
from tests.support.checking import checked
from tests.support.crashes import crashes
from tests.support.house import DOCS, REF
from tests.support.lives import Life, T
from tests.support.power import Power
from tests.support.rewriting import Rewriting

SECRET = b"a secret that must go"


@pytest.fixture
def life(quick_dir: Path) -> Life:
    """Points 1, 2, 4, 5 and 6, of which a prune keeps the first and the last."""
    life = Life(quick_dir).begin()
    life.change_much()
    life.docs.write(b"hidden", SECRET, T)
    life.back_up()
    for mark in (b"m5", b"m6"):
        life.change_little(mark)
        life.back_up()
    life.house.holds.hold(DOCS, "1", owner="test", reason="stays")
    return life


def prune(life: Life) -> None:
    assert life.house.prune(keep_last=1).kept == (1, 6)


def power_goes(life: Life, power: Power) -> None:
    power.cut()
    life.house = life.house.reopened()


def test_right_after_a_prune(life: Life) -> None:
    power = life.house.on_mains()
    prune(life)
    power_goes(life, power)
    assert life.house.recovery.tidy(REF) == []
    life.assert_every_point_restores()
    assert checked(life.house).findings == ()


def test_right_after_a_prune_whose_moves_nobody_synced(life: Life) -> None:
    """As an earlier release left it: the increments that came back count again."""
    power = Power(life.house.root)
    prune(life)
    power_goes(life, power)
    told = "Counting 4 increments again that had been taken for merged or removed."
    assert life.house.recovery.tidy(REF) == [told]
    life.assert_every_point_restores()
    assert checked(life.house).findings == ()
    for mark in (b"m7", b"m8"):
        life.change_little(mark)
        life.back_up()
    assert life.house.prune(keep_last=1).kept == (1, 8)
    life.assert_every_point_restores()
    assert len(life.house.storage.increments(REF)) == 1


def test_after_a_rebuild_that_found_a_prune_cut_off(life: Life) -> None:
    power = life.house.on_mains()
    life.house.fuse.set(None, named="before settle")
    assert crashes(lambda: prune(life))
    house = life.house = life.house.reopened()
    house.on_mains(power)
    Rebuild(
        units=house.database.units, storage=house.storage, recovery=house.recovery, clock=house.clock
    ).rebuild(REF)
    power_goes(life, power)
    assert life.house.recovery.tidy(REF) == []
    life.assert_every_point_restores()


def test_a_path_that_was_said_to_be_forgotten_is_gone(life: Life) -> None:
    power = life.house.on_mains()
    Rewriting(life.house).forget(b"docs/hidden")
    power.cut()
    assert holding_the_secret(life) == []


def test_a_forgetting_that_died_is_finished_for_good_before_a_run_begins(life: Life) -> None:
    """Once a run has begun, nobody goes back to what was forgotten before it."""
    power = life.house.on_mains()
    life.house.fuse.set(None, named="after remove_path")
    assert crashes(lambda: Rewriting(life.house).forget(b"docs/hidden"))
    life.house = life.house.reopened()
    life.house.on_mains(power)
    life.docs.delete(b"hidden")
    life.change_little(b"m7")
    life.house.fuse.set(None, named="before begin_attempt")
    assert crashes(life.house.back_up)
    power_goes(life, power)
    life.house.recovery.recover(REF)
    assert holding_the_secret(life) == []


def holding_the_secret(life: Life) -> list[Path]:
    return [path for path in life.house.root.rglob("*") if path.is_file() and SECRET in path.read_bytes()]
