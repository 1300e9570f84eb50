"""Scheduled backups: the runner's rounds look what is due, and ask for it."""

import logging

from bckcore.errors import BckError
from bckcore.ports.clock import Clock
from bckcore.services.scheduler import Scheduler

_logger = logging.getLogger(__name__)


class ScheduledBackups:
    """Call :meth:`look` often; it looks every ``look_seconds``.

    Without ``start`` nothing is asked for; how fresh backups are is told all the same.
    """

    def __init__(self, *, scheduler: Scheduler, clock: Clock, look_seconds: float, start: bool) -> None:
        self._scheduler = scheduler
        self._clock = clock
        self._look_seconds = look_seconds
        self._start = start
        self._next_look = clock.monotonic()

    def look(self) -> None:
        """Ask for what is due, if the last look is a while ago. Never raises."""
        now = self._clock.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + self._look_seconds
        try:
            self._scheduler.look(start=self._start)
        except BckError as error:
            _logger.warning("scheduled backups are put off: %s", error)
        except Exception:  # the runner goes on, and the next look tries again
            _logger.exception("scheduled backups are put off")
