"""Execution: one claimed job, from its claim to its end in the queue."""

import logging
from collections.abc import Callable
from itertools import chain, repeat
from typing import Protocol

from bck_apps.runner.watcher import JobWatcher
from bck_apps.wiring.logs import bound
from bckcore.domain.job import JobResult, JobStatus
from bckcore.errors import DatabaseBusyError, DatabaseUnreachableError, LeaseLostError, TransientError
from bckcore.ports.clock import Clock
from bckcore.ports.job_queue import Claim, JobQueue
from bckcore.ports.transport import Watcher
from bckcore.services.worker import Ending, job_failed_unexpectedly

RETRY_AFTER_SECONDS = (0.2, 1.0, 5.0)
"""Waits between tries to write the end of a job's log, and how it ended, while the queue is out of reach; the
last one goes on. The lease is renewed meanwhile, as soon as that is possible."""
INSIST_SECONDS = 600.0
"""How long that goes on. Then the lease is left to run out, and the job is taken again."""

_logger = logging.getLogger(__name__)


class CarriesOut(Protocol):
    """The one thing a runner needs of :class:`bckcore.services.worker.Worker`."""

    def carry_out(self, claim: Claim, watcher: Watcher) -> Ending:
        """Do the job and say how it ended. Raises LeaseLostError only."""


class Execution:
    """Carries out one claim. :meth:`carry_out` is called once, in any thread."""

    def __init__(
        self, claim: Claim, *, queue: JobQueue, worker: CarriesOut, clock: Clock, lease_seconds: float
    ) -> None:
        self.job = claim.job
        self._queue = queue
        self._worker = worker
        self._clock = clock
        self._watcher = JobWatcher(queue=queue, claim=claim, clock=clock, lease_seconds=lease_seconds)

    def ask_to_stop(self) -> None:
        """The process ends: stop the work soon and hand the job back. Safe to repeat, from any thread."""
        self._watcher.ask_to_stop()

    def carry_out(self) -> None:
        """Do the work and enter how it ended. Never raises; writes nothing once the lease is lost."""
        with bound(job=self.job.id, host=self.job.host, profile=self.job.profile):
            self._carry_out()

    def _carry_out(self) -> None:
        try:
            with self._watcher:
                ending = self._ending()
                if ending is not None and not self._watcher.lease_lost:
                    self._enter(*ending)
        except LeaseLostError:
            _logger.warning("job %s was taken over by another runner", self.job.id)
        except Exception:  # the runner outlives any job; the lease runs out and somebody takes it again
            _logger.exception("job %s: its end could not be entered", self.job.id)

    def _ending(self) -> Ending | None:
        try:
            status, result = self._worker.carry_out(self._watcher.claim, self._watcher)
        except LeaseLostError:
            return None
        except Exception as error:  # whatever it is, the job must end and the runner go on
            _logger.exception("job %s met an internal error", self.job.id)
            ending = job_failed_unexpectedly(self.job, error)
            self._watcher.log(ending[1].text, level="error")
            return ending
        if status is JobStatus.CANCELLED and self._stopped_by_us():
            self._watcher.log("This runner ends; the job waits for the next one.", level="warning")
        return status, result

    def _stopped_by_us(self) -> bool:
        return self._watcher.stop_asked and not self._watcher.cancel_requested

    def _enter(self, status: JobStatus, result: JobResult) -> None:
        until = self._clock.monotonic() + INSIST_SECONDS
        self._write_rest(until)
        if (status is JobStatus.CANCELLED and self._stopped_by_us()) or _lost_its_database(status, result):
            self._insist(lambda: self._watcher.end(self._queue.hand_back), until)
            _logger.info("job %s handed back", self.job.id)
            return
        self._insist(
            lambda: self._watcher.end(lambda claim: self._queue.finish(claim, status, result)), until
        )
        _logger.info("job %s ended: %s", self.job.id, status.value)

    def _write_rest(self, until: float) -> None:
        try:
            self._insist(self._watcher.write_rest, until)
        except (LeaseLostError, TransientError):
            raise
        except Exception:  # how the job ended counts for more than its last lines
            _logger.exception("job %s: the end of its log could not be written", self.job.id)

    def _insist(self, step: Callable[[], object], until: float) -> None:
        waits = chain(RETRY_AFTER_SECONDS, repeat(RETRY_AFTER_SECONDS[-1]))
        for number, seconds in enumerate(waits, start=1):
            try:
                step()
            except TransientError as error:
                short = number > len(RETRY_AFTER_SECONDS) and self._watcher.stop_asked
                if short or self._clock.monotonic() >= until:
                    raise
                _logger.warning("job %s: the queue is out of reach: %s", self.job.id, error)
                self._clock.wait(seconds, until=lambda: False)
            else:
                return


def _lost_its_database(status: JobStatus, result: JobResult) -> bool:
    """The work did not fail, its books did: it is done again, from what is there already."""
    passing = (DatabaseUnreachableError.code, DatabaseBusyError.code)
    return status is JobStatus.FAILED and result.error_code in passing
