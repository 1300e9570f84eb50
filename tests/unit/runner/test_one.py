"""OneJob: a job is followed, or done here, or waited for; and people can leave."""

from dataclasses import replace
from threading import Event

import pytest

from bck_adapters.memory import MemoryJobQueue, MemoryProcesses, SettableClock
from bck_apps.cli.follow import outage_text, silence_text
from bck_apps.runner.one import OneJob, Silence
from bckcore.domain.ids import JobId
from bckcore.domain.job import Job, JobStatus
from bckcore.errors import DatabaseUnreachableError, TransientError
from tests.support.outage import Outage
from tests.support.runner import DONE, LEASE, PatientWorker, ScriptedWorker, on_host, queued


class ScriptedSignals:
    """Interrupts as the test wants them: called with the number of the wait."""

    def __init__(self, script=lambda signals, turn: None):
        self.interrupts = self.terminations = 0
        self._script = script
        self._turn = 0

    def wait(self, seconds):
        Event().wait(0.005)  # gives the working thread the processor
        self._turn += 1
        self._script(self, self._turn)
        return False


@pytest.fixture
def clock():
    return SettableClock()


@pytest.fixture
def queue(clock):
    return MemoryJobQueue(clock)


def seen_through(
    queue,
    clock,
    worker,
    *,
    signals=None,
    served=lambda: False,
    job="j1",
    told=None,
    processes=None,
    outages=None,
):
    one = OneJob(
        queue=queue,
        worker=worker,
        clock=clock,
        processes=processes or MemoryProcesses(),
        name="cli",
        lease_seconds=LEASE,
        served=served,
        on_silence=(told if told is not None else []).append,
        on_outage=(outages if outages is not None else []).append,
    )
    updates: list[Job] = []
    ended = one.run(job, signals=signals or ScriptedSignals(), on_update=updates.append)
    return ended, updates


def done_worker():
    return ScriptedWorker(lambda claim, watcher: DONE)


def test_without_serve_the_job_is_done_here(queue, clock):
    queued(queue, clock)
    job, updates = seen_through(queue, clock, done_worker())
    assert job.status is JobStatus.SUCCEEDED
    assert updates[-1].status is JobStatus.SUCCEEDED


def test_other_queued_jobs_are_left_alone(queue, clock):
    queued(queue, clock, "older")
    queued(queue, clock)
    worker = done_worker()
    seen_through(queue, clock, worker)
    assert [claim.job.id for claim in worker.claims] == ["j1"]
    assert queue.get("older").status is JobStatus.QUEUED


def test_while_serve_is_up_the_job_is_only_followed(queue, clock):
    queued(queue, clock)

    def serve(signals, turn):
        if turn == 3:
            queue.finish(queue.claim("serve", lease_seconds=LEASE), *DONE)

    worker = done_worker()
    job, _ = seen_through(queue, clock, worker, signals=ScriptedSignals(serve), served=lambda: True)
    assert job.status is JobStatus.SUCCEEDED
    assert worker.claims == []


def test_when_serve_goes_away_before_it_starts_the_job_it_is_done_here(queue, clock):
    queued(queue, clock)
    answers = iter([True, True])
    job, _ = seen_through(queue, clock, done_worker(), served=lambda: next(answers, False))
    assert job.status is JobStatus.SUCCEEDED


def test_a_job_whose_runner_died_is_taken_over_when_its_lease_ends(queue, clock):
    queued(queue, clock)
    queue.claim("dead", lease_seconds=LEASE)

    def time_passes(signals, turn):
        if turn == 3:
            clock.advance(LEASE + 1)

    job, _ = seen_through(queue, clock, done_worker(), signals=ScriptedSignals(time_passes))
    assert job.status is JobStatus.SUCCEEDED
    assert job.claims == 2


def test_the_job_of_a_dead_process_is_taken_over_at_once(queue, clock):
    queued(queue, clock)
    processes = MemoryProcesses()
    queue.claim("dead", lease_seconds=LEASE, holder=replace(processes.me(), pid=7))
    before = clock.now()
    told: list[Silence] = []
    job, _ = seen_through(queue, clock, done_worker(), processes=processes, told=told)
    assert (job.status, job.claims, told) == (JobStatus.SUCCEEDED, 2, [])
    assert clock.now() == before


def test_the_job_of_a_dead_process_that_goes_first_goes_back_to_the_queue_at_once(queue, clock):
    other = queued(queue, clock, "other")
    processes = MemoryProcesses()
    queue.claim("dead", lease_seconds=LEASE, holder=replace(processes.me(), pid=7))
    twin = queue.enqueue(on_host(other, other.host)).job
    job, _ = seen_through(queue, clock, done_worker(), processes=processes, job=twin.id)
    assert job.status is JobStatus.SUCCEEDED
    assert queue.get(other.id).status is JobStatus.QUEUED


def test_a_runner_that_fell_silent_is_told_of_once_with_the_time_that_is_left(queue, clock):
    queued(queue, clock)
    queue.claim("dead", lease_seconds=LEASE)
    clock.advance(12)
    told: list[Silence] = []

    def time_passes(signals, turn):
        if turn == 3:
            clock.advance(LEASE)

    seen_through(queue, clock, done_worker(), signals=ScriptedSignals(time_passes), told=told)
    assert [(one.job.id, one.seconds, one.left) for one in told] == [("j1", 12, LEASE - 12)]
    assert silence_text(told[0], JobId("j1")) == (
        "Another runner held this job and fell silent 12 s ago; taking over in at most 48 s."
    )


