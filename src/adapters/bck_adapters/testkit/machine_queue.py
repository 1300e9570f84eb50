"""QueueMachine: runners that come, stall, die and come back, against a queue whose clock is set.

Subclass it, give ``make_queue``; its ``TestCase`` is the test.
"""

from dataclasses import dataclass, field, replace

# A suite asserts, as tests do.
# ruff: noqa: S101
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from bck_adapters.testkit.samples import StepClock, sample_holder, sample_job
from bckcore.domain.access import NIGHTLY, SCHEDULE
from bckcore.domain.ids import JobId
from bckcore.domain.job import DEATHS_ALONE, Job, JobKind, JobResult, JobStatus
from bckcore.domain.transfer import TransferProgress
from bckcore.errors import ConflictError, LeaseLostError
from bckcore.ports.job_queue import KEY_KEPT, Claim, JobQueue, LogLine, as_sent

LEASE = 30
_ENDS = [status for status in JobStatus if status.final]


@dataclass(slots=True)
class Known:
    """What the model knows of a job."""

    job: Job
    status: JobStatus = JobStatus.QUEUED
    token: str = ""
    lease_until: float = 0.0
    claims: int = 0
    deaths: int = 0
    tokens: set[str] = field(default_factory=set)
    holder: int = 0
    sealed: bool = False
    stopping: bool = False


def _turn(known: Known) -> tuple[bool, bool]:
    """People first, and what stands aside last."""
    by_itself = known.job.requested_by in (SCHEDULE, NIGHTLY)
    return by_itself and not known.stopping, known.job.kind.stands_aside


