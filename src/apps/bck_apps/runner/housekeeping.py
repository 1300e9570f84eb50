"""Housekeeping: old jobs with their logs, and the problems of old runs, go a few at a time."""

import logging
from collections.abc import Callable
from datetime import timedelta

from bckcore.errors import BckError
from bckcore.ports.clock import Clock
from bckcore.ports.job_queue import JobQueue
from bckcore.services.old_problems import OldProblems

LOOK_SECONDS = 600.0
BATCH = 100
"""Jobs per look: their logs are long, and nobody must wait for the database meanwhile."""
BATCH_OF_RUNS = 20
"""Runs per look whose problems go; each may have a thousand."""
BATCH_SECONDS = 1.0
"""Between two batches while there is more."""

_logger = logging.getLogger(__name__)


class Housekeeping:
    """Call :meth:`look` often; several runners may, each finds what is left."""

    def __init__(
        self,
        *,
        queue: JobQueue,
        old_problems: OldProblems,
        clock: Clock,
        keep_days: int,
        keep_per_profile: int,
    ) -> None:
        self._queue = queue
        self._old_problems = old_problems
        self._clock = clock
        self._keep = timedelta(days=keep_days)
        self._keep_per_profile = keep_per_profile
        self._next_look = clock.monotonic()

    def look(self) -> None:
        """Remove what may go, if the last look is a while ago. Never raises."""
        now = self._clock.monotonic()
        if now < self._next_look:
            return
        jobs = _carried_out("old jobs", self._jobs)
        runs = _carried_out("problems of old runs", self._problems)
        more = jobs == BATCH or runs == BATCH_OF_RUNS
        self._next_look = now + (BATCH_SECONDS if more else LOOK_SECONDS)

    def _jobs(self) -> int:
        before = self._clock.now() - self._keep
        removed = self._queue.remove_finished(before=before, keep=self._keep_per_profile, limit=BATCH)
        if removed:
            _logger.info("%d old jobs and their logs were removed", removed)
        return removed

    def _problems(self) -> int:
        runs = self._old_problems.drop(limit=BATCH_OF_RUNS)
        if runs:
            _logger.info("what %d old runs could not read is known by their receipts alone from now on", runs)
        return runs


def _carried_out(what: str, step: Callable[[], int]) -> int:
    """How many the step removed. What goes wrong with one step keeps no other from its turn."""
    try:
        return step()
    except BckError as error:
        _logger.warning("%s are kept for now: %s", what, error)
    except Exception:  # the runner goes on, and the next look tries again
        _logger.exception("%s are kept for now", what)
    return 0
