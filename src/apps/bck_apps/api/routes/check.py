"""Checks: start one, and see what the newest of a profile found."""

from typing import Annotated

from dependency_injector.wiring import inject
from fastapi import APIRouter, Query

from bck_apps.api.deps import requires, within_reach
from bck_apps.api.errors import responses
from bck_apps.api.providing import provided
from bck_apps.api.routes.backup import IdempotencyKey
from bck_apps.api.schemas import Page, Started
from bck_apps.api.schemas_check import CheckView, FindingView, StartCheck
from bck_apps.api.turns import LISTS, in_turn
from bck_apps.api.views import secret_of, started_view
from bck_apps.wiring.container import Container
from bckcore.domain.access import Permission, Principal
from bckcore.domain.check import CheckRequest
from bckcore.domain.ids import ProfileId
from bckcore.domain.job import Job
from bckcore.errors import NotFoundError
from bckcore.services.check_jobs import CheckJobs
from bckcore.services.profiles import ProfileService
from bckcore.services.reach import Reach

router = APIRouter(tags=["check"])


@router.post("/check/start", status_code=202, responses=responses(401, 403, 404, 409, 422))
@inject
def start_check(
    body: StartCheck,
    idempotency_key: IdempotencyKey = "",
    who: Principal = requires(Permission.BACK_UP),
    checks: CheckJobs = provided(Container.check_jobs),
    reach: Reach = within_reach(),
) -> Started:
    """Ask for a check; the same one, queued or running, answers for it. It repairs nothing."""
    reach.profile(who, ProfileId(body.profile))
    request = CheckRequest(sample=body.sample, read_data=body.read_data, against_host=body.against_host)
    return started_view(
        checks.start(
            ProfileId(body.profile),
            request,
            requested_by=who.name,
            key=idempotency_key,
            password=secret_of(body.password),
        )
    )


@router.get("/profiles/{name}/check", responses=responses(401, 403, 404, 422))
@inject
def newest_check(
    name: str,
    _who: Principal = requires(Permission.READ),
    checks: CheckJobs = provided(Container.check_jobs),
    profiles: ProfileService = provided(Container.profiles),
) -> CheckView:
    """The newest check of a profile that came to its end."""
    job = _newest(name, checks, profiles)
    told = {field: job.result.data.get(field) for field in CheckView.model_fields}
    own = {"job_id": job.id, "status": job.status.value, "started": job.started, "finished": job.finished}
    return CheckView.model_validate(told | own)


@router.get("/profiles/{name}/check/findings", responses=responses(401, 403, 404, 422))
@inject
def list_findings(
    name: str,
    after: Annotated[int, Query(ge=0, description="How many were seen already.")] = 0,
    limit: Annotated[int, Query(ge=1, le=1000, description="How many at most.")] = 100,
    cause: Annotated[str | None, Query(max_length=64, description="Only those of this cause.")] = None,
    _who: Principal = requires(Permission.READ),
    _turn: None = in_turn(LISTS),
    checks: CheckJobs = provided(Container.check_jobs),
    profiles: ProfileService = provided(Container.profiles),
) -> Page[FindingView]:
    """What the newest check found; of more than 1,000 findings the first."""
    found = _newest(name, checks, profiles).result.data.get("findings")
    views = [FindingView.model_validate(one) for one in found] if isinstance(found, list) else []
    chosen = [view for view in views if cause in (None, view.cause)]
    more = after + limit < len(chosen)
    return Page(items=chosen[after : after + limit], next=str(after + limit) if more else None)


def _newest(name: str, checks: CheckJobs, profiles: ProfileService) -> Job:
    profiles.get(ProfileId(name))
    job = checks.newest_of(ProfileId(name))
    if job is None:
        raise NotFoundError(f"{name} was never checked.", advice="Start one: POST /check/start")
    return job