def test_a_runner_that_gives_signs_of_life_is_not_told_of(queue, clock):
    queued(queue, clock)
    claim = queue.claim("alive", lease_seconds=LEASE)
    told: list[Silence] = []

    def beat(signals, turn):
        clock.advance(1)
        queue.heartbeat(claim, lease_seconds=LEASE, progress=claim.job.progress)
        if turn == 20:
            queue.finish(claim, *DONE)

    seen_through(queue, clock, done_worker(), signals=ScriptedSignals(beat), told=told)
    assert told == []


def test_a_silent_runner_of_the_job_that_goes_first_is_told_of(queue, clock):
    other = queued(queue, clock, "other")
    queue.claim("dead", lease_seconds=LEASE)
    queue.enqueue(on_host(other, other.host))
    clock.advance(12)
    told: list[Silence] = []

    def time_passes(signals, turn):
        if turn == 3:
            clock.advance(LEASE)

    signals = ScriptedSignals(time_passes)
    seen_through(queue, clock, done_worker(), signals=signals, job="other-twin", told=told)
    [silence] = told
    assert "job other, which goes first, fell silent 12 s ago" in silence_text(silence, JobId("other-twin"))


def test_another_job_of_the_host_whose_runner_died_does_not_block_for_ever(queue, clock):
    other = queued(queue, clock, "other")
    queue.claim("dead", lease_seconds=LEASE)
    queue.enqueue(on_host(other, other.host))
    clock.advance(LEASE + 1)
    job, _ = seen_through(queue, clock, done_worker(), job="other-twin")
    assert job.status is JobStatus.SUCCEEDED
    assert queue.get("other").status is JobStatus.QUEUED


def test_the_first_interrupt_cancels_the_job(queue, clock):
    queued(queue, clock)

    def press(signals, turn):
        clock.advance(1)
        signals.interrupts = 1 if turn >= 3 else 0

    job, _ = seen_through(queue, clock, PatientWorker(), signals=ScriptedSignals(press))
    assert job.status is JobStatus.CANCELLED


def test_the_second_interrupt_leaves_at_once(queue, clock):
    queued(queue, clock)
    queue.claim("serve", lease_seconds=LEASE)

    def press(signals, turn):
        signals.interrupts = turn

    job, _ = seen_through(queue, clock, done_worker(), signals=ScriptedSignals(press), served=lambda: True)
    assert job.status is JobStatus.RUNNING
    assert queue.get("j1").cancel_requested


def test_termination_hands_a_job_done_here_back(queue, clock):
    queued(queue, clock)

    def terminate(signals, turn):
        signals.terminations = 1 if turn >= 3 else 0

    job, _ = seen_through(queue, clock, PatientWorker(), signals=ScriptedSignals(terminate))
    assert job.status is JobStatus.QUEUED
    assert not job.cancel_requested


def test_termination_leaves_a_job_that_serve_does(queue, clock):
    queued(queue, clock)
    queue.claim("serve", lease_seconds=LEASE)

    def terminate(signals, turn):
        signals.terminations = 1

    job, _ = seen_through(
        queue, clock, done_worker(), signals=ScriptedSignals(terminate), served=lambda: True
    )
    assert job.status is JobStatus.RUNNING
    assert not queue.get("j1").cancel_requested


def test_a_job_that_is_over_already_is_given_back_as_it_is(queue, clock):
    queued(queue, clock)
    queue.request_cancel("j1")
    worker = done_worker()
    job, _ = seen_through(queue, clock, worker)
    assert job.status is JobStatus.CANCELLED
    assert worker.claims == []


class Outages:
    """Takes the queue away while the work goes on, twice; between two waits nobody asks it anything."""

    def __init__(self, queue, clock):
        self.queue, self.clock, self.release = Outage(queue), clock, Event()
        self.signals = ScriptedSignals(self._step)

    def _step(self, signals, turn):
        if turn in (3, 20):
            self.queue.begin()
        if turn in (10, 25):
            self.queue.end()
        if turn == 30:
            self.release.set()

    def work(self, claim, watcher):
        self.release.wait(20)
        return DONE


def test_an_outage_while_the_job_is_done_here_is_waited_out_and_told_of_once(queue, clock):
    queued(queue, clock)
    story = Outages(queue, clock)
    outages: list[TransientError] = []
    worker = ScriptedWorker(story.work)
    job, _ = seen_through(story.queue, clock, worker, signals=story.signals, outages=outages)
    assert (job.status, job.claims, job.deaths) == (JobStatus.SUCCEEDED, 1, 0)
    assert len(outages) == 2
    assert outage_text(outages[0]).startswith("The database server does not answer. The work goes on here")


def test_a_person_who_presses_within_an_outage_is_heard_when_it_is_over(queue, clock):
    queued(queue, clock)
    away = Outage(queue)

    def press(signals, turn):
        clock.advance(1)
        if turn == 3:
            away.begin()
            signals.interrupts = 1
        if turn == 10:
            away.end()

    job, _ = seen_through(away, clock, PatientWorker(), signals=ScriptedSignals(press))
    assert job.status is JobStatus.CANCELLED


def test_the_second_interrupt_leaves_at_once_within_an_outage_too(queue, clock):
    queued(queue, clock)
    away = Outage(queue)
    release = Event()

    def press(signals, turn):
        if turn == 3:
            away.begin()
        if turn > 5:
            signals.interrupts = 2

    def work(claim, watcher):
        release.wait(20)
        return DONE

    job, _ = seen_through(away, clock, ScriptedWorker(work), signals=ScriptedSignals(press))
    away.end()
    release.set()
    assert job.status is JobStatus.RUNNING


def test_an_outage_before_anything_is_done_here_is_told_as_the_error_that_it_is(queue, clock):
    queued(queue, clock)
    away = Outage(queue)
    away.begin()
    with pytest.raises(DatabaseUnreachableError):
        seen_through(away, clock, done_worker())
