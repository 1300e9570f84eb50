"""run_one: see one job through, by doing it here when no `bck serve` does."""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Thread
from typing import Protocol

from bck_apps.runner.execution import CarriesOut, Execution
from bck_apps.runner.orphans import Claims
from bckcore.domain.ids import JobId
from bckcore.domain.job import Job, JobStatus
from bckcore.errors import LeaseLostError, TransientError
from bckcore.ports.clock import Clock
from bckcore.ports.job_queue import Claim, JobQueue
from bckcore.ports.processes import Processes

FOLLOW_SECONDS = 0.2
SILENT_SECONDS = 5.0
"""A runner that works gives a sign of life about every second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """A runner that holds a job and no longer renews its claim; it was killed, or is cut off."""

    job: Job
    """Ours, or another one of the same host or profile that ours waits for."""
    seconds: float
    """Since its last sign of life."""
    left: float
    """Until its claim ends and the job can be taken over."""


class Interruptions(Protocol):
    """What asks this process to end; see :class:`bck_apps.runner.signals.StopSignals`."""

    interrupts: int
    terminations: int

    def wait(self, seconds: float | None) -> bool:
        """Wait for one, at most ``seconds``."""


class OneJob:
    """Follows a job to its end and carries it out itself whenever nobody else serves the queue."""

    def __init__(  # noqa: PLR0913  # one keyword per part it works with
        self,
        *,
        queue: JobQueue,
        worker: CarriesOut,
        clock: Clock,
        processes: Processes,
        name: str,
        lease_seconds: float,
        served: Callable[[], bool],
        on_silence: Callable[[Silence], None] | None = None,
        on_outage: Callable[[TransientError], None] | None = None,
    ) -> None:
        """``on_outage``: told once of each time in which the queue is out of reach while the work goes on."""
        self._queue = queue
        self._worker = worker
        self._clock = clock
        self._claims = Claims(
            queue=queue, clock=clock, processes=processes, name=name, lease_seconds=lease_seconds
        )
        self._lease_seconds = lease_seconds
        self._served = served
        self._on_silence = on_silence or (lambda _: None)
        self._on_outage = on_outage or (lambda _: None)
        self._told: set[JobId] = set()
        self._execution: Execution | None = None
        self._thread: Thread | None = None
        self._asked = self._out = False

    def run(self, job_id: JobId, *, signals: Interruptions, on_update: Callable[[Job], None]) -> Job:
        """Return the job as it is at the end, or when a person leaves.

        The first Ctrl-C asks for the job to be cancelled, the second leaves at once. SIGTERM stops work
        done here and hands the job back, so that the next start goes on with it.

        A queue that is out of reach while the work goes on here is waited for, as the work itself does;
        else raises what it raises.
        """
        job = self._queue.get(job_id)
        while True:
            ends = signals.terminations > 0
            at_work = self._at_work  # before the look: what it still does then, the next look shows
            if at_work and ends and self._execution:
                self._execution.ask_to_stop()
            try:
                job = self._looked(job_id, signals, on_update)
            except TransientError as error:
                if not at_work:
                    raise
                self._tell_outage(error)
            else:
                self._out = False
            if job.status.final or signals.interrupts > 1 or (ends and not at_work):
                break
            signals.wait(FOLLOW_SECONDS)
        if self._thread is not None and job.status.final:
            self._thread.join()
        return job

    @property
    def _at_work(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _looked(self, job_id: JobId, signals: Interruptions, on_update: Callable[[Job], None]) -> Job:
        """The job as it is; asks for it to be cancelled, or begins it, where that is due."""
        ours = self._at_work
        job = self._queue.get(job_id)
        on_update(job)
        if job.status.final or signals.interrupts > 1:
            return job
        if signals.interrupts and not self._asked:
            self._queue.request_cancel(job_id)
            self._asked = True
        if not ours and not signals.terminations and (execution := self._claimed(job)):
            self._execution = execution
            self._thread = Thread(target=execution.carry_out, name=f"job-{job_id}", daemon=True)
            self._thread.start()
        return job

    def _tell_outage(self, error: TransientError) -> None:
        if not self._out:
            self._out = True
            self._on_outage(error)

    def _claimed(self, job: Job) -> Execution | None:
        if self._served():
            return None
        claim = self._claims.next(job)
        if claim is None:
            self._clear_the_way(job)
            return None
        return Execution(
            claim,
            queue=self._queue,
            worker=self._worker,
            clock=self._clock,
            lease_seconds=self._lease_seconds,
        )

    def _clear_the_way(self, job: Job) -> None:
        """Put jobs of the same host or profile whose runner died back in the queue: they block ours.

        A claim that is still to run out is told of, once.
        """
        if job.status is JobStatus.RUNNING:
            self._tell_silence(job)
        if job.status is not JobStatus.QUEUED:
            return
        for other in self._queue.list(status=[JobStatus.RUNNING]):
            if other.host == job.host or other.profile == job.profile:
                claim = self._claims.next(other)
                if claim is not None:
                    self._hand_back(claim)
                else:
                    self._tell_silence(other)

    def _tell_silence(self, job: Job) -> None:
        until = self._queue.held_until(job.id)
        if until is None or job.id in self._told:
            return
        left = (until - self._clock.now()).total_seconds()
        silent = self._lease_seconds - left
        if left > 0 and silent >= SILENT_SECONDS:
            self._told.add(job.id)
            self._on_silence(Silence(job=job, seconds=silent, left=left))

    def _hand_back(self, claim: Claim) -> None:
        try:
            self._queue.hand_back(claim)
        except LeaseLostError:  # then it has an owner again, which is as good
            return