class QueueMachine(RuleBasedStateMachine):
    """One running job per host and profile, and one check beside it; nothing lost, order kept."""

    claims = Bundle("claims")

    def make_queue(self, clock: StepClock) -> JobQueue:
        """An empty queue on that clock."""
        raise NotImplementedError

    @initialize()
    def begin(self) -> None:
        """An empty queue."""
        self.clock = StepClock()
        self.queue = self.make_queue(self.clock)
        self.known: dict[JobId, Known] = {}
        self.keys: dict[str, tuple[str, JobId, float]] = {}

    # --- what people do ---------------------------------------------------------------------------

    @rule(
        kind=st.sampled_from(JobKind),
        profile=st.sampled_from(["p1", "p2", "p3"]),
        host=st.sampled_from(["h1", "h2"]),
        key=st.sampled_from(["", "", "k1", "k2"]),
        number=st.sampled_from([1, 1, 1, 2]),
        by=st.sampled_from(["anna", "bert", SCHEDULE, NIGHTLY]),
    )
    def enqueue(self, kind: JobKind, profile: str, host: str, key: str, number: int, by: str) -> None:
        """A request, perhaps sent twice, perhaps while the same work goes on, or with a used key."""
        name = f"j{len(self.known)}"
        job = sample_job(name, kind, profile, host, key, self.clock.now(), number, by)
        if self._job_of_key(job) is not None and self.keys[key][0] != f"{profile} {kind} {number}":
            for ask in (self.queue.enqueue, lambda one: self.queue.answer_to(as_sent(one, None))):
                with pytest.raises(ConflictError):
                    ask(job)
            return
        known = self.queue.answer_to(as_sent(job, None))
        assert (None if known is None else known.id) == self._job_of_key(job)
        expected = self._expected_answer(job)
        answer = self.queue.enqueue(job, sealed=f"sealed for {name}" if number == 1 else "")
        assert (answer.job.id, answer.created) == (expected or name, expected is None)
        if expected is None:
            self.known[job.id] = Known(job, sealed=number == 1)
        elif self._job_of_key(job) is None:
            self._answers(self.known[expected], job)
        told = self.known[answer.job.id].job
        assert (answer.job.requested_by, answer.job.asked) == (told.requested_by, told.asked)
        if key and self._job_of_key(job) is None:
            self.keys[key] = (f"{profile} {kind} {number}", answer.job.id, self.clock.monotonic())

    def _answers(self, known: Known, job: Job) -> None:
        """What waits because the service asked for it is that of the person who asks for the same."""
        if known.claims:
            known.job = replace(known.job, asked=job.created)
        own = (SCHEDULE, NIGHTLY)
        if known.status is JobStatus.QUEUED and known.job.requested_by in own and job.requested_by not in own:
            known.job = replace(known.job, requested_by=job.requested_by)

    def _job_of_key(self, job: Job) -> JobId | None:
        found = self.keys.get(job.idempotency_key)
        if not job.idempotency_key or found is None:
            return None
        in_time = self.clock.monotonic() - found[2] <= KEY_KEPT.total_seconds()
        return found[1] if in_time or not self.known[found[1]].status.final else None

    def _expected_answer(self, job: Job) -> JobId | None:
        twins = (
            other.job.id
            for other in self.known.values()
            if job.kind.answers_for_another
            and (other.job.kind, other.job.profile) == (job.kind, job.profile)
            and not other.status.final
            and not other.stopping
        )
        return self._job_of_key(job) or next(twins, None)

    @rule(number=st.integers(0, 20))
    def cancel(self, number: int) -> None:
        """Somebody cancels a job, whatever its state."""
        if number < len(self.known):
            known = list(self.known.values())[number]
            if known.status is JobStatus.QUEUED:
                known.status = JobStatus.CANCELLED
            known.stopping = known.stopping or known.status is JobStatus.RUNNING
            assert self.queue.request_cancel(known.job.id).status is known.status

    @rule(seconds=st.sampled_from([1, LEASE - 1, LEASE, 13 * 3600]))
    def time_passes(self, seconds: int) -> None:
        """Runners stall, leases expire, keys age."""
        self.clock.advance(seconds)

    # --- what runners do --------------------------------------------------------------------------

    @rule(pids=st.sets(st.sampled_from([1, 2, 3])))
    def runners_die(self, pids: set[int]) -> None:
        """Somebody looks which holders are gone: their leases end now, and no others."""
        now = self.clock.monotonic()
        dead = {
            known.job.id
            for known in self.known.values()
            if known.status is JobStatus.RUNNING and known.lease_until > now and known.holder in pids
        }
        released = self.queue.release_dead(lambda holder: holder.pid in pids)
        assert {job.id for job in released} == dead
        for job in dead:
            self.known[job].lease_until = now

    @rule(target=claims, pid=st.sampled_from([0, 1, 2, 3]))
    def claim(self, pid: int) -> object:
        """A runner asks for work and gets the job that may start and whose turn it is."""
        ready = [known for known in self.known.values() if self._may_start(known)]
        expected = min(ready, key=_turn, default=None)
        holder = sample_holder(pid=pid) if pid else None
        claim = self.queue.claim("runner", lease_seconds=LEASE, holder=holder)
        if expected is None:
            assert claim is None
            return multiple()
        assert claim is not None
        assert claim.job.id == expected.job.id
        assert claim.sealed == (f"sealed for {claim.job.id}" if expected.sealed else "")
        assert claim.token not in expected.tokens
        expected.tokens.add(claim.token)
        expected.deaths += expected.status is JobStatus.RUNNING
        expected.status, expected.token, expected.holder = JobStatus.RUNNING, claim.token, pid
        expected.lease_until, expected.claims = self.clock.monotonic() + LEASE, expected.claims + 1
        assert (claim.job.claims, claim.job.deaths) == (expected.claims, expected.deaths)
        assert claim.job.asked == expected.job.asked
        return claim

    def _may_start(self, known: Known) -> bool:
        now = self.clock.monotonic()
        held = [
            one for one in self.known.values() if one.status is JobStatus.RUNNING and one.lease_until > now
        ]
        if known.deaths + (known.status is JobStatus.RUNNING) >= DEATHS_ALONE and any(
            one.deaths >= DEATHS_ALONE for one in held if one is not known
        ):
            return False
        if known.status is JobStatus.RUNNING:
            return known.lease_until <= self.clock.monotonic()
        running = [other.job for other in self.known.values() if other.status is JobStatus.RUNNING]
        return known.status is JobStatus.QUEUED and not any(
            known.job.kind.stands_aside == job.kind.stands_aside
            and (known.job.host == job.host or known.job.profile == job.profile)
            for job in running
        )

    @rule(claim=claims)
    def heartbeat(self, claim: Claim) -> None:
        """A runner says that it still works, perhaps too late."""
        if self._held(claim):
            beat = self.queue.heartbeat(claim, lease_seconds=LEASE, progress=TransferProgress(phase="x"))
            assert beat.sealed == claim.sealed
            self.known[claim.job.id].lease_until = self.clock.monotonic() + LEASE
        else:
            with pytest.raises(LeaseLostError):
                self.queue.heartbeat(claim, lease_seconds=LEASE, progress=TransferProgress())

    @rule(claim=claims, status=st.sampled_from(_ENDS))
    def finish(self, claim: Claim, status: JobStatus) -> None:
        """A runner ends its job, perhaps one that is no longer its own."""
        if self._held(claim):
            assert self.queue.finish(claim, status, JobResult(error="e")).status is status
            self.known[claim.job.id].status = status
        else:
            with pytest.raises(LeaseLostError):
                self.queue.finish(claim, status, JobResult())

    @rule(claim=claims)
    def log(self, claim: Claim) -> None:
        """A runner writes a line, perhaps about a job that is no longer its own."""
        job = claim.job.id
        before = len(self.queue.read_log(job))
        line = LogLine(number=0, at=self.clock.now(), level="info", text="x")
        if self._held(claim):
            self.queue.append_log(job, [line], claim=claim)
        else:
            with pytest.raises(LeaseLostError):
                self.queue.append_log(job, [line], claim=claim)
        assert len(self.queue.read_log(job)) == before + self._held(claim)

    @rule(claim=claims)
    def hand_back(self, claim: Claim) -> None:
        """A runner shuts down."""
        if self._held(claim):
            self.queue.hand_back(claim)
            self.known[claim.job.id].status = JobStatus.QUEUED
        else:
            with pytest.raises(LeaseLostError):
                self.queue.hand_back(claim)

    def _held(self, claim: Claim) -> bool:
        known = self.known[claim.job.id]
        return known.status is JobStatus.RUNNING and known.token == claim.token

    @invariant()
    def the_queue_knows_what_the_model_knows(self) -> None:
        """All jobs, newest first, in the state they are in; one running per host and profile."""
        if not hasattr(self, "queue"):
            return
        jobs = self.queue.list(limit=10_000)
        assert [(job.id, job.status) for job in reversed(jobs)] == [
            (known.job.id, known.status) for known in self.known.values()
        ]
        waiting = [known for known in self.known.values() if known.sealed and not known.status.final]
        assert self.queue.count_sealed(final=False) == len(waiting)
        assert self.queue.count_sealed(final=True) == 0
        for aside in (False, True):
            running = [
                job for job in jobs if job.status is JobStatus.RUNNING and job.kind.stands_aside is aside
            ]
            assert len({job.host for job in running}) == len({job.profile for job in running}) == len(running)
