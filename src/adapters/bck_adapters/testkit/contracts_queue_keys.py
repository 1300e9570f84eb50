"""What every JobQueue promises of requests that are sent again; part of :mod:`contracts_queue`."""

# A suite asserts, as tests do.
# ruff: noqa: S101

from dataclasses import replace

import pytest

from bck_adapters.testkit.contracts_queue_turns import OnOneQueue, claimed
from bck_adapters.testkit.samples import StepClock, sample_job
from bckcore.domain.ids import JobId
from bckcore.domain.job import LATEST, Asked, Job, JobKind, JobResult, JobStatus
from bckcore.domain.transfer import TransferProgress
from bckcore.errors import ConflictError, NotFoundError
from bckcore.ports.job_queue import KEY_KEPT, JobQueue, as_sent

DAY = 24 * 3600
KEPT = KEY_KEPT.total_seconds()
QUIET = TransferProgress()
SEALED = "sealed-8d1f0c"


def asked(job: Job) -> Asked:
    """The request for a job whose payload says all."""
    return as_sent(job, None)


class JobKeysContract(OnOneQueue):
    """The same request gives the same job."""

    def test_the_same_key_gives_the_same_job_for_a_day_also_when_it_is_over(
        self, queue: JobQueue, clock: StepClock
    ) -> None:
        queue.enqueue(sample_job("one", JobKind.RESTORE, key="k"))
        queue.finish(claimed(queue), JobStatus.SUCCEEDED, JobResult())
        clock.advance(DAY - 1)
        again = queue.enqueue(sample_job("two", JobKind.RESTORE, key="k"))
        assert (again.job.id, again.job.status, again.created) == ("one", JobStatus.SUCCEEDED, False)
        with pytest.raises(NotFoundError):
            queue.get(JobId("two"))

    @pytest.mark.parametrize("over", [False, True])
    @pytest.mark.parametrize(
        "other",
        [
            sample_job("two", JobKind.RESTORE, profile="other", key="k"),
            sample_job("two", JobKind.BACKUP, key="k"),
            sample_job("two", JobKind.RESTORE, key="k", number=4),
        ],
        ids=["profile", "kind", "payload"],
    )
    def test_the_same_key_with_another_request_is_refused_and_nothing_changes(
        self, queue: JobQueue, clock: StepClock, other: Job, *, over: bool
    ) -> None:
        queue.enqueue(sample_job("one", JobKind.RESTORE, key="k"))
        if over:
            queue.finish(claimed(queue), JobStatus.SUCCEEDED, JobResult())
            clock.advance(DAY - 1)
        before = queue.list()
        with pytest.raises(ConflictError, match="idempotency key") as refused:
            queue.enqueue(other)
        assert refused.value.meaning
        assert refused.value.advice
        assert queue.list() == before
        assert queue.enqueue(sample_job("again", JobKind.RESTORE, key="k")).job.id == "one"

    def test_a_key_that_is_old_stands_for_a_new_request(self, queue: JobQueue, clock: StepClock) -> None:
        queue.enqueue(sample_job("one", JobKind.RESTORE, key="k"))
        queue.finish(claimed(queue), JobStatus.SUCCEEDED, JobResult())
        clock.advance(KEPT + 1)
        assert queue.enqueue(sample_job("two", JobKind.RESTORE, key="k", number=4)).created
        with pytest.raises(ConflictError):
            queue.enqueue(sample_job("three", JobKind.RESTORE, key="k"))

    def test_who_asks_is_no_part_of_the_request(self, queue: JobQueue) -> None:
        queue.enqueue(sample_job("one", JobKind.RESTORE, key="k"))
        again = replace(sample_job("two", JobKind.RESTORE, key="k"), requested_by="bert")
        assert queue.enqueue(again).job.id == "one"

    def test_an_unfinished_job_keeps_its_key_longer(self, queue: JobQueue, clock: StepClock) -> None:
        queue.enqueue(sample_job("one", JobKind.RESTORE, key="k"))
        clock.advance(10 * DAY)
        assert not queue.enqueue(sample_job("two", JobKind.RESTORE, key="k")).created

    def test_another_sealed_secret_is_the_same_request(self, queue: JobQueue) -> None:
        queue.enqueue(sample_job("one", JobKind.RESTORE, key="k"), sealed=SEALED)
        again = queue.enqueue(sample_job("two", JobKind.RESTORE, key="k"), sealed="sealed once more")
        assert (again.job.id, again.created) == ("one", False)

    @pytest.mark.parametrize("kind", [kind for kind in JobKind if kind.answers_for_another])
    def test_an_unfinished_backup_prune_or_preview_answers_for_a_second_one(
        self, queue: JobQueue, kind: JobKind
    ) -> None:
        queue.enqueue(sample_job("one", kind, key="k1"))
        assert queue.enqueue(sample_job("two", kind, key="k2")).job.id == "one"
        claim = claimed(queue)
        assert queue.enqueue(sample_job("three", kind)).job.id == "one"
        queue.finish(claim, JobStatus.FAILED, JobResult())
        assert queue.enqueue(sample_job("four", kind)).created
        assert queue.enqueue(sample_job("five", kind, key="k2")).job.id == "one"

    def test_restores_queue_up(self, queue: JobQueue) -> None:
        queue.enqueue(sample_job("one", JobKind.RESTORE))
        assert queue.enqueue(sample_job("two", JobKind.RESTORE)).created

    def test_whom_a_key_stands_for_can_be_asked_before_anything_else(
        self, queue: JobQueue, clock: StepClock
    ) -> None:
        job = sample_job("one", JobKind.RESTORE, key="k")
        assert queue.answer_to(asked(job)) is None
        queue.enqueue(job)
        assert queue.answer_to(asked(job)) == job
        assert queue.answer_to(asked(replace(job, idempotency_key=""))) is None
        assert queue.answer_to(asked(replace(job, idempotency_key="other"))) is None
        with pytest.raises(ConflictError, match="idempotency key"):
            queue.answer_to(asked(sample_job("two", JobKind.RESTORE, key="k", number=4)))
        done = queue.finish(claimed(queue), JobStatus.SUCCEEDED, JobResult())
        clock.advance(DAY - 1)
        assert queue.answer_to(asked(job)) == done
        clock.advance(KEPT)
        assert queue.answer_to(asked(job)) is None
        assert [one.id for one in queue.list()] == ["one"]

    def test_a_key_of_an_answered_request_stands_for_the_job_that_answered(self, queue: JobQueue) -> None:
        queue.enqueue(sample_job("one", key="k1"))
        queue.enqueue(sample_job("two", key="k2"))
        done = queue.finish(claimed(queue), JobStatus.SUCCEEDED, JobResult())
        assert queue.answer_to(asked(sample_job("three", key="k2"))) == done

    def test_a_key_stands_for_the_request_as_it_was_sent(self, queue: JobQueue) -> None:
        sent = {"point": LATEST, "to": "x"}
        first, later = (
            replace(sample_job(name, JobKind.RESTORE, key="k"), payload={"point": point, "to": "x"})
            for name, point in (("one", "run-1"), ("two", "run-2"))
        )
        assert queue.enqueue(first, sent=sent).job == first
        assert queue.answer_to(as_sent(later, sent)) == first
        again = queue.enqueue(later, sent=sent)  # as of two that are sent at once
        assert (again.job, again.created) == (first, False)
        with pytest.raises(ConflictError):
            queue.answer_to(asked(first))
        with pytest.raises(ConflictError):
            queue.enqueue(first)
