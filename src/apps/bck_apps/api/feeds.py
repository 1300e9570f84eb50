"""Feeds: one look at a job for all who follow it in this process."""

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import anyio

from bckcore.domain.ids import JobId
from bckcore.domain.job import Job
from bckcore.ports.job_queue import LogLine
from bckcore.services.jobs import JobService

POLL_SECONDS = 0.3
LINES_AT_ONCE = 500
REMEMBERED = 2_000
"""Lines kept for followers that are a little behind; who is further behind reads for itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A job, and lines that follow a known one."""

    job: Job
    lines: Sequence[LogLine]
    more: bool
    """There may be further lines at once; a final job is over only when there are none."""


class Feed:
    """What is known of one job. Used in one event loop."""

    def __init__(self, jobs: JobService, job_id: JobId) -> None:
        self.followers = 0
        self._jobs = jobs
        self._job_id = job_id
        self._lock = anyio.Lock()
        self._job: Job | None = None
        self._lines: deque[LogLine] = deque(maxlen=REMEMBERED)
        self._last: int | None = None
        """Number of the last line that was read for all."""
        self._more = False
        self._looked = float("-inf")

    async def look(self, after: int) -> Look:
        """The job as of at most POLL_SECONDS ago, with lines after ``after``. Raises NotFoundError."""
        async with self._lock:
            job = self._job
            if job is None or self._more or anyio.current_time() - self._looked >= POLL_SECONDS * 0.9:
                job = await anyio.to_thread.run_sync(self._refreshed, after)
                self._looked = anyio.current_time()
            if after >= self._floor():
                lines = [line for line in self._lines if line.number > after][:LINES_AT_ONCE]
                more = self._more or bool(lines and lines[-1].number < (self._last or 0))
                return Look(job=job, lines=lines, more=more)
        # Lines are read after the job: one that is seen as final has written all its lines before.
        page = await anyio.to_thread.run_sync(self._page, after)
        return Look(job=job, lines=page, more=len(page) == LINES_AT_ONCE)

    def _floor(self) -> int:
        """From this line on, all that follow are remembered."""
        return self._lines[0].number - 1 if self._lines else (self._last or 0)

    def _refreshed(self, after: int) -> Job:
        self._job = job = self._jobs.get(self._job_id)
        if self._last is None or not self._lines:
            self._last = after if self._last is None else min(self._last, after)
        page = self._page(self._last)
        self._lines.extend(page)
        self._last = page[-1].number if page else self._last
        self._more = len(page) == LINES_AT_ONCE
        return job

    def _page(self, after: int) -> Sequence[LogLine]:
        return self._jobs.log(self._job_id, after=after, limit=LINES_AT_ONCE)


class Feeds:
    """The feeds of an app, each as long as somebody follows its job."""

    def __init__(self) -> None:
        self._feeds: dict[JobId, Feed] = {}

    @contextmanager
    def of(self, jobs: JobService, job_id: JobId) -> Iterator[Feed]:
        """The job's feed."""
        feed = self._feeds.setdefault(job_id, Feed(jobs, job_id))
        feed.followers += 1
        try:
            yield feed
        finally:
            feed.followers -= 1
            if not feed.followers:
                self._feeds.pop(job_id, None)
