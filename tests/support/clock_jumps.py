"""The clock of the machine is set by a day, to and fro, while jobs run: a suite for every queue."""

from datetime import timedelta

import pytest

from bck_adapters.memory import MemoryProcesses
from bck_apps.runner.orphans import Claims
from bckcore.domain.job import JobResult, JobStatus
from bckcore.domain.transfer import TransferProgress
from bckcore.errors import LeaseLostError
from tests.support.runner import LEASE, queued

DAY = timedelta(days=1)
QUIET = TransferProgress()


def claims(queue, clock, processes, name="one"):
    """What a runner of that name asks."""
    return Claims(queue=queue, clock=clock, processes=processes, name=name, lease_seconds=LEASE)


class ClockJumps:
    """Subclass and give the fixtures ``clock`` (settable) and ``queue``."""

    @pytest.mark.parametrize("jump", [DAY, -DAY, DAY - DAY])
    def test_a_clock_that_jumps_never_lets_two_runners_hold_one_job(self, queue, clock, jump):
        """Whoever is given the job last holds it; the one before is fenced off and writes nothing."""
        queued(queue, clock)
        processes = MemoryProcesses()
        first = claims(queue, clock, processes).next()
        clock.set(clock.now() + jump)
        second = claims(queue, clock, processes, "two").next()
        if jump <= timedelta(0):
            assert second is None
            assert queue.heartbeat(first, lease_seconds=LEASE, progress=QUIET)
            queue.finish(first, JobStatus.SUCCEEDED, JobResult())
            return
        with pytest.raises(LeaseLostError):
            queue.heartbeat(first, lease_seconds=LEASE, progress=QUIET)
        with pytest.raises(LeaseLostError):
            queue.finish(first, JobStatus.SUCCEEDED, JobResult())
        assert queue.finish(second, JobStatus.SUCCEEDED, JobResult()).claims == 2

    @pytest.mark.parametrize("jump", [DAY, -DAY])
    def test_a_runner_that_renewed_its_lease_after_the_jump_keeps_its_job(self, queue, clock, jump):
        queued(queue, clock)
        processes = MemoryProcesses()
        first = claims(queue, clock, processes).next()
        clock.set(clock.now() + jump)
        first = queue.heartbeat(first, lease_seconds=LEASE, progress=QUIET)
        assert claims(queue, clock, processes, "two").next() is None
        clock.advance(LEASE)
        assert claims(queue, clock, processes, "two").next() is not None

    def test_the_job_of_a_dead_process_does_not_wait_for_a_clock_that_went_back(self, queue, clock):
        job = queued(queue, clock)
        died = MemoryProcesses().other(pid=7)
        assert queue.claim("dead", lease_seconds=LEASE, holder=died) is not None
        clock.set(clock.now() - DAY)
        taken = claims(queue, clock, MemoryProcesses()).next()
        assert (taken.job.id, taken.job.claims) == (job.id, 2)
        assert "is gone" in queue.read_log(job.id)[0].text

    def test_a_living_process_keeps_its_job_and_nothing_is_said(self, queue, clock):
        job = queued(queue, clock)
        processes = MemoryProcesses()
        assert queue.claim("alive", lease_seconds=LEASE, holder=processes.other(pid=7)) is not None
        assert claims(queue, clock, processes).next() is None
        assert list(queue.read_log(job.id)) == []

    @pytest.mark.parametrize("jump", [DAY, -DAY])
    def test_a_key_answers_for_a_day_also_when_the_clock_jumps_by_another(self, queue, clock, jump):
        first = queued(queue, clock, key="k")
        queue.finish(queue.claim("one", lease_seconds=LEASE), JobStatus.SUCCEEDED, JobResult())
        clock.set(clock.now() + jump)
        clock.advance(23 * 3600)
        assert queued(queue, clock, "j2", key="k", like=first).id == first.id
        assert len(queue.list()) == 1
