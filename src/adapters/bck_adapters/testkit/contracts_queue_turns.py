"""Whose turn it is in a JobQueue: a part of what :mod:`contracts_queue` asks of each."""

# A suite asserts, as tests do.
# ruff: noqa: S101

from dataclasses import replace
from datetime import timedelta

import pytest

from bck_adapters.testkit.samples import START, StepClock, sample_holder, sample_job
from bckcore.domain.access import NIGHTLY, SCHEDULE
from bckcore.domain.holder import Holder
from bckcore.domain.ids import JobId
from bckcore.domain.job import DEATHS_ALONE, Job, JobKind, JobResult, JobStatus
from bckcore.ports.job_queue import Claim, JobQueue

LEASE = 30.0
MINUTE = timedelta(minutes=1)


def claimed(
    queue: JobQueue, runner: str = "r", only: str | None = None, holder: Holder | None = None
) -> Claim:
    """A claim that is expected to succeed."""
    wanted = None if only is None else JobId(only)
    claim = queue.claim(runner, lease_seconds=LEASE, only=wanted, holder=holder)
    assert claim is not None
    return claim


def claimed_of(job: Job) -> Job:
    """The job as its first claim gives it out."""
    return job.moved(JobStatus.RUNNING, at=START)


class OnOneQueue:
    """What every part of the contract is tried on."""

    @pytest.fixture
    def clock(self) -> StepClock:
        """The clock of the queue."""
        return StepClock()

    @pytest.fixture
    def queue(self, clock: StepClock) -> JobQueue:
        """An empty queue on that clock."""
        raise NotImplementedError


