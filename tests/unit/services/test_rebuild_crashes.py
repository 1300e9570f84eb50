"""A rebuild that ends at any step: nothing works on half a catalog, and the next start or rebuild heals."""

import shutil
from pathlib import Path

import pytest

from bck_adapters.memory.state import State
from bckcore.domain.act import ActKind
from bckcore.errors import ConflictError, NotFoundError, StorageError
from bckcore.services import replay
from bckcore.services.acts import Acts
from tests.support.crashes import CrashingHouse, crashes
from tests.support.house import DOCS, REF
from tests.support.lives import Life
from tests.support.patience import stride
from tests.support.rebuilds import known, rebuilding


def eventful(folder: Path) -> Life:
    life = Life(folder).begin()
    for mark in (b"m4", b"m5"):
        life.change_little(mark)
        life.back_up()
    house = life.house
    acts = Acts(units=house.database.units, storage=house.storage, clock=house.clock)
    acts.record(REF, ActKind.HOLD, by="anna", reason="audit", points=(1,))
    house.prune(2)
    life.change_little(b"m6")
    life.back_up()
    return life


def crash_in_a_rebuild(folder: Path, step: int, *, over: bool) -> bool:
    """Crash at that step; then a restore or backup is right or refused, and a second rebuild is whole."""
    life = eventful(folder)
    before = known(life.house.database)
    if not over:
        lose(life.house)
    life.house.fuse.set(step)
    crashed = crashes(lambda: rebuilding(life.house).rebuild(REF))
    where = f"crash at step {step}: {life.house.fuse.last}"
    try:
        life.house = life.house.reopened()
        try:
            life.house.recovery.tidy(REF)
            life.assert_every_point_restores()
        except NotFoundError:
            assert not over, "the profile was there before"
        except (ConflictError, StorageError) as error:
            if "bck catalog rebuild --profile docs" not in str(error):
                raise
        else:
            assert known(life.house.database) == before, "what was started on is half a catalog"
        rebuilding(life.house).rebuild(REF)
        assert known(life.house.database) == before
        life.assert_every_point_restores()
        life.change_little(b"m7")
        life.back_up()
        life.assert_every_point_restores()
        life.assert_books_are_right()
    except BaseException as error:
        error.add_note(where)
        raise
    return crashed


def lose(house: CrashingHouse) -> None:
    house._inner.units.__self__._replace(State())  # type: ignore[attr-defined]  # a memory database's own


def each_step(folder: Path, *, over: bool) -> None:
    step = 1
    while crash_in_a_rebuild(folder / str(step), step, over=over):
        shutil.rmtree(folder / str(step))
        step += stride(6)
    assert step > 20, "the crashes were not planted"


def test_a_crash_at_any_step_of_a_rebuild_on_a_new_database_heals(
    quick_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "EVENTS_AT_ONCE", 1)
    each_step(quick_dir, over=False)


def test_a_crash_at_any_step_of_a_rebuild_over_what_is_there_heals(
    quick_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "EVENTS_AT_ONCE", 2)
    each_step(quick_dir, over=True)


def test_half_a_rebuild_is_no_catalog_to_back_up_with(
    quick_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next backup first enters the rest."""
    monkeypatch.setattr(replay, "EVENTS_AT_ONCE", 1)
    life = eventful(quick_dir)
    before = known(life.house.database)
    plain = life.house.fuse.step
    commits = 0

    def burn(name: str) -> None:
        nonlocal commits
        commits += name == "after commit"
        if commits == 4:
            life.house.fuse.at = 1
        plain(name)

    life.house.fuse.step = burn  # type: ignore[method-assign]  # by commits instead of by number
    assert crashes(lambda: rebuilding(life.house).rebuild(REF))
    life.house.fuse.step = plain  # type: ignore[method-assign]  # back again
    life.house = life.house.reopened()
    with life.house.database.units(read_only=True) as uow:
        assert 0 < len(uow.runs.list(DOCS)) < len(before.runs)
    assert life.house.back_up().made_point is False
    assert any("that the database had missed" in line for line in life.house.watcher.lines)
    after = known(life.house.database)
    assert after.entries == before.entries
    assert after.runs[:-1] == before.runs
