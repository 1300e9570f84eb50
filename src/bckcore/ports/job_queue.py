"""JobQueue: jobs asked for once and carried out once; and each job's log."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol

from bckcore.domain.holder import Holder
from bckcore.domain.ids import HostId, JobId, ProfileId
from bckcore.domain.job import Asked, Job, JobKind, JobResult, JobStatus
from bckcore.domain.transfer import TransferProgress
from bckcore.errors import ConflictError, JobCancelledError


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A runner's right to a job until ``lease_until``; ``token`` fences off every earlier owner."""

    job: Job
    token: str
    lease_until: datetime
    sealed: str = field(default="", repr=False)
    """What was given with the job; see :meth:`JobQueue.enqueue`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Enqueued:
    """The answer to a request."""

    job: Job
    created: bool
    """False when an earlier request with the same key, or a queued or running job of the same kind
    and profile, answers for it."""
    instead_of: tuple[JobId, ...] = ()
    """Unfinished jobs that were cancelled because this one does their work."""
    password_dropped: bool = False
    """A password was sent, and the job that answers keeps its own, or none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line of a job's log."""

    number: int
    """Counts from 1 within the job."""
    at: datetime
    level: str
    text: str


KEY_KEPT = timedelta(hours=48)
"""How long an idempotency key of a job that is over is known, by the clock: so that it stands for 24 hours
also where the clock is set forward by a day meanwhile."""
NO_JOB = "Check the id. Finished jobs go after a while; 'bck run list' still knows what runs did."
"""What to do about a job that is not there."""
MOST_LOG_LINES = 20_000
"""Kept of one job, whatever it writes and however often it is taken up again."""
LONGEST_LINE = 2_000
"""Characters."""


def shortened(line: LogLine) -> LogLine:
    """The line with no more text than is kept."""
    if len(line.text) <= LONGEST_LINE:
        return line
    return replace(line, text=line.text[: LONGEST_LINE - 1] + "…")


def fitting(lines: Sequence[LogLine], known: int) -> Sequence[LogLine]:
    """What of ``lines`` a log takes that has ``known``, numbered; the last one it ever takes says so."""
    room = max(0, MOST_LOG_LINES - known)
    taken = [shortened(line) for line in lines[:room]]
    if taken and len(taken) == room:
        taken[-1] = replace(taken[-1], level="warning", text="This log is full; no further line is kept.")
    return [replace(line, number=number) for number, line in enumerate(taken, start=known + 1)]


def as_sent(job: Job, sent: Mapping[str, object] | None) -> Asked:
    """The request for ``job`` whose payload was ``sent`` so, where that is another than the job's."""
    payload = job.payload if sent is None else sent
    return Asked(kind=job.kind, profile=job.profile, payload=payload, key=job.idempotency_key)


def key_in_use(asked: Asked, earlier: Job) -> ConflictError:
    """The error of :meth:`JobQueue.answer_to` for a key that stands for another request."""
    return ConflictError(
        f"The idempotency key of this request already stands for another one: job {earlier.id}, a "
        f"{earlier.kind.value} of {earlier.profile}.",
        meaning=f"The {asked.kind.value} of {asked.profile} was not started. Nothing was changed.",
        advice="Use a new key for a new request; the same key only to send the same request again.",
    )


def no_longer_wanted(job: JobId) -> JobCancelledError:
    """The error of what is done only for a job that nobody has asked to stop."""
    return JobCancelledError(f"Job {job} was cancelled.", meaning="Nothing was written after that.")


