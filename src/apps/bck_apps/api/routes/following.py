"""Following a job: status, log and events. Offered below /backup and below /restore alike."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Annotated

from dependency_injector.wiring import inject
from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from bck_apps.api.deps import StillMay, lasting, requires
from bck_apps.api.errors import responses
from bck_apps.api.events import follow
from bck_apps.api.feeds import Feeds
from bck_apps.api.permits import Permit
from bck_apps.api.providing import provided
from bck_apps.api.schemas import JobView, LogLineView, Page
from bck_apps.api.views import job_view, line_view
from bck_apps.wiring.container import Container
from bckcore.domain.access import Permission, Principal
from bckcore.domain.ids import JobId
from bckcore.services.jobs import JobService

KnownLine = Annotated[int, Query(ge=0, le=2**53, description="Number of the last log line that is known.")]


@inject
def get_status(
    job_id: str,
    _who: Principal = requires(Permission.WATCH),
    jobs: JobService = provided(Container.jobs),
) -> JobView:
    """Where the job stands."""
    return job_view(jobs.get(JobId(job_id)))


@inject
def read_log(
    job_id: str,
    after: KnownLine = 0,
    limit: Annotated[int, Query(ge=1, le=10000, description="How many lines at most.")] = 1000,
    _who: Principal = requires(Permission.WATCH),
    jobs: JobService = provided(Container.jobs),
) -> Page[LogLineView]:
    """Log lines after a known one. ``next`` is the ``after`` of the following part."""
    lines = jobs.log(JobId(job_id), after=after, limit=limit)
    more = str(lines[-1].number) if len(lines) == limit else None
    return Page(items=[line_view(line) for line in lines], next=more)


@inject
def job_events(
    job_id: str,
    request: Request,
    after: KnownLine = 0,
    last_event_id: Annotated[
        int | None, Header(ge=0, le=2**53, description="Set by clients that reconnect; wins over `after`.")
    ] = None,
    _who: Principal = requires(Permission.WATCH),
    jobs: JobService = provided(Container.jobs),
    still_may: StillMay = lasting(Permission.WATCH),
) -> AsyncGenerator[ServerSentEvent, None]:
    """The events of a job that exists: what is not there is told before the answer begins."""
    jobs.get(JobId(job_id))
    known = after if last_event_id is None else last_event_id
    if known and not jobs.log(JobId(job_id), after=known - 1, limit=1):
        known = 0  # this job has no such line: it is another's, and to skip ours for it would hide them
    return _followed(request, jobs, JobId(job_id), known, still_may)


async def _followed(
    request: Request, jobs: JobService, job_id: JobId, after: int, still_may: StillMay
) -> AsyncGenerator[ServerSentEvent, None]:
    feeds: Feeds = request.app.state.feeds
    stopping: Callable[[], bool] = request.app.state.stopping
    permit = Permit(still_may)
    with feeds.of(jobs, job_id) as feed:
        async with aclosing(follow(feed, after=after, permit=permit, stopping=stopping)) as events:
            async for event in events:
                yield event


async def stream_events(
    events: AsyncGenerator[ServerSentEvent, None] = Depends(job_events),
) -> AsyncIterator[ServerSentEvent]:
    """Server-sent events ``status``, ``progress``, ``log`` (id: the line's number) and ``end``."""
    async with aclosing(events):
        async for event in events:
            yield event


def add_following(router: APIRouter) -> None:
    """Add the three routes to a router."""
    errors = responses(401, 403, 404, 422)
    router.add_api_route("/status/{job_id}", get_status, methods=["GET"], responses=errors)
    router.add_api_route("/log/{job_id}", read_log, methods=["GET"], responses=errors)
    router.add_api_route(
        "/events/{job_id}",
        stream_events,
        methods=["GET"],
        responses=errors,
        response_class=EventSourceResponse,
    )
