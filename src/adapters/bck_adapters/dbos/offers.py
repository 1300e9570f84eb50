"""Offers: which jobs the engine has handed to this process, until each is settled."""

import asyncio
from collections.abc import Sequence
from threading import Condition

from bckcore.domain.ids import JobId


class Offers:
    """Thread-safe. Workflows wait in :meth:`present`; whoever takes jobs looks here what it may take."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._open: dict[JobId, tuple[asyncio.AbstractEventLoop, asyncio.Event]] = {}
        self._passed_over: set[JobId] = set()

    async def present(self, job: JobId) -> None:
        """Offer the job until it is settled, or until the engine stops."""
        loop, settled = asyncio.get_running_loop(), asyncio.Event()
        with self._changed:
            before = self._open.get(job)
            self._open[job] = (loop, settled)
            self._passed_over.discard(job)
            self._changed.notify_all()
        if before is not None:  # an earlier hand-over of the same job: it ends, this one goes on
            before[1].set()
        try:
            await settled.wait()
        finally:
            with self._changed:
                if self._open.get(job) == (loop, settled):
                    del self._open[job]

    def settle(self, job: JobId) -> None:
        """The job is over: its workflow ends. Safe to repeat."""
        with self._changed:
            loop, settled = self._open.pop(job, (None, None))
        if loop is not None and settled is not None and not loop.is_closed():
            loop.call_soon_threadsafe(settled.set)

    def withdraw_all(self) -> None:
        """The engine has stopped: nothing is offered."""
        with self._changed:
            self._open.clear()
            self._passed_over.clear()

    def open(self) -> frozenset[JobId]:
        """What is offered now."""
        with self._changed:
            return frozenset(self._open)

    def first_of(self, wanted: Sequence[JobId], *, patience: float) -> JobId | None:
        """The first of ``wanted`` that is offered.

        The very first is waited for, ``patience`` seconds at most and only once; then others may pass it.
        """
        if not wanted:
            return None
        first = wanted[0]
        with self._changed:
            if first not in self._passed_over:
                self._changed.wait_for(lambda: first in self._open, timeout=patience)
                if first not in self._open:
                    self._passed_over.add(first)
            return next((job for job in wanted if job in self._open), None)
