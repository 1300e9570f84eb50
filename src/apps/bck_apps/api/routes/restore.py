"""Restores: look ahead, start, follow, cancel."""

from collections import Counter
from contextlib import closing
from itertools import islice

from dependency_injector.wiring import inject
from fastapi import APIRouter

from bck_apps.api.deps import requires, within_reach
from bck_apps.api.errors import responses
from bck_apps.api.providing import provided
from bck_apps.api.routes.backup import IdempotencyKey
from bck_apps.api.routes.following import add_following
from bck_apps.api.schemas import (
    ForeseenView,
    JobView,
    PreviewRestore,
    RestorePreview,
    Started,
    StartRestore,
)
from bck_apps.api.turns import READS, WALKS, in_turn
from bck_apps.api.views import foreseen_view, job_view, restore_request_of, secret_of, started_view
from bck_apps.wiring.container import Container
from bckcore.domain.access import Permission, Principal
from bckcore.domain.ids import JobId, ProfileId
from bckcore.errors import InvalidInputError
from bckcore.services.jobs import JobService
from bckcore.services.reach import Reach
from bckcore.services.restore import RestoreService

router = APIRouter(prefix="/restore", tags=["restore"])
add_following(router)


@router.post("/start", status_code=202, responses=responses(401, 403, 404, 409, 422))
@inject
def start_restore(
    body: StartRestore,
    idempotency_key: IdempotencyKey = "",
    who: Principal = requires(Permission.RESTORE),
    _turn: None = in_turn(READS),
    jobs: JobService = provided(Container.jobs),
    reach: Reach = within_reach(),
) -> Started:
    """Ask for a point, or some paths of it, in a folder on the server or back on the host."""
    reach.profile(who, ProfileId(body.profile))
    request = restore_request_of(body)
    if request.folder is not None:
        reach.demand(who, Permission.RESTORE_HERE)
    return started_view(
        jobs.start_restore(
            ProfileId(body.profile),
            request,
            requested_by=who.name,
            key=idempotency_key,
            password=secret_of(body.password),
        )
    )


@router.post("/preview", responses=responses(401, 403, 404, 409, 422, 503))
@inject
def preview_restore(
    body: PreviewRestore,
    who: Principal = requires(Permission.RESTORE_HERE),
    _turn: None = in_turn(WALKS),
    restores: RestoreService = provided(Container.restores),
    reach: Reach = within_reach(),
) -> RestorePreview:
    """What a restore into a folder on the server would do; changes nothing."""
    reach.profile(who, ProfileId(body.profile))
    request = restore_request_of(body)
    if request.folder is None or not request.folder.is_absolute():
        raise InvalidInputError(
            "Only a restore into a folder on the server, given by its full path, can be looked at ahead.",
            advice="For a restore to the host use `dry_run` with POST /restore/start.",
        )
    found = restores.foresee(
        ProfileId(body.profile),
        point=request.point,
        to=request.folder,
        paths=request.paths,
        options=request.options,
    )
    counts: Counter[str] = Counter()
    items: list[ForeseenView] = []
    with closing(found):
        for one in islice(found, body.after):
            counts[one.outcome.value if one.outcome else "failed"] += 1
        for one in islice(found, body.limit):
            items.append(foreseen_view(one))
            counts[items[-1].outcome] += 1
        more = next(found, None) is not None
    if more:
        return RestorePreview(items=items, next=str(body.after + len(items)), counts=None)
    return RestorePreview(items=items, next=None, counts=dict(counts))


@router.post("/cancel/{job_id}", responses=responses(401, 403, 404, 422))
@inject
def cancel_restore(
    job_id: str,
    _who: Principal = requires(Permission.RESTORE),
    jobs: JobService = provided(Container.jobs),
) -> JobView:
    """Ask a job to stop; what a restore wrote so far stays, and can be resumed."""
    return job_view(jobs.cancel(JobId(job_id)))
