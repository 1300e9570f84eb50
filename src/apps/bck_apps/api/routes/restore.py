"""Restores: start, follow, cancel."""

from pathlib import Path

from dependency_injector.wiring import Provide, inject
from fastapi import APIRouter, Depends

from bck_apps.api.deps import requires
from bck_apps.api.errors import responses
from bck_apps.api.routes.backup import IdempotencyKey
from bck_apps.api.routes.following import add_following
from bck_apps.api.schemas import JobView, Started, StartRestore
from bck_apps.api.views import job_view, started_view, wanted_paths
from bck_apps.wiring.container import Container
from bckcore.domain.access import Permission, Principal
from bckcore.domain.ids import JobId, ProfileId
from bckcore.services.jobs import JobService
from bckcore.services.restore_request import RestoreRequest

router = APIRouter(prefix="/restore", tags=["restore"])
add_following(router)


@router.post("/start", status_code=202, responses=responses(401, 403, 404, 409, 422))
@inject
def start_restore(
    body: StartRestore,
    idempotency_key: IdempotencyKey = "",
    who: Principal = requires(Permission.RESTORE),
    jobs: JobService = Depends(Provide[Container.jobs]),
) -> Started:
    """Ask for a point, or some paths of it, to be written into a folder on the server."""
    request = RestoreRequest(point=body.point, folder=Path(body.to), paths=wanted_paths(body))
    return started_view(
        jobs.start_restore(ProfileId(body.profile), request, requested_by=who.name, key=idempotency_key)
    )


@router.post("/cancel/{job_id}", responses=responses(401, 403, 404, 422))
@inject
def cancel_restore(
    job_id: str,
    _who: Principal = requires(Permission.RESTORE),
    jobs: JobService = Depends(Provide[Container.jobs]),
) -> JobView:
    """Ask a job to stop; what a restore wrote so far stays."""
    return job_view(jobs.cancel(JobId(job_id)))
