"""Backups: start, follow, cancel."""

from typing import Annotated

from dependency_injector.wiring import inject
from fastapi import APIRouter, Header

from bck_apps.api.deps import requires, within_reach
from bck_apps.api.errors import responses
from bck_apps.api.providing import provided
from bck_apps.api.routes.following import add_following
from bck_apps.api.schemas import JobView, StartBackup, Started, StartPreview
from bck_apps.api.views import job_view, secret_of, started_view
from bck_apps.wiring.container import Container
from bckcore.domain.access import Permission, Principal
from bckcore.domain.ids import JobId, ProfileId
from bckcore.services.jobs import LONGEST_KEY, JobService
from bckcore.services.reach import Reach

router = APIRouter(prefix="/backup", tags=["backup"])
add_following(router)

IdempotencyKey = Annotated[
    str,
    Header(
        max_length=LONGEST_KEY,
        description="The same key with the same request gives the same job for 24 hours; with another, 409.",
    ),
]


@router.post("/start", status_code=202, responses=responses(401, 403, 404, 409, 422))
@inject
def start_backup(
    body: StartBackup,
    idempotency_key: IdempotencyKey = "",
    who: Principal = requires(Permission.START),
    jobs: JobService = provided(Container.jobs),
    reach: Reach = within_reach(),
) -> Started:
    """Ask for a backup now. One that is queued or running already answers for it.

    With `accept_missing`, only one that was asked so answers; any other is a conflict. A `password` goes with
    a new job only: see `password_dropped`.
    """
    reach.profile(who, ProfileId(body.profile))
    if body.accept_missing or body.password is not None:  # for a person to say
        reach.demand(who, Permission.BACK_UP)
    return started_view(
        jobs.start_backup(
            ProfileId(body.profile),
            requested_by=who.name,
            key=idempotency_key,
            accept_missing=body.accept_missing,
            by_device=who.role is None,
            password=secret_of(body.password),
        )
    )


@router.post("/preview", status_code=202, responses=responses(401, 403, 404, 409, 422))
@inject
def start_preview(
    body: StartPreview,
    idempotency_key: IdempotencyKey = "",
    who: Principal = requires(Permission.BACK_UP),
    jobs: JobService = provided(Container.jobs),
    reach: Reach = within_reach(),
) -> Started:
    """Ask what a backup would do now; it changes nothing. One that is queued or running already answers.

    The job's result, in `GET /backup/status/{job_id}`, tells what would be sent and what is left out.
    """
    reach.profile(who, ProfileId(body.profile))
    return started_view(
        jobs.start_preview(
            ProfileId(body.profile),
            requested_by=who.name,
            key=idempotency_key,
            password=secret_of(body.password),
        )
    )


@router.post("/cancel/{job_id}", responses=responses(401, 403, 404, 422))
@inject
def cancel_backup(
    job_id: str,
    _who: Principal = requires(Permission.BACK_UP),
    jobs: JobService = provided(Container.jobs),
) -> JobView:
    """Ask a job to stop. A queued one is cancelled at once, a finished one left as it is."""
    return job_view(jobs.cancel(JobId(job_id)))