class JobQueue(Protocol):
    """Durable and thread-safe; every call is its own transaction. Time is the injected clock's."""

    def answer_to(self, asked: Asked) -> Job | None:
        """The job that the request's key stands for; None for no key, and for one that stands for nothing.

        To be asked before anything is looked at: what a job has done, or people meanwhile, may keep the same
        request from being carried out once more. For 24 h at least (KEY_KEPT), and as long as the job is not
        over, the same key with the same :attr:`Asked.text` gives the same job; with any other it raises
        ConflictError.

        Of a key that an older version kept, only the request of its job is known. It answers what
        :meth:`Asked.may_have_become` that; of anything else :meth:`enqueue` says whether it is the same.
        """

    def enqueue(self, job: Job, *, sealed: str = "", sent: Mapping[str, object] | None = None) -> Enqueued:
        """Add a queued job, or answer with the one that is it already.

        ``sent``: the payload as it was sent, where the job's says more exactly what is meant.

        ``sealed`` is a secret that goes with a new job, sealed for its runner: no part of the job or its
        request. :meth:`claim` alone gives it out again, however often the job is taken; it is wiped in the
        very step that makes the job final. A job that answers keeps its own.

        The job's ``idempotency_key`` answers as in :meth:`answer_to`, or raises that ConflictError and
        changes nothing. Otherwise a job of a profile that is queued or running answers for a second one of
        its kind, where :attr:`JobKind.answers_for_another`, but not one that was asked to stop: behind that,
        the new one waits. One that waits and that nobody but the service asked for becomes that of who asks
        now, and one that a runner had begun before is asked for once more (:meth:`Job.answering`).
        """

    def get(self, job: JobId) -> Job:
        """Raises NotFoundError."""

    def list(
        self,
        *,
        status: Sequence[JobStatus] = (),
        kind: JobKind | None = None,
        hosts: Collection[HostId] | None = None,
        limit: int = 100,
    ) -> Sequence[Job]:
        """Newest first; with ``hosts`` only those of these hosts."""

    def newest(
        self, kind: JobKind, status: Sequence[JobStatus], profiles: Collection[ProfileId]
    ) -> Mapping[ProfileId, Job]:
        """The newest job of that kind in one of these states, of each of these profiles that has one."""

    def claim(
        self,
        runner: str,
        *,
        lease_seconds: float,
        only: JobId | None = None,
        besides: Collection[JobId] = (),
        holder: Holder | None = None,
    ) -> Claim | None:
        """Take the oldest job whose host and profile have no running one; None when there is none.

        Jobs that the service asked for by itself come after all that people and devices asked for, but for
        those that are to stop (:attr:`Job.gives_way`). Among the ones as among the others, a job that stands
        aside (a check, a preview) comes last; it runs beside the others, and of these, too, a host and a
        profile have only one running.

        Also takes a running job whose lease has expired, under a new token, and counts that in its
        ``deaths``, but where ``holder`` shows that the machine of the holder before was started anew since
        (:meth:`Holder.went_with_its_machine`): a power cut is no job's fault. While a job with DEATHS_ALONE
        deaths is carried out, none is given out that has, or would have, as many: a job that brings its
        process down takes each neighbour with it so often at most, and is given up alone.

        ``only`` asks for that one job; ``besides`` are jobs that the caller is itself at work on: it never
        gets one of them, also where their leases have expired meanwhile, and renews them by
        :meth:`heartbeat`. Two callers never get the same job under a valid lease. ``holder`` is the process
        that takes it, kept with the claim for :meth:`release_dead`.
        """

    def release_dead(self, is_dead: Callable[[Holder], bool]) -> Sequence[Job]:
        """End now the leases of running jobs whose holder ``is_dead`` says is gone; return these jobs.

        They stay as they are until somebody takes them, as any job whose lease has ended; a holder that
        is alive after all keeps its job by its next heartbeat, or is fenced off. Jobs that were taken
        without a holder are left alone.
        """

    def heartbeat(self, claim: Claim, *, lease_seconds: float, progress: TransferProgress) -> Claim:
        """Renew the lease and store the progress; the answer's job shows ``cancel_requested``. Else the
        claim stays as it is.

        The lease counts from when that is written, however long the call had to wait for others before.
        Raises LeaseLostError if the claim is no longer valid.
        """

    def finish(self, claim: Claim, status: JobStatus, result: JobResult) -> Job:
        """End the job, its progress included (:meth:`Job.moved`). Raises LeaseLostError if the claim is no
        longer valid."""

    def held_until(self, job: JobId, *, token: str | None = None) -> datetime | None:
        """When the claim on a running job ends unless its runner renews it; None when nobody holds it.

        With ``token``: when that very claim ends; None when it holds no longer, or the job is unknown.
        Without one, raises NotFoundError for an unknown job.
        """

    def hand_back(self, claim: Claim) -> None:
        """Put the job back in the queue at its old place. Raises LeaseLostError."""

    def request_cancel(self, job: JobId) -> Job:
        """Queued: cancelled at once. Running: marked, the runner stops it. Final: left as it is."""

    def count_sealed(self, *, final: bool) -> int:
        """How many jobs hold something sealed: of those that are over none ever, or of all others."""

    def queued_since(self, *, hosts: Collection[HostId] | None = None) -> datetime | None:
        """When the oldest of the jobs that are queued was asked for; None while none is queued.

        A job handed back is as old as before. With ``hosts`` only jobs of these hosts.
        """

    def append_log(self, job: JobId, lines: Sequence[LogLine], *, claim: Claim | None = None) -> None:
        """Add lines at the end; their ``number`` is ignored and given anew. See :func:`fitting` for what is
        kept of long texts and endless logs.

        With the ``claim`` of who works on the job, raises LeaseLostError, and adds nothing, once that is no
        longer valid. Raises NotFoundError for an unknown job.
        """

    def read_log(self, job: JobId, *, after: int = 0, limit: int = 1000) -> Sequence[LogLine]:
        """Lines with a number above ``after``, in order. Raises NotFoundError for an unknown job."""

    def remove_finished(self, *, before: datetime, keep: int, limit: int) -> int:
        """Remove jobs that are over, with their logs, oldest first, at most ``limit``; how many there were.

        Those that were over before ``before``, and those that are not among the newest ``keep`` of their
        profile. Never the newest job of each profile, kind and status, nor one that still answers for its
        idempotency key.
        """
