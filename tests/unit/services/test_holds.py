"""Holds: a held point stays whatever the policy says; what is wrong is refused and changes nothing."""

from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from pathlib import Path

import pytest

from bck_adapters.memory.hosts import MemoryHost
from bck_adapters.memory.transport import MemoryTransport
from bck_adapters.storage_fs import FsStorage
from bckcore.domain.act import Act, ActKind
from bckcore.domain.ids import ProfileId
from bckcore.errors import (
    BckError,
    ConflictError,
    InvalidInputError,
    NotFoundError,
    StorageError,
    StoreFullError,
)
from bckcore.services.holds import HeldPoint, HoldService
from tests.support.crashes import crashes, crashing_house
from tests.support.desks import Desk, T
from tests.support.house import DOCS, PC, House

DAY = timedelta(days=1)


@pytest.fixture
def desk(quick_dir: Path) -> Desk:
    return with_points(Desk(quick_dir), 5)


def with_points(desk: Desk, count: int) -> Desk:
    for number in range(count):
        desk.write("a", data=b"%d" % number, mtime_ns=T + number)
        desk.back_up()
    return desk


def holds(house: House) -> HoldService:
    return HoldService(
        units=house.database.units, storage=house.storage, recovery=house.recovery, clock=house.clock
    )


def hold(desk: Desk, point: str = "2", expires: datetime | None = None) -> HeldPoint:
    return holds(desk.house).hold(DOCS, point, reason="audit", owner="anna", expires=expires)


def kept(desk: Desk) -> list[int]:
    return [point.seq for point in desk.house.points()]


def acts(desk: Desk) -> list[Act]:
    return [act for act, _ in desk.house.storage.acts(desk.newest_ref)]


def test_a_held_point_outlives_the_policy_and_restores(desk: Desk) -> None:
    world, _ = desk.world(), with_points(desk, 1)
    held = hold(desk, "5")
    assert (held.active, held.point.seq, held.hold.owner, held.hold.reason) == (True, 5, "anna", "audit")
    with_points(desk, 3)
    desk.house.prune(keep_last=1)
    assert kept(desk) == [5, 9]
    desk.assert_restores(world, 5)


def test_a_released_point_goes_with_the_next_prune(desk: Desk) -> None:
    hold(desk)
    desk.house.prune(keep_last=1)
    assert kept(desk) == [2, 5]
    released = holds(desk.house).release(DOCS, "2", by="bert", reason="done")
    assert released.hold.owner == "anna"
    desk.house.prune(keep_last=1)
    assert kept(desk) == [5]
    assert holds(desk.house).list(DOCS) == []


def test_an_expired_hold_holds_no_longer_and_may_be_replaced(desk: Desk) -> None:
    until = desk.house.clock.now() + DAY
    hold(desk, expires=until)
    desk.house.clock.set(until - timedelta(seconds=1))
    desk.house.prune(keep_last=1)
    assert kept(desk) == [2, 5]
    desk.house.clock.set(until)
    assert [one.active for one in holds(desk.house).list(DOCS)] == [False]
    assert hold(desk).hold.expires is None
    holds(desk.house).release(DOCS, "2", by="anna")
    hold(desk, expires=until + DAY)
    desk.house.clock.set(until + DAY)
    desk.house.prune(keep_last=1)
    assert kept(desk) == [5]
    assert holds(desk.house).list(DOCS) == [], "it went with its point"


def test_a_hold_is_written_down_with_who_why_and_until_when(desk: Desk) -> None:
    until = desk.house.clock.now() + DAY
    hold(desk, expires=until)
    holds(desk.house).release(DOCS, "2", by="bert", reason="done")
    [held, released] = acts(desk)
    assert (held.kind, held.by, held.reason, held.points, held.expires) == (
        ActKind.HOLD,
        "anna",
        "audit",
        (2,),
        until,
    )
    assert (released.kind, released.by, released.reason, released.points) == (
        ActKind.RELEASE,
        "bert",
        "done",
        (2,),
    )


def test_what_a_prune_forgot_is_written_down_with_policy_and_reasons(desk: Desk) -> None:
    hold(desk, "1")
    forgotten = [desk.house.points()[seq - 1].run_id for seq in (2, 3)]
    desk.house.prune(keep_last=2)
    act = acts(desk)[-1]
    assert (act.kind, act.by, act.points) == (ActKind.PRUNE, "retention", (2, 3))
    policy, *lines = act.reason.splitlines()
    assert policy == "last 2, within 0s"
    assert lines == [
        f"{seq} {run}: older than 0s; not among the last 2 good points"
        for seq, run in zip((2, 3), forgotten, strict=True)
    ]


