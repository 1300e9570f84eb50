"""Execution: every way in which a job can end, as the queue sees it."""

import logging
from datetime import timedelta
from functools import partial
from threading import Thread

import pytest

from bck_adapters.memory import MemoryJobQueue, SettableClock
from bck_apps.runner.execution import Execution
from bckcore.domain.ids import JobId
from bckcore.domain.job import JobKind, JobResult, JobStatus
from bckcore.errors import (
    DatabaseBusyError,
    DatabaseDamagedError,
    DatabaseUnreachableError,
    LeaseLostError,
    TransientError,
)
from tests.support.runner import CANCELLED, DONE, LEASE, PatientWorker, ScriptedWorker, eventually, queued


@pytest.fixture
def clock():
    return SettableClock()


@pytest.fixture
def queue(clock):
    return MemoryJobQueue(clock)


def claimed(queue, clock, worker, kind=JobKind.BACKUP):
    queued(queue, clock, kind=kind)
    claim = queue.claim("one", lease_seconds=LEASE)
    return Execution(claim, queue=queue, worker=worker, clock=clock, lease_seconds=LEASE)


def test_the_end_of_the_work_is_the_end_of_the_job(queue, clock):
    claimed(queue, clock, ScriptedWorker(lambda claim, watcher: DONE)).carry_out()
    assert queue.get("j1").status is JobStatus.SUCCEEDED
    assert queue.get("j1").result.data == {"run_id": "r"}


def test_log_lines_come_before_the_end(queue, clock):
    def work(claim, watcher):
        watcher.log("hello")
        return DONE

    claimed(queue, clock, ScriptedWorker(work)).carry_out()
    assert [line.text for line in queue.read_log("j1")] == ["hello"]


def test_an_internal_error_fails_the_job_and_is_logged_with_its_traceback(queue, clock, caplog):
    def work(claim, watcher):
        raise ZeroDivisionError("planted")

    with caplog.at_level(logging.ERROR):
        claimed(queue, clock, ScriptedWorker(work)).carry_out()
    job = queue.get("j1")
    assert (job.status, job.result.error_code) == (JobStatus.FAILED, "internal")
    assert "ZeroDivisionError" in job.result.error
    assert "planted" in caplog.text
    assert queue.read_log("j1")[-1].level == "error"


def test_a_lost_lease_writes_nothing(queue, clock):
    def work(claim, watcher):
        clock.advance(LEASE + 1)
        assert queue.claim("two", lease_seconds=LEASE) is not None
        watcher.log("mine")
        raise LeaseLostError("Another runner has it.")

    claimed(queue, clock, ScriptedWorker(work)).carry_out()
    assert queue.get("j1").status is JobStatus.RUNNING
    assert queue.get("j1").claims == 2
    assert list(queue.read_log("j1")) == []


def test_work_that_ends_after_the_lease_was_taken_over_does_not_end_the_job(queue, clock):
    def work(claim, watcher):
        clock.advance(LEASE + 1)
        assert queue.claim("two", lease_seconds=LEASE) is not None
        return DONE

    claimed(queue, clock, ScriptedWorker(work)).carry_out()
    assert queue.get("j1").status is JobStatus.RUNNING


def stopped_while_working(execution, worker, stop):
    thread = Thread(target=execution.carry_out)
    thread.start()
    assert worker.started.wait(10)
    stop()
    thread.join(10)
    assert not thread.is_alive()


def test_shutdown_hands_the_job_back(queue, clock):
    worker = PatientWorker()
    execution = claimed(queue, clock, worker)
    stopped_while_working(execution, worker, execution.ask_to_stop)
    assert queue.get("j1").status is JobStatus.QUEUED
    assert "waits for the next one" in queue.read_log("j1")[-1].text


def test_shutdown_hands_a_restore_back_which_goes_on_in_its_folder(queue, clock):
    worker = PatientWorker()
    execution = claimed(queue, clock, worker, JobKind.RESTORE)
    stopped_while_working(execution, worker, execution.ask_to_stop)
    assert queue.get("j1").status is JobStatus.QUEUED


def test_a_persons_cancel_ends_the_job_also_during_shutdown(queue, clock):
    def work(claim, watcher):
        queue.request_cancel("j1")
        clock.advance(2)
        while not watcher.cancel_requested:
            pass
        execution.ask_to_stop()
        return CANCELLED

    execution = claimed(queue, clock, ScriptedWorker(work))
    execution.carry_out()
    assert queue.get("j1").status is JobStatus.CANCELLED


def test_work_that_ended_well_before_it_could_stop_counts(queue, clock):
    def work(claim, watcher):
        execution.ask_to_stop()
        return DONE

    execution = claimed(queue, clock, ScriptedWorker(work))
    execution.carry_out()
    assert queue.get("j1").status is JobStatus.SUCCEEDED


