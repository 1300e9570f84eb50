"""Orphans: jobs whose process is gone, though its claim would hold a little longer."""

import logging
from collections.abc import Collection

from bckcore.domain.ids import JobId
from bckcore.domain.job import Job
from bckcore.ports.clock import Clock
from bckcore.ports.job_queue import Claim, JobQueue, LogLine
from bckcore.ports.processes import Processes

_GONE = "The process that worked on this job is gone; the job can be taken up again at once."

_logger = logging.getLogger(__name__)


class Claims:
    """Takes jobs in the name of this process, and frees those whose process on this machine is dead."""

    def __init__(
        self, *, queue: JobQueue, clock: Clock, processes: Processes, name: str, lease_seconds: float
    ) -> None:
        self._queue = queue
        self._clock = clock
        self._processes = processes
        self._name = name
        self._lease_seconds = lease_seconds

    def next(self, only: Job | None = None, *, besides: Collection[JobId] = ()) -> Claim | None:
        """Free what the dead hold, then claim a job; see the port. Raises what the queue raises."""
        self.free_orphans()
        return self._queue.claim(
            self._name,
            lease_seconds=self._lease_seconds,
            only=None if only is None else only.id,
            besides=besides,
            holder=self._processes.me(),
        )

    def free_orphans(self) -> None:
        """Jobs of dead processes of this machine need no longer wait for the end of their lease."""
        for job in self._queue.release_dead(self._processes.is_dead):
            _logger.warning("job %s: its process is gone; it is taken up again", job.id)
            line = LogLine(number=0, at=self._clock.now(), level="warning", text=_GONE)
            self._queue.append_log(job.id, [line])