class JobTurnsContract(OnOneQueue):
    """One running job of a host and profile; people first, what stands aside last, else the oldest."""

    def test_the_oldest_job_whose_host_and_profile_are_free_is_taken(self, queue: JobQueue) -> None:
        queue.enqueue(sample_job("a", profile="p1", host="h1"))
        queue.enqueue(sample_job("same-host", profile="p2", host="h1"))
        queue.enqueue(sample_job("same-profile", JobKind.RESTORE, profile="p1", host="h2"))
        queue.enqueue(sample_job("free", profile="p3", host="h3"))
        first = claimed(queue)
        assert (first.job.id, first.job.status, first.job.claims) == ("a", JobStatus.RUNNING, 1)
        assert (first.job.started, first.lease_until.timestamp()) == (START, START.timestamp() + LEASE)
        assert claimed(queue).job.id == "free"
        assert queue.claim("r", lease_seconds=LEASE) is None
        queue.finish(first, JobStatus.SUCCEEDED, JobResult())
        assert claimed(queue).job.id == "same-host"

    def test_a_check_or_preview_runs_beside_other_jobs_and_gives_way_to_them(self, queue: JobQueue) -> None:
        queue.enqueue(sample_job("check", JobKind.CHECK, profile="p1", host="h1"))
        queue.enqueue(sample_job("preview", JobKind.PREVIEW, profile="p2", host="h1"))
        queue.enqueue(sample_job("backup", profile="p1", host="h1"))
        queue.enqueue(sample_job("backup-2", profile="p2", host="h1"))
        assert [claimed(queue).job.id for _ in range(2)] == ["backup", "check"]
        assert queue.claim("r", lease_seconds=LEASE) is None

    def test_what_people_ask_for_comes_before_what_the_service_asks_for_by_itself(
        self, queue: JobQueue
    ) -> None:
        asked = [
            ("check-of-the-night", JobKind.CHECK, NIGHTLY),
            ("night-1", JobKind.BACKUP, SCHEDULE),
            ("night-2", JobKind.BACKUP, SCHEDULE),
            ("dry-run", JobKind.PREVIEW, "anna"),
            ("restore", JobKind.RESTORE, "anna"),
            ("backup", JobKind.BACKUP, "device token of h6"),
        ]
        for number, (name, kind, by) in enumerate(asked):
            queue.enqueue(sample_job(name, kind, profile=f"p{number}", host=f"h{number}", by=by))
        first = claimed(queue)
        queue.hand_back(first)  # its place stays the same
        taken = [claimed(queue).job.id for _ in asked]
        assert taken == ["restore", "backup", "dry-run", "night-1", "night-2", "check-of-the-night"]
        assert queue.claim("r", lease_seconds=LEASE) is None

    def test_who_asks_for_what_waits_for_nobody_but_the_service_takes_it_on(self, queue: JobQueue) -> None:
        for number in range(3):
            queue.enqueue(sample_job(f"night-{number}", profile=f"p{number}", host=f"h{number}", by=SCHEDULE))
        answer = queue.enqueue(sample_job("mine", profile="p2", host="h2", number=7))
        assert (answer.job.id, answer.created, answer.job.requested_by) == ("night-2", False, "anna")
        job = queue.get(JobId("night-2"))
        assert (job, job.payload["number"]) == (answer.job, 7)
        again = queue.enqueue(sample_job("again", profile="p2", host="h2", by=SCHEDULE))
        assert (again.job.id, again.job.requested_by) == ("night-2", "anna")
        assert claimed(queue).job == claimed_of(job)
        claimed(queue)
        assert queue.get(JobId("night-2")).asked is None
        late = queue.enqueue(sample_job("late", profile="p0", host="h0", number=7))
        assert (late.job.id, late.job.requested_by, late.job.payload["number"]) == ("night-0", SCHEDULE, 3)

    @pytest.mark.parametrize("kind", [kind for kind in JobKind if kind.answers_for_another])
    def test_a_job_that_was_begun_before_a_request_says_when_it_was_asked_for_again(
        self, queue: JobQueue, clock: StepClock, kind: JobKind
    ) -> None:
        queue.enqueue(sample_job("a", kind, key="k"))
        assert queue.enqueue(sample_job("b", kind, at=START + MINUTE)).job.asked is None, "nobody began it"
        claim = claimed(queue)
        again = queue.enqueue(sample_job("c", kind, at=START + 2 * MINUTE))
        assert (again.job.id, again.job.asked) == ("a", START + 2 * MINUTE)
        same = queue.enqueue(sample_job("d", kind, key="k", at=START + 3 * MINUTE))
        assert same.job == again.job, "its own request, sent once more"
        queue.hand_back(claim)
        again = queue.enqueue(sample_job("e", kind, at=START + 4 * MINUTE))
        assert (again.job.id, again.job.asked) == ("a", START + 4 * MINUTE)
        assert queue.get(JobId("a")) == again.job
        claim = claimed(queue)
        assert (claim.job.claims, claim.job.asked) == (2, START + 4 * MINUTE)
        clock.advance(LEASE + 1)  # its runner dies, and nobody has taken it yet
        queue.enqueue(sample_job("f", kind, at=START + 5 * MINUTE))
        assert claimed(queue).job.asked == START + 5 * MINUTE

    def test_a_runner_never_gets_a_job_that_it_is_itself_at_work_on(
        self, queue: JobQueue, clock: StepClock
    ) -> None:
        queue.enqueue(sample_job("a", profile="p1", host="h1"))
        mine = claimed(queue)
        clock.advance(LEASE + 1)
        for only in (None, JobId("a")):
            assert queue.claim("r", lease_seconds=LEASE, only=only, besides={JobId("a")}) is None
        queue.enqueue(sample_job("b", profile="p2", host="h2"))
        other = queue.claim("r", lease_seconds=LEASE, besides=[JobId("a")])
        assert other is not None
        assert other.job.id == "b"
        mine = queue.heartbeat(mine, lease_seconds=LEASE, progress=mine.job.progress)
        assert (mine.job.claims, mine.job.deaths) == (1, 0)
        assert queue.finish(mine, JobStatus.SUCCEEDED, JobResult()).status is JobStatus.SUCCEEDED

    def test_a_job_that_brings_its_process_down_is_told_from_its_neighbours(
        self, queue: JobQueue, clock: StepClock
    ) -> None:
        for name in ("guilty", "innocent"):
            queue.enqueue(sample_job(name, profile=name, host=name))
        for deaths in range(5):
            assert claimed(queue).job.deaths == deaths
            beside = queue.claim("r", lease_seconds=LEASE)
            assert (beside is not None) is (deaths < DEATHS_ALONE)
            clock.advance(LEASE + 1)
        guilty = claimed(queue)
        assert (guilty.job.id, guilty.job.deaths) == ("guilty", 5)
        assert queue.claim("r", lease_seconds=LEASE, only=JobId("innocent")) is None
        queue.enqueue(sample_job("new", profile="new", host="new"))
        assert claimed(queue).job.id == "new"
        queue.finish(guilty, JobStatus.FAILED, JobResult())
        innocent = claimed(queue)
        assert (innocent.job.id, innocent.job.deaths) == ("innocent", DEATHS_ALONE)

    def test_jobs_whose_machine_was_started_anew_have_lost_no_runner_by_their_own_fault(
        self, queue: JobQueue, clock: StepClock
    ) -> None:
        queue.enqueue(sample_job("a"))
        here = sample_holder(pid=7)
        anew, elsewhere = replace(here, boot="b2"), replace(here, machine="m2", boot="b3")
        deaths = []
        for holder in (here, anew, anew, elsewhere, replace(elsewhere, boot=""), None):
            deaths.append(claimed(queue, holder=holder).job.deaths)
            clock.advance(LEASE + 1)
        assert deaths == [0, 0, 1, 2, 3, 4]
