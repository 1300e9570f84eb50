"""What every JobQueue promises. Subclass and give the fixture ``queue``, made with the fixture ``clock``."""

# A suite asserts, as tests do.
# ruff: noqa: S101

from dataclasses import replace
from datetime import timedelta

import pytest

from bck_adapters.testkit.contracts_queue_keys import DAY, KEPT, QUIET, SEALED, JobKeysContract
from bck_adapters.testkit.contracts_queue_turns import LEASE, JobTurnsContract, claimed
from bck_adapters.testkit.samples import START, StepClock, sample_holder, sample_job
from bckcore.domain.access import SCHEDULE
from bckcore.domain.ids import HostId, JobId
from bckcore.domain.job import JobKind, JobResult, JobStatus
from bckcore.domain.transfer import TransferProgress
from bckcore.errors import IllegalTransitionError, LeaseLostError, NotFoundError
from bckcore.ports.job_queue import LONGEST_LINE, MOST_LOG_LINES, Enqueued, JobQueue, LogLine

LINE = LogLine(number=1, at=START, level="info", text="ü")


class JobQueueContract(JobTurnsContract, JobKeysContract):
    """Asked for once, carried out once."""

    def test_a_job_comes_back_whole(self, queue: JobQueue) -> None:
        job = sample_job("j", key="k")
        answer = queue.enqueue(job)
        assert (answer.job, answer.created) == (job, True)
        assert queue.get(JobId("j")) == job
        with pytest.raises(NotFoundError):
            queue.get(JobId("none"))

    def test_lists_are_newest_first_and_filtered(self, queue: JobQueue) -> None:
        for number in range(3):
            queue.enqueue(sample_job(f"r{number}", JobKind.RESTORE))
        queue.enqueue(sample_job("b"))
        claimed(queue)
        assert [job.id for job in queue.list()] == ["b", "r2", "r1", "r0"]
        assert [job.id for job in queue.list(limit=2)] == ["b", "r2"]
        assert [job.id for job in queue.list(kind=JobKind.BACKUP)] == ["b"]
        everywhere = {job.host for job in queue.list()}
        assert [job.id for job in queue.list(hosts=everywhere, limit=2)] == ["b", "r2"]
        assert list(queue.list(hosts=())) == []
        assert list(queue.list(hosts={HostId("elsewhere")})) == []
        assert [job.id for job in queue.list(status=[JobStatus.RUNNING])] == ["r0"]
        assert len(queue.list(status=[JobStatus.RUNNING, JobStatus.QUEUED])) == 4

    def test_only_asks_for_that_job(self, queue: JobQueue) -> None:
        queue.enqueue(sample_job("a", profile="p1", host="h1"))
        queue.enqueue(sample_job("b", profile="p2", host="h2"))
        queue.enqueue(sample_job("c", profile="p3", host="h2"))
        assert claimed(queue, only="b").job.id == "b"
        assert queue.claim("r", lease_seconds=LEASE, only=JobId("b")) is None
        assert queue.claim("r", lease_seconds=LEASE, only=JobId("c")) is None
        assert queue.claim("r", lease_seconds=LEASE, only=JobId("none")) is None

    def test_an_expired_lease_is_taken_over_and_the_old_owner_is_fenced_off(
        self, queue: JobQueue, clock: StepClock
    ) -> None:
        queue.enqueue(sample_job("a"))
        old = claimed(queue, "one")
        clock.advance(LEASE - 1)
        assert queue.claim("two", lease_seconds=LEASE) is None
        clock.advance(1)
        new = claimed(queue, "two")
        assert (new.job.id, new.job.claims, new.job.deaths) == ("a", 2, 1)
        for step in (
            lambda: queue.heartbeat(old, lease_seconds=LEASE, progress=QUIET),
            lambda: queue.finish(old, JobStatus.SUCCEEDED, JobResult()),
            lambda: queue.hand_back(old),
            lambda: queue.append_log(JobId("a"), [LINE], claim=old),
        ):
            with pytest.raises(LeaseLostError):
                step()
        assert list(queue.read_log(JobId("a"))) == []
        queue.append_log(JobId("a"), [LINE], claim=new)
        assert list(queue.read_log(JobId("a"))) == [LINE]
        assert queue.finish(new, JobStatus.FAILED, JobResult()).status is JobStatus.FAILED

    def test_a_heartbeat_renews_the_lease_and_keeps_the_progress(
        self, queue: JobQueue, clock: StepClock
    ) -> None:
        queue.enqueue(sample_job("a"))
        claim = claimed(queue)
        clock.advance(LEASE - 1)
        progress = TransferProgress(phase="transferring", files_done=3, percent=None, current_file="ü")
        beat = queue.heartbeat(claim, lease_seconds=LEASE, progress=progress)
        assert (beat.token, beat.job.progress) == (claim.token, progress)
        clock.advance(LEASE - 1)
        assert queue.claim("two", lease_seconds=LEASE) is None
        assert queue.get(JobId("a")).progress == progress

    def test_a_late_heartbeat_holds_while_nobody_took_over(self, queue: JobQueue, clock: StepClock) -> None:
        queue.enqueue(sample_job("a"))
        claim = claimed(queue)
        clock.advance(LEASE + 5)
        queue.heartbeat(claim, lease_seconds=LEASE, progress=QUIET)
        assert queue.claim("two", lease_seconds=LEASE) is None

    def test_a_finished_job_keeps_its_result_and_nothing_more_happens_to_it(
        self, queue: JobQueue, clock: StepClock
    ) -> None:
        queue.enqueue(sample_job("a"))
        claim = claimed(queue)
        clock.advance(5)
        progress = TransferProgress(phase="cataloguing", source="docs", files_done=3, percent=66)
        claim = queue.heartbeat(claim, lease_seconds=LEASE, progress=progress)
        data = {"run_id": "x", "counts": {"files": 3}}
        result = JobResult(data=data, error_code="c", error="e", meaning="m", advice="a")
        done = queue.finish(claim, JobStatus.PARTIAL, result)
        assert (done.status, done.result, done.finished) == (JobStatus.PARTIAL, result, clock.now())
        assert done.progress == TransferProgress(phase="finished", files_done=3, percent=100)
        assert queue.get(JobId("a")) == done
        assert queue.request_cancel(JobId("a")) == done
        with pytest.raises(LeaseLostError):
            queue.finish(claim, JobStatus.FAILED, JobResult())
        with pytest.raises(LeaseLostError):
            queue.append_log(JobId("a"), [LINE], claim=claim)

    def test_the_end_of_a_claim_can_be_asked_for(self, queue: JobQueue, clock: StepClock) -> None:
        queue.enqueue(sample_job("a"))
        assert queue.held_until(JobId("a")) is None
        claim = claimed(queue)
        assert queue.held_until(JobId("a")) == claim.lease_until
        clock.advance(5)
        claim = queue.heartbeat(claim, lease_seconds=LEASE, progress=QUIET)
        assert queue.held_until(JobId("a")) == claim.lease_until
        queue.finish(claim, JobStatus.SUCCEEDED, JobResult())
        assert queue.held_until(JobId("a")) is None
        with pytest.raises(NotFoundError):
            queue.held_until(JobId("none"))

    def test_the_end_of_one_claim_can_be_asked_for_by_its_token(
        self, queue: JobQueue, clock: StepClock
    ) -> None:
        queue.enqueue(sample_job("a"))
        old = claimed(queue)
        assert queue.held_until(JobId("a"), token=old.token) == old.lease_until
        clock.advance(LEASE + 1)
        assert queue.held_until(JobId("a"), token=old.token) == old.lease_until
        new = claimed(queue)
        assert queue.held_until(JobId("a"), token=old.token) is None
        assert queue.held_until(JobId("a"), token=new.token) == new.lease_until
        queue.hand_back(new)
        assert queue.held_until(JobId("a"), token=new.token) is None
        assert queue.held_until(JobId("a"), token="") is None
        assert queue.held_until(JobId("none"), token=new.token) is None

    def test_the_job_of_a_dead_holder_is_free_before_its_lease_ends(self, queue: JobQueue) -> None:
        queue.enqueue(sample_job("a"))
        queue.enqueue(sample_job("waits", JobKind.RESTORE))
        dead = sample_holder(pid=7)
        old = claimed(queue, holder=dead)
        assert queue.claim("two", lease_seconds=LEASE) is None
        assert [job.id for job in queue.release_dead(lambda holder: holder == dead)] == ["a"]
        assert queue.get(JobId("a")).status is JobStatus.RUNNING
        new = claimed(queue, "two", only="a", holder=sample_holder(pid=8))
        assert (new.job.id, new.job.claims) == ("a", 2)
        with pytest.raises(LeaseLostError):
            queue.heartbeat(old, lease_seconds=LEASE, progress=QUIET)
        queue.finish(new, JobStatus.SUCCEEDED, JobResult())

    def test_a_holder_that_lives_keeps_its_job(self, queue: JobQueue) -> None:
        queue.enqueue(sample_job("a"))
        claim = claimed(queue, holder=sample_holder(pid=7))
        assert list(queue.release_dead(lambda holder: holder.pid != 7)) == []
        assert queue.held_until(JobId("a")) == claim.lease_until
        assert queue.claim("two", lease_seconds=LEASE) is None

    def test_a_holder_that_was_thought_dead_keeps_its_job_by_its_next_heartbeat(
        self, queue: JobQueue
    ) -> None:
        queue.enqueue(sample_job("a"))
        claim = claimed(queue, holder=sample_holder(pid=7))
        assert [job.id for job in queue.release_dead(lambda _: True)] == ["a"]
        queue.heartbeat(claim, lease_seconds=LEASE, progress=QUIET)
        assert queue.claim("two", lease_seconds=LEASE) is None

    def test_jobs_without_a_holder_or_without_a_lease_are_not_asked_about(
        self, queue: JobQueue, clock: StepClock
    ) -> None:
        def never(_: object) -> bool:
            raise AssertionError("nobody holds anything")

        queue.enqueue(sample_job("unnamed", profile="p1", host="h1"))
        queue.enqueue(sample_job("over", profile="p2", host="h2"))
        queue.enqueue(sample_job("back", profile="p3", host="h3"))
        queue.enqueue(sample_job("late", profile="p4", host="h4"))
        claimed(queue, only="unnamed")
        queue.finish(claimed(queue, only="over", holder=sample_holder(pid=7)), JobStatus.FAILED, JobResult())
        queue.hand_back(claimed(queue, only="back", holder=sample_holder(pid=7)))
        claimed(queue, only="back")
        clock.advance(LEASE)
        queue.enqueue(sample_job("queued", profile="p5", host="h5"))
        assert list(queue.release_dead(never)) == []

    def test_a_job_never_finishes_as_running(self, queue: JobQueue) -> None:
        queue.enqueue(sample_job("a"))
        claim = claimed(queue)
        with pytest.raises(IllegalTransitionError):
            queue.finish(claim, JobStatus.RUNNING, JobResult())
        queue.finish(claim, JobStatus.CANCELLED, JobResult())

    def test_a_job_handed_back_keeps_its_place(self, queue: JobQueue) -> None:
        queue.enqueue(sample_job("a", profile="p1"))
        queue.enqueue(sample_job("b", profile="p2"))
        claim = claimed(queue)
        queue.hand_back(claim)
        with pytest.raises(LeaseLostError):
            queue.heartbeat(claim, lease_seconds=LEASE, progress=QUIET)
        again = claimed(queue)
        assert (again.job.id, again.job.claims, again.job.deaths) == ("a", 2, 0)

    def test_the_age_of_what_waits_is_that_of_the_oldest_job_nobody_took(self, queue: JobQueue) -> None:
        assert queue.queued_since() is None
        later = START + timedelta(minutes=1)
        queue.enqueue(sample_job("a", profile="p1", host="h1"))
        queue.enqueue(replace(sample_job("b", profile="p2", host="h2"), created=later))
        assert queue.queued_since() == START
        assert queue.queued_since(hosts=[HostId("h2")]) == later
        assert queue.queued_since(hosts=[]) is None
        claim = claimed(queue, only="a")
        assert queue.queued_since() == later
        queue.hand_back(claim)
        assert queue.queued_since() == START
        queue.request_cancel(JobId("a"))
        queue.request_cancel(JobId("b"))
        assert queue.queued_since() is None

    def test_a_queued_job_is_cancelled_at_once(self, queue: JobQueue, clock: StepClock) -> None:
        queue.enqueue(sample_job("a"))
        cancelled = queue.request_cancel(JobId("a"))
        assert (cancelled.status, cancelled.finished) == (JobStatus.CANCELLED, clock.now())
        assert queue.get(JobId("a")).progress == TransferProgress(phase="finished")
        assert queue.claim("r", lease_seconds=LEASE) is None
        with pytest.raises(NotFoundError):
            queue.request_cancel(JobId("none"))

    def test_a_running_job_learns_of_its_cancellation_by_heartbeat(self, queue: JobQueue) -> None:
        queue.enqueue(sample_job("a"))
        claim = claimed(queue)
        marked = queue.request_cancel(JobId("a"))
        assert (marked.status, marked.cancel_requested) == (JobStatus.RUNNING, True)
        beat = queue.heartbeat(claim, lease_seconds=LEASE, progress=QUIET)
        assert beat.job.cancel_requested

    @pytest.mark.parametrize("by", ["anna", SCHEDULE])
    @pytest.mark.parametrize("kind", [kind for kind in JobKind if kind.answers_for_another])
    def test_a_job_that_was_asked_to_stop_answers_for_no_new_one_which_waits_behind_it(
        self, queue: JobQueue, kind: JobKind, by: str
    ) -> None:
        queue.enqueue(sample_job("stopping", kind, key="k1", by=by))
        old = claimed(queue)
        queue.request_cancel(JobId("stopping"))
        assert queue.enqueue(sample_job("new", kind, key="k2"), sealed=SEALED).created
        again = queue.enqueue(sample_job("third", kind))
        assert (again.job.id, again.created) == ("new", False)
        assert queue.enqueue(sample_job("fourth", kind, key="k1")).job.id == "stopping"
        assert queue.claim("r", lease_seconds=LEASE) is None
        queue.hand_back(old)  # its runner ends before it could stop it
        again = queue.enqueue(sample_job("fifth", kind))
        assert (again.job.id, again.created) == ("new", False)
        old = claimed(queue)
        assert (old.job.id, old.job.cancel_requested) == ("stopping", True)
        queue.finish(old, JobStatus.CANCELLED, JobResult())
        new = claimed(queue)
        assert (new.job.id, new.job.cancel_requested, new.sealed) == ("new", False, SEALED)

    def test_what_is_sealed_goes_with_the_claim_and_shows_nowhere_else(
        self, queue: JobQueue, clock: StepClock
    ) -> None:
        job = sample_job("a", key="k")
        answer = queue.enqueue(job, sealed=SEALED)
        assert answer == Enqueued(job=job, created=True)
        first = claimed(queue)
        assert first.sealed == SEALED
        beat = queue.heartbeat(first, lease_seconds=LEASE, progress=QUIET)
        assert beat.sealed == SEALED
        clock.advance(LEASE + 1)
        second = claimed(queue)  # its runner has died
        queue.hand_back(second)
        third = claimed(queue)  # or shut down
        assert [second.sealed, third.sealed] == [SEALED, SEALED]
        seen = (answer, first, queue.get(JobId("a")), queue.list(), queue.request_cancel(JobId("a")))
        assert SEALED not in repr(seen)

    @pytest.mark.parametrize("status", [status for status in JobStatus if status.final])
    def test_what_is_sealed_is_wiped_when_its_job_ends(self, queue: JobQueue, status: JobStatus) -> None:
        queue.enqueue(sample_job("a"), sealed=SEALED)
        assert (queue.count_sealed(final=False), queue.count_sealed(final=True)) == (1, 0)
        claim = claimed(queue)
        assert queue.count_sealed(final=False) == 1
        queue.finish(claim, status, JobResult())
        assert (queue.count_sealed(final=False), queue.count_sealed(final=True)) == (0, 0)

    def test_what_is_sealed_is_wiped_when_its_job_is_cancelled_before_it_began(self, queue: JobQueue) -> None:
        queue.enqueue(sample_job("a"), sealed=SEALED)
        queue.request_cancel(JobId("a"))
        assert (queue.count_sealed(final=False), queue.count_sealed(final=True)) == (0, 0)

    def test_a_runner_that_lost_its_job_wipes_nothing(self, queue: JobQueue, clock: StepClock) -> None:
        queue.enqueue(sample_job("a"), sealed=SEALED)
        old = claimed(queue)
        clock.advance(LEASE + 1)
        new = claimed(queue)
        with pytest.raises(LeaseLostError):
            queue.finish(old, JobStatus.FAILED, JobResult())
        queue.hand_back(new)
        assert claimed(queue).sealed == SEALED

    def test_a_job_that_answers_keeps_its_own_and_takes_nothing_else(self, queue: JobQueue) -> None:
        queue.enqueue(sample_job("plain", profile="p1", host="h1", key="k"))
        queue.enqueue(sample_job("own", profile="p2", host="h2"), sealed=SEALED)
        for again in (
            sample_job("b", profile="p1", host="h1"),
            sample_job("c", profile="p1", host="h1", key="k"),
            sample_job("d", profile="p2", host="h2"),
        ):
            assert not queue.enqueue(again, sealed="another").created
        assert queue.count_sealed(final=False) == 1
        assert [claimed(queue, only=name).sealed for name in ("plain", "own")] == ["", SEALED]

    def test_log_lines_are_numbered_and_paged(self, queue: JobQueue) -> None:
        queue.enqueue(sample_job("a"))
        lines = [LogLine(number=0, at=START, level="info", text=f"line {n}\tü") for n in range(5)]
        queue.append_log(JobId("a"), lines[:3])
        queue.append_log(JobId("a"), [])
        queue.append_log(JobId("a"), lines[3:])
        numbered = [replace(line, number=number) for number, line in enumerate(lines, start=1)]
        assert list(queue.read_log(JobId("a"))) == numbered
        assert list(queue.read_log(JobId("a"), after=1, limit=2)) == numbered[1:3]
        assert list(queue.read_log(JobId("a"), after=5)) == []
        for step in (lambda: queue.read_log(JobId("none")), lambda: queue.append_log(JobId("none"), lines)):
            with pytest.raises(NotFoundError):
                step()

    def test_a_log_ends_at_its_limit_and_says_so(self, queue: JobQueue) -> None:
        queue.enqueue(sample_job("a"))
        long = LogLine(number=0, at=START, level="info", text="x" * (LONGEST_LINE + 1))
        line = replace(long, text="x")
        for _ in range(3):
            queue.append_log(JobId("a"), [long] + [line] * (MOST_LOG_LINES // 2 - 2))
        kept = queue.read_log(JobId("a"), limit=2 * MOST_LOG_LINES)
        assert [one.number for one in kept] == list(range(1, MOST_LOG_LINES + 1))
        assert kept[0].text == "x" * (LONGEST_LINE - 1) + "…"
        assert kept[-1].text == "This log is full; no further line is kept."
        queue.append_log(JobId("a"), [line])
        assert len(queue.read_log(JobId("a"), limit=2 * MOST_LOG_LINES)) == MOST_LOG_LINES

    def test_old_jobs_go_with_their_logs_and_the_newest_of_each_kind_and_end_stays(
        self, queue: JobQueue, clock: StepClock
    ) -> None:
        for name in ("good1", "good2", "bad1", "bad2", "check1", "check2"):
            kind = JobKind.CHECK if name.startswith("check") else JobKind.BACKUP
            status = JobStatus.FAILED if name.startswith("bad") else JobStatus.SUCCEEDED
            self._ended(queue, clock, name, kind, status)
        clock.advance(DAY)
        assert queue.remove_finished(before=clock.now(), keep=100, limit=2) == 2  # in parts
        assert queue.remove_finished(before=clock.now(), keep=100, limit=2) == 1
        assert queue.remove_finished(before=clock.now(), keep=100, limit=2) == 0
        assert {job.id for job in queue.list()} == {"good2", "bad2", "check2"}
        with pytest.raises(NotFoundError):
            queue.read_log(JobId("good1"))

    def test_jobs_beyond_the_number_that_is_kept_go_however_young(
        self, queue: JobQueue, clock: StepClock
    ) -> None:
        for number in range(5):
            self._ended(queue, clock, f"j{number}")
        self._ended(queue, clock, "other", profile="p2")
        assert queue.remove_finished(before=START, keep=2, limit=10) == 3
        assert {job.id for job in queue.list()} == {"j3", "j4", "other"}

    def test_unfinished_jobs_and_those_that_answer_for_a_key_stay(
        self, queue: JobQueue, clock: StepClock
    ) -> None:
        self._ended(queue, clock, "keyed", key="k")
        self._ended(queue, clock, "plain")
        queue.enqueue(sample_job("running"))
        claimed(queue)
        later = clock.now() + timedelta(days=9)
        assert queue.remove_finished(before=later, keep=0, limit=10) == 0
        answer = queue.enqueue(sample_job("again", key="k"))
        assert (answer.job.id, answer.created) == ("keyed", False)
        clock.advance(KEPT + 1)
        assert queue.remove_finished(before=later, keep=0, limit=10) == 1
        assert {job.id for job in queue.list()} == {"plain", "running"}

    @staticmethod
    def _ended(  # one keyword for each thing that tells jobs apart
        queue: JobQueue,
        clock: StepClock,
        name: str,
        kind: JobKind = JobKind.BACKUP,
        status: JobStatus = JobStatus.SUCCEEDED,
        *,
        profile: str = "docs",
        key: str = "",
    ) -> None:
        queue.enqueue(sample_job(name, kind, profile=profile, key=key))
        queue.append_log(JobId(name), [LogLine(number=0, at=START, level="info", text=name)])
        queue.finish(claimed(queue, only=name), status, JobResult())
        clock.advance(1)
