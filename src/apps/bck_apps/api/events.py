"""What happens to a job, as server-sent events.

``status`` (the job) when its state changes, ``progress`` when that moves, ``log`` for every log line,
with the line's number as event id, and ``end`` (the job) once it is final; then the stream is over. A
client that reconnects sends the last id it saw and gets every line after it, none twice.

The queue is a database that other processes write to, and it has no way to call out to them all; so
it is asked again every POLL_SECONDS, once for all who follow the job here (:mod:`bck_apps.api.feeds`).
That is faster than the eye, sleeps in the event loop without holding a thread, and costs two reads by
primary key each time. While nothing happens, FastAPI sends a comment every 15 s, so that nobody on the way
takes the connection for dead.
"""

from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from dataclasses import dataclass, field

import anyio
from fastapi.sse import ServerSentEvent

from bck_apps.api.feeds import POLL_SECONDS, Feed
from bck_apps.api.permits import Permit
from bck_apps.api.views import job_view, line_view, progress_view
from bckcore.domain.job import Job
from bckcore.domain.transfer import TransferProgress
from bckcore.ports.job_queue import LogLine

RETRY_MS = 1_000


@dataclass(slots=True)
class JobEvents:
    """Turns two looks at a job into the events between them. ``after`` is the last line known."""

    after: int = 0
    _status: tuple[object, ...] = ()
    _progress: TransferProgress = field(default_factory=TransferProgress)

    def between(self, job: Job, lines: Sequence[LogLine]) -> Iterator[ServerSentEvent]:
        """Events since the last look: that a job has begun comes first, that it is over comes last."""
        if not job.status.final:
            yield from self._status_event(job)
        for line in lines:
            self.after = line.number
            yield ServerSentEvent(event="log", id=str(line.number), data=line_view(line))
        if job.progress != self._progress:
            self._progress = job.progress
            yield ServerSentEvent(event="progress", data=progress_view(job.progress))
        if job.status.final:
            yield from self._status_event(job)

    def _status_event(self, job: Job) -> Iterator[ServerSentEvent]:
        status = (job.status, job.cancel_requested, job.claims)
        if status != self._status:
            self._status = status
            yield ServerSentEvent(event="status", data=job_view(job))


async def follow(
    feed: Feed, *, after: int, permit: Permit, stopping: Callable[[], bool]
) -> AsyncGenerator[ServerSentEvent, None]:
    """Events of a job until it is final, the client leaves or may no more, or the server stops.

    The first one also says how soon to come back after a connection that broke.
    """
    events, first = JobEvents(after=after), True
    while not stopping() and await permit.holds():
        look = await feed.look(events.after)
        for event in events.between(look.job, look.lines):
            yield event.model_copy(update={"retry": RETRY_MS}) if first else event
            first = False
        if look.more:
            continue
        if look.job.status.final:
            yield ServerSentEvent(event="end", data=job_view(look.job))
            return
        await anyio.sleep(POLL_SECONDS)
