"""Runner: slots, one job per host, prompt starts and stops."""

from contextlib import contextmanager
from threading import Barrier, Event, Thread

import pytest

from bck_adapters.memory import MemoryBell, MemoryJobQueue, MemoryProcesses, SettableClock
from bck_apps.runner.loop import Runner
from bckcore.domain.job import JobResult, JobStatus
from bckcore.errors import TransientError
from tests.support.outage import Outage
from tests.support.runner import DONE, LEASE, PatientWorker, ScriptedWorker, eventually, on_host, queued

LONG = 3600.0


@pytest.fixture
def clock():
    return SettableClock()


@pytest.fixture
def queue(clock):
    return MemoryJobQueue(clock)


@contextmanager
def running(queue, worker, clock, *, slots=2, poll=LONG, bell=None):
    runner = Runner(
        queue=queue,
        worker=worker,
        clock=clock,
        processes=MemoryProcesses(),
        name="one",
        slots=slots,
        lease_seconds=LEASE,
        poll_seconds=poll,
        bell=bell,
    )
    thread = Thread(target=runner.run)
    thread.start()
    try:
        yield runner
    finally:
        runner.stop()
        thread.join(20)
        assert not thread.is_alive()


def status(queue, name):
    return queue.get(name).status


def test_queued_jobs_are_carried_out_one_after_the_other_without_waiting_for_a_poll(queue, clock):
    for name in ("a", "b", "c", "d"):
        queued(queue, clock, name)
    worker = ScriptedWorker(lambda claim, watcher: DONE)
    with running(queue, worker, clock, slots=1):
        assert eventually(lambda: all(status(queue, name).final for name in "abcd"))
    assert [claim.job.id for claim in worker.claims] == ["a", "b", "c", "d"]


def test_as_many_jobs_run_at_once_as_there_are_slots(queue, clock):
    together = Barrier(3)

    def work(claim, watcher):
        together.wait(10)
        return DONE

    for name in ("a", "b", "c"):
        queued(queue, clock, name)
    with running(queue, ScriptedWorker(work), clock, slots=3):
        assert eventually(lambda: all(status(queue, name).final for name in "abc"))
    assert {status(queue, name) for name in "abc"} == {JobStatus.SUCCEEDED}


def test_a_second_job_of_a_busy_host_waits_while_another_host_is_served(queue, clock):
    release = Event()

    def work(claim, watcher):
        if claim.job.id == "a":
            release.wait(10)
        return DONE

    first = queued(queue, clock, "a")
    queue.enqueue(on_host(first, first.host))
    queued(queue, clock, "b")
    with running(queue, ScriptedWorker(work), clock, slots=3):
        assert eventually(lambda: status(queue, "b").final)
        assert status(queue, "a-twin") is JobStatus.QUEUED
        release.set()
        assert eventually(lambda: status(queue, "a-twin").final)


def test_a_new_job_is_found_by_polling(queue, clock):
    with running(queue, ScriptedWorker(lambda claim, watcher: DONE), clock, poll=0.01):
        queued(queue, clock, "late")
        assert eventually(lambda: status(queue, "late").final)


def test_wake_finds_a_new_job_at_once(queue, clock):
    with running(queue, ScriptedWorker(lambda claim, watcher: DONE), clock, poll=LONG) as runner:
        queued(queue, clock, "late")
        runner.wake()
        assert eventually(lambda: status(queue, "late").final)


class LookedAt(MemoryJobQueue):
    """Tells when somebody has looked for work and found none."""

    def __init__(self, clock):
        super().__init__(clock)
        self.empty = Event()

    def claim(self, runner, *, lease_seconds, only=None, besides=(), holder=None):
        claim = super().claim(runner, lease_seconds=lease_seconds, only=only, besides=besides, holder=holder)
        if claim is None:
            self.empty.set()
        return claim


def test_a_ring_finds_a_new_job_that_the_last_look_did_not_see(clock):
    queue, bell = LookedAt(clock), MemoryBell()
    with running(queue, ScriptedWorker(lambda claim, watcher: DONE), clock, poll=LONG, bell=bell):
        assert queue.empty.wait(20)
        queued(queue, clock, "late")
        bell.ring()
        assert eventually(lambda: status(queue, "late").final)


def test_stop_hands_running_jobs_back_and_another_start_goes_on_with_them(queue, clock):
    queued(queue, clock, "a")
    queued(queue, clock, "b")
    worker = PatientWorker()
    with running(queue, worker, clock, slots=1):
        assert worker.started.wait(10)
    assert status(queue, "a") is JobStatus.QUEUED
    assert status(queue, "b") is JobStatus.QUEUED
    with running(queue, ScriptedWorker(lambda claim, watcher: DONE), clock):
        assert eventually(lambda: status(queue, "a").final and status(queue, "b").final)
    assert queue.get("a").claims == 2


def test_an_internal_error_in_one_job_does_not_end_the_runner(queue, clock):
    def work(claim, watcher):
        if claim.job.id == "bad":
            raise RuntimeError("planted")
        return DONE

    queued(queue, clock, "bad")
    queued(queue, clock, "good")
    with running(queue, ScriptedWorker(work), clock, slots=1):
        assert eventually(lambda: status(queue, "good").final)
    assert status(queue, "bad") is JobStatus.FAILED
    assert status(queue, "good") is JobStatus.SUCCEEDED


def test_a_queue_that_fails_for_a_while_does_not_end_the_runner(clock):
    failures = [TransientError("busy"), OSError("gone")]

    class Flaky(MemoryJobQueue):
        def claim(self, runner, *, lease_seconds, only=None, besides=(), holder=None):
            if failures:
                raise failures.pop()
            return super().claim(
                runner, lease_seconds=lease_seconds, only=only, besides=besides, holder=holder
            )

    queue = Flaky(clock)
    queued(queue, clock, "a")
    with running(queue, ScriptedWorker(lambda claim, watcher: DONE), clock, poll=0.01):
        assert eventually(lambda: status(queue, "a").final)


def test_after_an_outage_a_runner_goes_on_with_its_own_jobs_and_takes_none_of_them_anew(queue, clock):
    """Its lease has run out by then, and it looks for work before it comes to renew that."""
    away = Outage(queue)
    queued(queue, clock, "a")
    release = Event()

    def work(claim, watcher):
        release.wait(20)
        watcher.log("the last line")
        return (JobStatus.CANCELLED, JobResult()) if watcher.is_cancelled() else DONE

    worker = ScriptedWorker(work)
    with running(away, worker, clock, poll=0.01):
        assert eventually(lambda: len(worker.claims) == 1)
        away.begin()
        clock.advance(LEASE + 1)
        away.end(only_claims=True)
        assert away.looked(3)
        away.end()
        release.set()
        assert eventually(lambda: status(queue, "a").final)
    job = queue.get("a")
    assert (job.status, job.claims, job.deaths) == (JobStatus.SUCCEEDED, 1, 0)
    assert len(worker.claims) == 1
    assert [line.text for line in queue.read_log("a")] == ["the last line"]
