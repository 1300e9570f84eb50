"""Acts: written durably first, numbered and chained, and the same effect whenever they are entered."""

from dataclasses import replace
from datetime import timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path

import pytest

from bck_adapters.storage_fs import FsStorage
from bckcore.domain.act import Act, ActKind, encoded
from bckcore.domain.hold import Hold
from bckcore.errors import StoreFullError
from bckcore.services.acts import Acts, apply_act
from tests.support.desks import Desk, T
from tests.support.house import DOCS


@pytest.fixture
def desk(quick_dir: Path) -> Desk:
    return with_points(Desk(quick_dir), 4)


def with_points(desk: Desk, count: int) -> Desk:
    for number in range(1, count + 1):
        desk.write("a", data=b"%d" % number, mtime_ns=T + number)
        desk.back_up()
    return desk


def acts_of(desk: Desk) -> Acts:
    return Acts(units=desk.house.database.units, storage=desk.house.storage, clock=desk.house.clock)


def pruned(desk: Desk, *points: int) -> Act:
    return acts_of(desk).record(desk.newest_ref, ActKind.PRUNE, by="retention", reason="old", points=points)


def test_a_recorded_prune_stands_in_storage_and_its_points_are_forgotten(desk: Desk) -> None:
    act = pruned(desk, 3, 1, 3)
    assert (act.number, act.points, act.after_seq, act.previous) == (1, (1, 3), 4, "")
    assert [found for found, _ in desk.house.storage.acts(desk.newest_ref)] == [act]
    assert [point.seq for point in desk.house.points()] == [2, 4]
    with desk.house.database.units(read_only=True) as uow:
        assert uow.acts.list(DOCS) == [act]


def test_acts_are_numbered_without_gaps_and_chained(desk: Desk) -> None:
    first = pruned(desk, 1)
    with_points(desk, 5)
    second = pruned(desk, 2)
    assert (second.number, second.after_seq) == (2, 9)
    assert second.previous == sha256(encoded(first)).hexdigest()


def test_an_act_entered_twice_has_its_effect_once(desk: Desk) -> None:
    act = pruned(desk, 1, 2)
    before = desk.house.points(), desk.entries(3), desk.entries(4)
    with desk.house.database.units() as uow:
        apply_act(uow, act)
        uow.commit()
    assert (desk.house.points(), desk.entries(3), desk.entries(4)) == before


def test_an_act_that_the_database_missed_is_entered_with_the_next(desk: Desk) -> None:
    first = pruned(desk, 1)
    previous = sha256(encoded(first)).hexdigest()
    missed = replace(first, number=2, points=(2,), previous=previous)
    desk.house.storage.write_act(missed)
    assert pruned(desk, 3).number == 3
    assert [point.seq for point in desk.house.points()] == [4]


def test_an_act_that_cannot_be_written_has_no_effect(quick_dir: Path) -> None:
    class Full(FsStorage):
        def write_act(self, act: Act) -> str:
            raise StoreFullError("Nothing more fits.")

    desk = with_points(Desk(quick_dir, storage_type=Full), 2)
    with pytest.raises(StoreFullError):
        pruned(desk, 1)
    assert [point.seq for point in desk.house.points()] == [1, 2]
    with desk.house.database.units(read_only=True) as uow:
        assert uow.acts.list(DOCS) == []


def test_a_hold_is_entered_with_all_it_says_and_a_release_ends_it(desk: Desk) -> None:
    expires = desk.house.clock.now() + timedelta(days=3)
    record = partial(acts_of(desk).record, desk.newest_ref, points=(2, 3))
    act = record(ActKind.HOLD, by="anna", reason="audit", expires=expires)
    with desk.house.database.units(read_only=True) as uow:
        assert list(uow.holds.list(DOCS)) == [
            Hold(profile=DOCS, seq=seq, reason="audit", owner="anna", created=act.at, expires=expires)
            for seq in (2, 3)
        ]
    record(ActKind.RELEASE, by="bert", reason="done")
    with desk.house.database.units(read_only=True) as uow:
        assert list(uow.holds.list(DOCS)) == []


def test_the_hold_on_a_forgotten_point_goes_with_it(desk: Desk) -> None:
    acts_of(desk).record(desk.newest_ref, ActKind.HOLD, by="anna", reason="audit", points=(1,))
    pruned(desk, 1)
    with desk.house.database.units(read_only=True) as uow:
        assert list(uow.holds.list(DOCS)) == []