class SometimesAway(MemoryJobQueue):
    """Refuses to enter the end of a job a number of times."""

    def __init__(self, clock, times):
        super().__init__(clock)
        self.times = times

    def finish(self, claim, status, result):
        if self.times:
            self.times -= 1
            raise TransientError("The database is busy.")
        return super().finish(claim, status, result)


@pytest.mark.parametrize("kind", [DatabaseUnreachableError, DatabaseBusyError])
def test_work_that_lost_its_database_is_done_again(queue, clock, kind):
    error = kind("The database server does not answer.")
    script = ScriptedWorker(lambda claim, watcher: (JobStatus.FAILED, JobResult.of_error(error)))
    claimed(queue, clock, script).carry_out()
    assert queue.get("j1").status is JobStatus.QUEUED


def test_the_end_is_entered_when_the_queue_was_out_of_reach_for_minutes(clock):
    queue = SometimesAway(clock, times=50)
    claimed(queue, clock, ScriptedWorker(lambda claim, watcher: DONE)).carry_out()
    assert queue.get(JobId("j1")).status is JobStatus.SUCCEEDED
    assert queue.get(JobId("j1")).claims == 1


def test_the_end_is_entered_again_when_the_queue_was_out_of_reach(clock):
    queue = SometimesAway(clock, times=2)
    claimed(queue, clock, ScriptedWorker(lambda claim, watcher: DONE)).carry_out()
    assert queue.get(JobId("j1")).status is JobStatus.SUCCEEDED


def test_a_queue_that_stays_away_leaves_the_job_to_its_lease(clock, caplog):
    queue = SometimesAway(clock, times=999)
    with caplog.at_level(logging.ERROR):
        claimed(queue, clock, ScriptedWorker(lambda claim, watcher: DONE)).carry_out()
    assert queue.get(JobId("j1")).status is JobStatus.RUNNING
    assert "could not be entered" in caplog.text


class ForgetfulLog(MemoryJobQueue):
    """Takes no line of a log a number of times; knows what stood there when the job ended."""

    def __init__(self, clock, error, times):
        super().__init__(clock)
        self.error, self.times = error, times
        self.at_end: list[str] = []

    def append_log(self, job, lines, *, claim=None):
        if self.times:
            self.times -= 1
            raise self.error
        super().append_log(job, lines, claim=claim)

    def finish(self, claim, status, result):
        self.at_end = [line.text for line in self.read_log(claim.job.id)]
        return super().finish(claim, status, result)


def ended_with_a_summary(queue, clock):
    def work(claim, watcher):
        watcher.log("the summary")
        return DONE

    claimed(queue, clock, ScriptedWorker(work)).carry_out()
    assert queue.get("j1").status is JobStatus.SUCCEEDED
    return queue.at_end


def test_the_last_lines_are_insisted_on_before_the_end(clock):
    queue = ForgetfulLog(clock, DatabaseUnreachableError("The database server does not answer."), times=50)
    assert ended_with_a_summary(queue, clock) == ["the summary"]


def test_a_log_that_takes_nothing_any_more_does_not_keep_a_job_from_its_end(clock, caplog):
    queue = ForgetfulLog(clock, DatabaseDamagedError("The database is damaged."), times=999)
    with caplog.at_level(logging.WARNING):
        assert ended_with_a_summary(queue, clock) == []
    assert "the end of its log could not be written" in caplog.text


def test_the_lease_is_renewed_until_the_end_is_entered():
    clock = SettableClock(auto_advance=False)
    queue = SometimesAway(clock, times=1)
    execution = claimed(queue, clock, ScriptedWorker(lambda claim, watcher: DONE))
    thread = Thread(target=execution.carry_out, daemon=True)
    thread.start()
    assert eventually(lambda: queue.times == 0)
    queue.times = 999  # the work is done, its end cannot be entered
    for _ in range(2):
        clock.advance(LEASE - 1)
        assert eventually(partial(held_for, queue, clock, LEASE))
        assert queue.claim("two", lease_seconds=LEASE) is None
    queue.times = 0
    assert eventually(partial(ended_after_a_wait, queue, clock))
    thread.join(10)
    job = queue.get(JobId("j1"))
    assert (job.claims, job.deaths) == (1, 0)


def held_for(queue, clock, seconds):
    return queue.held_until(JobId("j1")) == clock.now() + timedelta(seconds=seconds)


def ended_after_a_wait(queue, clock):
    clock.advance(5)
    return queue.get(JobId("j1")).status is JobStatus.SUCCEEDED
