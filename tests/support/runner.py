"""What the runner's tests share: a queue with jobs, and workers that do as they are told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from threading import Event

from bck_adapters.memory import SettableClock
from bckcore.domain.ids import HostId, JobId, ProfileId
from bckcore.domain.job import Job, JobKind, JobResult, JobStatus
from bckcore.ports.job_queue import Claim, JobQueue
from bckcore.ports.transport import Watcher
from bckcore.services.worker import Ending

PATIENCE = 10.0
LEASE = 60.0
DONE: Ending = (JobStatus.SUCCEEDED, JobResult(data={"run_id": "r"}))
CANCELLED: Ending = (JobStatus.CANCELLED, JobResult(error_code="cancelled", error="stopped"))


def queued(
    queue: JobQueue,
    clock: SettableClock,
    name: str = "j1",
    *,
    kind: JobKind = JobKind.BACKUP,
    key: str = "",
    like: Job | None = None,
) -> Job:
    """A queued job with a profile and a host of its own, or those of another job."""
    job = Job(
        id=JobId(name),
        kind=kind,
        profile=ProfileId(f"p-{name}") if like is None else like.profile,
        host=HostId(f"h-{name}") if like is None else like.host,
        requested_by="test",
        created=clock.now(),
        idempotency_key=key,
    )
    return queue.enqueue(job).job


def on_host(job: Job, host: str) -> Job:
    """The same request under another name, for the same host."""
    return replace(
        job, id=JobId(f"{job.id}-twin"), profile=ProfileId(f"{job.profile}-twin"), host=HostId(host)
    )


class ScriptedWorker:
    """Answers each claim with ``script``; remembers what it was given."""

    def __init__(self, script: Callable[[Claim, Watcher], Ending]) -> None:
        self._script = script
        self.claims: list[Claim] = []

    def carry_out(self, claim: Claim, watcher: Watcher) -> Ending:
        """Run the script."""
        self.claims.append(claim)
        return self._script(claim, watcher)


class PatientWorker:
    """Works until it is told to stop, as a long transfer does; then it is cancelled."""

    def __init__(self) -> None:
        self.started = Event()
        self._tick = Event()

    def carry_out(self, claim: Claim, watcher: Watcher) -> Ending:
        """Wait for the watcher."""
        self.started.set()
        while not watcher.is_cancelled():
            self._tick.wait(0.01)
        return CANCELLED


def eventually(condition: Callable[[], bool]) -> bool:
    """Whether the condition holds before patience ends."""
    from bck_adapters.clock import SystemClock

    return SystemClock().wait(PATIENCE, until=condition)
