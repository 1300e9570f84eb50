"""JobWatcher: batches, renews, notices, and is silent once the job is another's."""

from functools import partial
from threading import Event

import pytest

from bck_adapters.memory import MemoryJobQueue, SettableClock
from bck_apps.runner.log_window import HEAD_LINES, MOST_LINES, TAIL_LINES
from bck_apps.runner.watcher import JobWatcher
from bckcore.domain.job import JobStatus
from bckcore.domain.transfer import TransferProgress
from bckcore.errors import TransientError
from tests.support.runner import LEASE, eventually, queued

FAST = 0.01


class CountingQueue(MemoryJobQueue):
    """Counts its writes; can be out of reach."""

    def __init__(self, clock):
        super().__init__(clock)
        self.writes = 0
        self.away = False
        self.refused = Event()

    def heartbeat(self, claim, *, lease_seconds, progress):
        if self.away:
            self.refused.set()
            raise TransientError("The database is busy.")
        self.writes += 1
        return super().heartbeat(claim, lease_seconds=lease_seconds, progress=progress)


@pytest.fixture
def clock():
    return SettableClock()


@pytest.fixture
def queue(clock):
    return CountingQueue(clock)


@pytest.fixture
def claim(queue, clock):
    queued(queue, clock)
    return queue.claim("one", lease_seconds=LEASE)


def watcher_of(queue, claim, clock, seconds=FAST):
    return JobWatcher(queue=queue, claim=claim, clock=clock, lease_seconds=LEASE, flush_seconds=seconds)


def wrote_more_than(queue, before):
    return queue.writes > before


def texts(queue):
    return [line.text for line in queue.read_log("j1")]


def test_many_lines_and_progress_reports_are_written_in_one_batch(queue, claim, clock):
    with watcher_of(queue, claim, clock, seconds=60) as watcher:
        for number in range(100):
            watcher.log(f"line {number}")
            watcher.progress(TransferProgress(files_done=number))
    assert texts(queue) == [f"line {number}" for number in range(100)]
    assert queue.get("j1").progress.files_done == 99
    assert queue.writes == 1


def test_lines_and_progress_arrive_while_the_work_goes_on(queue, claim, clock):
    with watcher_of(queue, claim, clock) as watcher:
        watcher.log("first", level="warning")
        watcher.progress(TransferProgress(phase="transferring", files_done=7))
        assert eventually(lambda: texts(queue) == ["first"])
        assert queue.get("j1").progress.files_done == 7
        assert queue.read_log("j1")[0].level == "warning"


def test_nothing_new_writes_nothing_until_the_next_beat_is_due(queue, claim, clock):
    with watcher_of(queue, claim, clock):
        pass
    assert queue.writes == 0


def test_the_lease_is_renewed_while_nothing_happens(queue, claim, clock):
    with watcher_of(queue, claim, clock) as watcher:
        for _ in range(5):
            before = queue.writes
            clock.advance(LEASE * 0.9)
            assert eventually(partial(wrote_more_than, queue, before))
        assert not watcher.is_cancelled()
    assert queue.claim("two", lease_seconds=LEASE) is None


def test_a_request_to_cancel_is_noticed(queue, claim, clock):
    with watcher_of(queue, claim, clock) as watcher:
        assert not watcher.is_cancelled()
        queue.request_cancel("j1")
        clock.advance(1)
        assert eventually(watcher.is_cancelled)
        assert watcher.cancel_requested
        assert not watcher.stop_asked


def test_after_the_lease_is_lost_work_stops_and_nothing_is_written(queue, claim, clock):
    clock.advance(LEASE + 1)
    assert queue.claim("two", lease_seconds=LEASE) is not None
    with watcher_of(queue, claim, clock) as watcher:
        watcher.log("too late")
        assert eventually(watcher.is_cancelled)
        assert watcher.lease_lost
        watcher.log("later still")
    assert texts(queue) == []


class FrozenAfterItsHeartbeat(MemoryJobQueue):
    """Between the heartbeat of its runner and what that writes next, another one takes the job over."""

    def heartbeat(self, claim, *, lease_seconds, progress):
        beat = super().heartbeat(claim, lease_seconds=lease_seconds, progress=progress)
        assert isinstance(self._clock, SettableClock)
        self._clock.advance(LEASE + 1)
        assert self.claim("two", lease_seconds=LEASE) is not None
        return beat


def test_a_runner_that_is_frozen_after_its_heartbeat_adds_no_line_to_a_job_it_has_lost(clock):
    queue = FrozenAfterItsHeartbeat(clock)
    queued(queue, clock)
    claim = queue.claim("one", lease_seconds=LEASE)
    with watcher_of(queue, claim, clock, seconds=60) as watcher:
        watcher.log("too late")
    assert watcher.lease_lost
    assert texts(queue) == []


def test_a_queue_out_of_reach_loses_no_line_and_no_job(queue, claim, clock):
    queue.away = True
    with watcher_of(queue, claim, clock) as watcher:
        watcher.log("one")
        assert queue.refused.wait(10)
        watcher.log("two")
        assert not watcher.is_cancelled()
        queue.away = False
        assert eventually(lambda: texts(queue) == ["one", "two"])


def test_of_an_endless_log_the_first_and_the_last_lines_are_kept(queue, claim, clock):
    with watcher_of(queue, claim, clock) as watcher:
        for number in range(HEAD_LINES + TAIL_LINES + 5):
            watcher.log(str(number))
        assert eventually(lambda: len(queue.read_log("j1", limit=MOST_LINES)) == HEAD_LINES + 1)
    found = [line.text for line in queue.read_log("j1", limit=2 * MOST_LINES)]
    assert len(found) == MOST_LINES
    assert found[:HEAD_LINES] == [str(number) for number in range(HEAD_LINES)]
    assert found[HEAD_LINES : HEAD_LINES + 2] == [
        f"The last {TAIL_LINES} lines follow when the job ends.",
        "5 lines were left out here.",
    ]
    assert found[HEAD_LINES + 2 :] == [str(HEAD_LINES + 5 + number) for number in range(TAIL_LINES)]


def test_a_log_that_just_fits_leaves_nothing_out(queue, claim, clock):
    with watcher_of(queue, claim, clock, seconds=60) as watcher:
        for number in range(HEAD_LINES):
            watcher.log(str(number))
    assert len(queue.read_log("j1", limit=2 * MOST_LINES)) == HEAD_LINES


def test_stopping_for_shutdown_is_not_a_persons_cancel(queue, claim, clock):
    with watcher_of(queue, claim, clock) as watcher:
        watcher.ask_to_stop()
        assert watcher.is_cancelled()
        assert not watcher.cancel_requested
    assert queue.get("j1").status is JobStatus.RUNNING
