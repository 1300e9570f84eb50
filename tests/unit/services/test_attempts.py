"""Attempts: what passes is tried again with patience, what does not is not."""

from pathlib import Path
from random import Random

import pytest

from bckcore.domain.events import HostUnreachable, RunFinished
from bckcore.domain.ids import RunId
from bckcore.domain.profile import Profile
from bckcore.domain.run import Run, RunOutcome
from bckcore.errors import (
    AuthenticationError,
    BckError,
    HostKeyChangedError,
    HostUnreachableError,
    RsyncMissingError,
    StoreFullError,
    TransferInterruptedError,
    TransferTimeoutError,
)
from bckcore.services.hooks import NullHooks
from bckcore.services.pull import LONGEST_BACKOFF, backoff
from tests.support.desks import Desk, T

PASSING = (HostUnreachableError, TransferInterruptedError, TransferTimeoutError)
LASTING = (AuthenticationError, HostKeyChangedError, RsyncMissingError, StoreFullError)


class Listener(NullHooks):
    """Remembers what it is told; vetoes when it has a reason."""

    def __init__(self) -> None:
        self.veto: str | None = None
        self.told: list[RunFinished | HostUnreachable] = []

    def run_starting(self, run: Run, profile: Profile) -> str | None:
        """The reason, if any."""
        return self.veto

    def run_finished(self, event: RunFinished) -> None:
        """Remember."""
        self.told.append(event)

    def host_unreachable(self, event: HostUnreachable) -> None:
        """Remember."""
        self.told.append(event)


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def desk(quick_dir: Path, listener: Listener) -> Desk:
    desk = Desk(quick_dir, attempts=3, hooks=listener)
    desk.write("a", "b", "c")
    return desk


@pytest.mark.parametrize("kind", PASSING)
def test_an_error_that_passes_is_tried_again_after_a_wait(desk: Desk, kind: type[BckError]) -> None:
    desk.host.errors.extend([kind("first"), kind("second")])
    before = desk.house.clock.monotonic()
    run = desk.back_up()
    assert run.outcome is RunOutcome.SUCCEEDED
    assert [(one.number, one.error_code) for one in run.attempts] == [(1, kind.code), (2, kind.code), (3, "")]
    waited = desk.house.clock.monotonic() - before - 3600
    assert 2.5 + 5 <= waited <= 5 + 10
    assert "Trying again in" in desk.log


def test_after_the_last_attempt_the_run_fails_with_the_last_error(desk: Desk) -> None:
    desk.host.errors.extend(
        [HostUnreachableError("one"), HostUnreachableError("two"), HostUnreachableError("three")]
    )
    run = desk.back_up()
    assert (run.outcome, run.error_code) == (RunOutcome.FAILED, "host-unreachable")
    assert run.error.startswith("three ")
    assert [one.error.split()[0] for one in run.attempts] == ["one", "two", "three"]


@pytest.mark.parametrize("kind", LASTING)
def test_an_error_that_lasts_is_not_tried_again(desk: Desk, kind: type[BckError]) -> None:
    desk.back_up()
    before = desk.world()
    desk.write("a", data=b"changed")
    desk.host.errors.append(kind("no", advice="do something"))
    run = desk.back_up()
    assert (run.outcome, run.error_code, run.made_point) == (RunOutcome.FAILED, kind.code, False)
    assert len(run.attempts) == 1
    assert "do something" in run.error
    assert f"error: {run.error}" in desk.log
    desk.assert_restores(before)


def test_a_host_that_does_not_answer_is_announced(desk: Desk, listener: Listener) -> None:
    desk.host.errors.extend(HostUnreachableError("It sleeps.") for _ in range(3))
    run = desk.back_up()
    unreachable, finished = listener.told
    assert isinstance(unreachable, HostUnreachable)
    assert (unreachable.host, unreachable.why) == ("pc1", "It sleeps.")
    assert finished == RunFinished(run=run)


def test_other_failures_are_not_announced_as_a_silent_host(desk: Desk, listener: Listener) -> None:
    desk.host.errors.append(AuthenticationError("no"))
    desk.back_up()
    assert [type(event) for event in listener.told] == [RunFinished]


