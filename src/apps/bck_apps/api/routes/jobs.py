"""Jobs of every kind."""

from typing import Annotated

from dependency_injector.wiring import inject
from fastapi import APIRouter, Query

from bck_apps.api.deps import requires, within_reach
from bck_apps.api.errors import responses
from bck_apps.api.providing import provided
from bck_apps.api.schemas import JobView, Page
from bck_apps.api.turns import LISTS, in_turn
from bck_apps.api.views import listed_job_view
from bck_apps.wiring.container import Container
from bckcore.domain.access import Permission, Principal
from bckcore.domain.job import JobStatus
from bckcore.services.jobs import JobService
from bckcore.services.reach import Reach

router = APIRouter(prefix="/jobs", tags=["jobs"])


@router.get("", responses=responses(401, 403, 422))
@inject
def list_jobs(
    status: Annotated[list[JobStatus] | None, Query(description="Only these; may be repeated.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="How many at most.")] = 100,
    who: Principal = requires(Permission.READ),
    _turn: None = in_turn(LISTS),
    jobs: JobService = provided(Container.jobs),
    reach: Reach = within_reach(),
) -> Page[JobView]:
    """Jobs, newest first; lists in their results are left out, see the job's own status for them."""
    found = jobs.list(status=tuple(status or ()), hosts=reach.hosts(who), limit=limit)
    return Page(items=[listed_job_view(job) for job in found], next=None)
