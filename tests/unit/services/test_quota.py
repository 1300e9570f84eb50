"""A host stores no more than its quota: before a transfer and in its middle; what is kept is not harmed."""

from dataclasses import replace
from pathlib import Path

import pytest

from bck_adapters.memory.clock import SettableClock
from bckcore.domain.host import Host
from bckcore.domain.ids import HostId
from bckcore.domain.run import RunOutcome
from bckcore.domain.transfer import TransferProgress
from bckcore.errors import InvalidInputError, QuotaExceededError
from bckcore.ports.storage import StoreUsage
from bckcore.services.quota import QuotaWatcher
from tests.support.desks import Desk
from tests.support.house import RecordingWatcher

PC = Host(id=HostId("pc1"), address="192.0.2.1", quota_bytes=1000, quota_inodes=100)


class Scale:
    """A storage of which only the usage counts."""

    def __init__(self) -> None:
        self.now = StoreUsage(bytes=0, inodes=0)
        self.looks = 0

    def usage(self, _host: HostId) -> StoreUsage:
        self.looks += 1
        return self.now


@pytest.fixture
def scale() -> Scale:
    return Scale()


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(auto_advance=False)


def watching(scale, clock, host=PC):
    return QuotaWatcher(host, RecordingWatcher(), storage=scale, clock=clock)


def test_a_host_without_a_quota_is_never_measured(scale, clock):
    watch = watching(scale, clock, replace(PC, quota_bytes=None, quota_inodes=None))
    clock.advance(3600)
    watch.progress(TransferProgress(bytes_done=10**15, files_seen=10**9))
    assert (scale.looks, watch.is_cancelled()) == (0, False)


@pytest.mark.parametrize("used", [StoreUsage(bytes=1000, inodes=0), StoreUsage(bytes=0, inodes=100)])
def test_a_host_that_is_full_begins_nothing(scale, clock, used):
    scale.now = used
    with pytest.raises(QuotaExceededError, match="quota"):
        watching(scale, clock)


def test_a_transfer_that_may_have_used_up_the_room_is_measured_and_stopped(scale, clock):
    watch = watching(scale, clock)
    clock.advance(2)
    watch.progress(TransferProgress(bytes_done=999, files_seen=99))
    assert (scale.looks, watch.is_cancelled()) == (1, False)
    scale.now = StoreUsage(bytes=1000, inodes=1)
    watch.progress(TransferProgress(bytes_done=1000))
    assert (scale.looks, watch.is_cancelled()) == (2, True)
    assert watch.error is not None
    assert watch.error.code == "quota-exceeded"


def test_what_is_claimed_and_takes_no_room_stops_nothing(scale, clock):
    watch = watching(scale, clock)
    for number in range(1, 6):
        clock.advance(2)
        watch.progress(TransferProgress(bytes_done=4 * 2**30 * number))
    assert (scale.looks, watch.is_cancelled()) == (6, False)


def test_names_that_nobody_transfers_are_found_by_the_look_now_and_then(scale, clock):
    watch = watching(scale, clock, replace(PC, quota_bytes=None))
    scale.now = StoreUsage(bytes=0, inodes=100)
    clock.advance(10)
    watch.progress(TransferProgress())
    assert not watch.is_cancelled()
    clock.advance(60)
    watch.progress(TransferProgress())
    assert watch.is_cancelled()


def test_a_new_attempt_counts_from_nothing(scale, clock):
    watch = watching(scale, clock)
    clock.advance(2)
    watch.progress(TransferProgress(bytes_done=1500))
    scale.now = StoreUsage(bytes=1000, inodes=0)
    clock.advance(2)
    watch.progress(TransferProgress(bytes_done=999))
    assert not watch.is_cancelled()
    watch.progress(TransferProgress(bytes_done=1001))
    assert watch.is_cancelled()


@pytest.mark.parametrize("quota", [0, -1, 2**63])
def test_a_quota_is_a_number_that_a_database_holds(quota):
    with pytest.raises(InvalidInputError):
        replace(PC, quota_bytes=quota)


def _limited(desk: Desk, **quota: int | None) -> None:
    with desk.house.database.units() as uow:
        (host,) = uow.hosts.list()
        uow.hosts.update(replace(host, **quota))  # type: ignore[arg-type]  # names of its fields
        uow.commit()


def test_a_run_of_a_full_host_fails_with_the_reason_and_keeps_every_point(quick_dir: Path) -> None:
    desk = Desk(quick_dir)
    desk.write("a", "b")
    assert desk.back_up().outcome is RunOutcome.SUCCEEDED
    before = desk.world()
    _limited(desk, quota_inodes=1)
    desk.write("c")
    run = desk.back_up()
    assert (run.outcome, run.error_code, run.made_point) == (RunOutcome.FAILED, "quota-exceeded", False)
    desk.assert_restores(before, 1)
    _limited(desk, quota_inodes=None)
    assert desk.back_up().outcome is RunOutcome.SUCCEEDED
    desk.assert_restores(before, 1)
    desk.assert_restores(desk.world())