def test_a_veto_fails_the_run_before_the_first_attempt_and_names_the_reason(
    desk: Desk, listener: Listener
) -> None:
    listener.veto = "the disk of the PC is about to be changed"
    run = desk.back_up()
    assert (run.outcome, run.error_code, run.attempts) == (RunOutcome.FAILED, "vetoed", ())
    assert listener.veto in run.error
    assert desk.house.points() == []
    listener.veto = None
    assert desk.back_up().outcome is RunOutcome.SUCCEEDED


def test_a_job_that_is_cancelled_while_it_waits_stops_there(desk: Desk) -> None:
    desk.host.errors.append(HostUnreachableError("down"))
    stop: list[bool] = []
    desk.house.clock.on_wait = lambda: stop.append(True)
    desk.house.watcher.stop = lambda: bool(stop)
    run = desk.back_up()
    assert (run.outcome, run.error_code, len(run.attempts)) == (RunOutcome.CANCELLED, "cancelled", 1)
    assert desk.house.points() == []


def test_a_job_that_is_cancelled_midway_keeps_all_it_displaced(desk: Desk) -> None:
    desk.back_up()
    before = desk.world()
    for name in ("a", "b", "c"):
        desk.write(name, data=b"changed", mtime_ns=T + 1)
    asked = iter(range(1000))
    desk.house.watcher.stop = lambda: next(asked) > 5
    run = desk.back_up()
    assert run.outcome is RunOutcome.CANCELLED
    desk.house.watcher.stop = lambda: False
    desk.assert_restores(before)
    assert desk.back_up().outcome is RunOutcome.SUCCEEDED
    desk.assert_restores(before, 1)
    desk.assert_restores(desk.world(), 3)


def test_between_two_sources_a_job_can_be_cancelled_too(quick_dir: Path) -> None:
    desk = Desk(quick_dir, sources=("/home/u/docs", "/home/u/pictures"))
    desk.write("a")
    desk.tree("/home/u/pictures").write(b"p", b"1", T)
    desk.back_up()
    desk.house.watcher.stop = lambda: "started on" in desk.log
    run = desk.back_up()
    assert (run.outcome, run.attempts) == (RunOutcome.CANCELLED, ())


def test_a_cut_run_that_ends_well_knows_what_the_first_attempt_changed(desk: Desk) -> None:
    """A retry lists as unchanged what the attempt before it brought in."""
    desk.back_up()
    before = desk.world()
    desk.write("a", "b", "c", data=b"changed")
    desk.docs.chmod(b"c", 0o600)
    desk.host.cut_after = 4
    run = desk.back_up()
    assert (run.outcome, len(run.attempts), run.counts.changed) == (RunOutcome.SUCCEEDED, 2, 3)
    desk.assert_restores(before, 1)
    desk.assert_restores(desk.world(), 2)


def test_a_full_store_stops_the_run_and_keeps_everything(quick_dir: Path) -> None:
    from bck_adapters.storage_fs import FsStorage
    from bckcore.ports.storage import AttemptDirs

    class Full(FsStorage):
        full = False

        def begin_attempt(self, ref: object, run: RunId, source: object) -> AttemptDirs:
            if self.full:
                raise StoreFullError("No room is left.", advice="Free some.")
            return super().begin_attempt(ref, run, source)  # type: ignore[arg-type]  # passed on as given

    desk = Desk(quick_dir, storage_type=Full, attempts=3)
    desk.write("a")
    desk.back_up()
    assert isinstance(desk.house.storage, Full)
    desk.house.storage.full = True
    run = desk.back_up()
    assert (run.outcome, run.error_code, run.made_point) == (RunOutcome.FAILED, "store-full", False)
    desk.house.storage.full = False
    desk.assert_restores(desk.world())


def test_the_wait_doubles_up_to_a_limit_and_half_of_it_is_chance() -> None:
    for attempt in range(1, 40):
        longest = min(LONGEST_BACKOFF, 5.0 * 2 ** (attempt - 1))
        waits = [backoff(attempt, Random(seed)) for seed in range(50)]
        assert all(longest / 2 <= wait <= longest for wait in waits)
        assert len(set(waits)) > 40
