"""Old jobs go in small parts, and a queue out of reach stops nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bck_adapters.memory import MemoryDatabase, MemoryJobQueue, SettableClock
from bck_adapters.testkit.contracts_problems import DOCS, TOLD
from bck_adapters.testkit.samples import sample_run
from bck_apps.runner.housekeeping import BATCH, BATCH_OF_RUNS, BATCH_SECONDS, LOOK_SECONDS, Housekeeping
from bckcore.domain.ids import JobId
from bckcore.domain.job import Job, JobResult, JobStatus
from bckcore.domain.run_problem import RUNS_WITH_PROBLEMS
from bckcore.errors import TransientError
from bckcore.ports.job_queue import JobQueue
from bckcore.ports.unit_of_work import UnitOfWorkFactory
from bckcore.services.old_problems import OldProblems
from tests.support.runner import LEASE, queued


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(auto_advance=False)


def cleaner(
    queue: JobQueue, clock: SettableClock, *, days: int = 90, units: UnitOfWorkFactory | None = None
) -> Housekeeping:
    problems = OldProblems(units or MemoryDatabase(clock).units)
    return Housekeeping(
        queue=queue, old_problems=problems, clock=clock, keep_days=days, keep_per_profile=1000
    )


def ended(queue: MemoryJobQueue, clock: SettableClock, count: int) -> None:
    """So many jobs of one profile that are over."""
    first = queued(queue, clock, "first")
    for number in range(count):
        claim = queue.claim("one", lease_seconds=LEASE)
        assert claim is not None
        queue.finish(claim, JobStatus.SUCCEEDED, JobResult())
        if number + 1 < count:
            queue.enqueue(_again(first, number))


def _again(job: Job, number: int) -> Job:
    return replace(job, id=JobId(f"{job.id}-{number}"))


def test_young_jobs_stay_and_old_ones_go_in_parts(clock: SettableClock) -> None:
    queue = MemoryJobQueue(clock)
    ended(queue, clock, 2 * BATCH)
    keeping = cleaner(queue, clock)
    keeping.look()
    assert len(queue.list(limit=1000)) == 2 * BATCH
    clock.advance(timedelta(days=91).total_seconds())
    keeping.look()
    assert len(queue.list(limit=1000)) == BATCH
    keeping.look()  # too soon
    assert len(queue.list(limit=1000)) == BATCH
    clock.advance(BATCH_SECONDS)
    keeping.look()
    assert len(queue.list(limit=1000)) == 1


class AwayQueue(MemoryJobQueue):
    """Out of reach for this."""

    def __init__(self, clock: SettableClock, error: Exception) -> None:
        super().__init__(clock)
        self.error = error
        self.asked = 0

    def remove_finished(self, **_asked: object) -> int:
        self.asked += 1
        raise self.error


@pytest.mark.parametrize("error", [TransientError("busy"), RuntimeError("odd")])
def test_a_queue_out_of_reach_is_asked_again_later(clock: SettableClock, error: Exception) -> None:
    queue = AwayQueue(clock, error)
    keeping = cleaner(queue, clock)
    keeping.look()
    keeping.look()
    assert queue.asked == 1
    clock.advance(LOOK_SECONDS)
    keeping.look()
    assert queue.asked == 2


def test_problems_of_old_runs_go_in_parts_also_while_the_queue_is_out_of_reach(clock: SettableClock) -> None:
    database = MemoryDatabase(clock)
    with database.units() as uow:
        for seq in range(1, 2 * BATCH_OF_RUNS + RUNS_WITH_PROBLEMS + 2):
            uow.runs.add(sample_run(seq))
            uow.runs.keep_problems(DOCS, seq, TOLD)
        uow.commit()

    def with_problems() -> int:
        with database.units(read_only=True) as uow:
            return sum(bool(uow.runs.problems(DOCS, run.seq)) for run in uow.runs.list(DOCS))

    keeping = cleaner(AwayQueue(clock, TransientError("busy")), clock, units=database.units)
    left = []
    for _ in range(4):
        keeping.look()
        left.append(with_problems() - RUNS_WITH_PROBLEMS)
        clock.advance(BATCH_SECONDS)
    assert left == [BATCH_OF_RUNS + 1, 1, 0, 0]
