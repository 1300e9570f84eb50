"""Housekeeping: finished jobs and their logs go when nobody looks at them any more, a few at a time."""

import logging
from datetime import timedelta

from bckcore.errors import BckError
from bckcore.ports.clock import Clock
from bckcore.ports.job_queue import JobQueue

LOOK_SECONDS = 600.0
BATCH = 100
"""Jobs per look: their logs are long, and nobody must wait for the database meanwhile."""
BATCH_SECONDS = 1.0
"""Between two batches while there is more."""

_logger = logging.getLogger(__name__)


class Housekeeping:
    """Call :meth:`look` often; several runners may, each finds what is left."""

    def __init__(self, *, queue: JobQueue, clock: Clock, keep_days: int, keep_per_profile: int) -> None:
        self._queue = queue
        self._clock = clock
        self._keep = timedelta(days=keep_days)
        self._keep_per_profile = keep_per_profile
        self._next_look = clock.monotonic()

    def look(self) -> None:
        """Remove what may go, if the last look is a while ago. Never raises."""
        now = self._clock.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + LOOK_SECONDS
        try:
            before = self._clock.now() - self._keep
            removed = self._queue.remove_finished(before=before, keep=self._keep_per_profile, limit=BATCH)
        except BckError as error:
            _logger.warning("old jobs are kept for now: %s", error)
        except Exception:  # the runner goes on, and the next look tries again
            _logger.exception("old jobs are kept for now")
        else:
            if removed:
                _logger.info("%d old jobs and their logs were removed", removed)
            if removed == BATCH:
                self._next_look = now + BATCH_SECONDS