def test_a_point_is_held_while_a_backup_of_its_profile_runs(desk: Desk) -> None:
    with desk.house.storage.lock(desk.newest_ref, wait_seconds=0):
        assert hold(desk).active
        holds(desk.house).release(DOCS, "2", by="anna")


@pytest.mark.parametrize(
    ("point", "reason", "after", "error"),
    [
        ("99", "why", None, NotFoundError),
        ("../x", "why", None, NotFoundError),
        ("2", "", None, InvalidInputError),
        ("2", " \n", None, InvalidInputError),
        ("2", "why", timedelta(0), InvalidInputError),
        ("2", "why", -DAY, InvalidInputError),
        ("2", "why", 365_000 * DAY, InvalidInputError),
        ("3", "why", None, ConflictError),
    ],
)
def test_a_hold_that_makes_no_sense_is_refused_and_changes_nothing(
    desk: Desk, point: str, reason: str, after: timedelta | None, error: type[BckError]
) -> None:
    hold(desk, "3")
    before = acts(desk), holds(desk.house).list(DOCS)
    expires = None if after is None else desk.house.clock.now() + after
    with pytest.raises(error):
        holds(desk.house).hold(DOCS, point, reason=reason, owner="bert", expires=expires)
    assert (acts(desk), holds(desk.house).list(DOCS)) == before


@pytest.mark.parametrize("offset", [-12, 12])
def test_an_end_at_the_edge_of_the_calendar_is_refused(desk: Desk, offset: int) -> None:
    zone = timezone(timedelta(hours=offset))
    for edge in (datetime.max.replace(tzinfo=zone), datetime.min.replace(tzinfo=zone)):
        with pytest.raises(InvalidInputError):
            hold(desk, expires=edge)


def test_unknown_profiles_and_points_that_are_not_held_are_not_found(desk: Desk) -> None:
    service = holds(desk.house)
    for step in (
        lambda: service.release(DOCS, "2", by="anna"),
        lambda: service.release(DOCS, "99", by="anna"),
        lambda: service.list(ProfileId("none")),
        lambda: service.release(ProfileId("none"), "2", by="anna"),
        lambda: service.hold(ProfileId("none"), "2", reason="why", owner="anna"),
    ):
        with pytest.raises(NotFoundError):
            step()
    assert acts(desk) == []


def test_a_hold_that_cannot_be_written_is_no_hold(quick_dir: Path) -> None:
    class Full(FsStorage):
        def write_act(self, act: Act) -> str:
            raise StoreFullError("Nothing more fits.")

    desk = with_points(Desk(quick_dir, storage_type=Full), 2)
    with pytest.raises(StoreFullError):
        hold(desk)
    assert holds(desk.house).list(DOCS) == []


def test_nothing_is_held_in_another_storage(desk: Desk) -> None:
    """An empty folder stands where the disk is not mounted."""
    desk.house.root.rename(desk.house.root.with_name("away"))
    desk.house.storage.prepare()
    with pytest.raises(StorageError, match="receipt"):
        hold(desk)
    assert holds(desk.house).list(DOCS) == []


def test_a_crash_at_any_step_leaves_a_hold_that_stands_or_none(quick_dir: Path) -> None:
    seen = set()
    for step in range(1, 50):
        host = MemoryHost()
        house = crashing_house(quick_dir / str(step), MemoryTransport({PC: host}))
        for number in range(4):
            host.source("/home/u/docs").write(b"a", b"%d" % number, T + number)
            house.back_up()
        house.fuse.set(step)
        hold = partial(holds(house).hold, DOCS, "2", reason="audit", owner="anna")
        crashed = crashes(hold)
        house = house.reopened()
        written = (house.root / ".receipts" / "pc1" / "docs" / "act-000001.json").exists()
        house.prune(keep_last=1)
        assert [point.seq for point in house.points()] == ([2, 4] if written else [4]), f"step {step}"
        seen.add(written)
        if not crashed:
            break
    assert seen == {False, True}


def test_times_are_kept_in_utc(desk: Desk) -> None:
    until = (desk.house.clock.now() + DAY).astimezone(timezone(timedelta(hours=5)))
    hold(desk, expires=until)
    [found] = holds(desk.house).list(DOCS)
    assert found.hold.expires == until.astimezone(UTC)
