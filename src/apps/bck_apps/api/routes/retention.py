"""How long points are kept: what pruning would do, and holds."""

from dependency_injector.wiring import inject
from fastapi import APIRouter

from bck_apps.api.deps import requires
from bck_apps.api.errors import responses
from bck_apps.api.providing import provided
from bck_apps.api.schemas import HoldBody, HoldView, Page, PrunePlanView
from bck_apps.api.turns import WALKS, in_turn
from bck_apps.api.views import hold_view, plan_view
from bck_apps.wiring.container import Container
from bckcore.domain.access import Permission, Principal
from bckcore.domain.ids import ProfileId
from bckcore.services.holds import HoldService
from bckcore.services.prune import PruneService

router = APIRouter(prefix="/profiles/{name}", tags=["retention"])


@router.get("/retention", responses=responses(401, 403, 404, 422))
@inject
def plan_retention(
    name: str,
    _who: Principal = requires(Permission.READ),
    _turn: None = in_turn(WALKS),
    prunes: PruneService = provided(Container.prunes),
) -> PrunePlanView:
    """What pruning would do now - which points go, why, and what comes free; changes nothing."""
    return plan_view(prunes.plan(ProfileId(name)))


@router.get("/holds", responses=responses(401, 403, 404, 422))
@inject
def list_holds(
    name: str,
    _who: Principal = requires(Permission.READ),
    holds: HoldService = provided(Container.holds),
) -> Page[HoldView]:
    """Every hold by number of its point, expired ones included."""
    return Page(items=[hold_view(held) for held in holds.list(ProfileId(name))], next=None)


@router.post("/holds", status_code=201, responses=responses(401, 403, 404, 409, 422))
@inject
def hold_point(
    name: str,
    body: HoldBody,
    who: Principal = requires(Permission.CONFIGURE),
    holds: HoldService = provided(Container.holds),
) -> HoldView:
    """Keep a point whatever the retention policy says. The caller becomes its owner."""
    held = holds.hold(ProfileId(name), body.point, reason=body.reason, owner=who.name, expires=body.expires)
    return hold_view(held)


@router.delete("/holds/{point}", responses=responses(401, 403, 404, 422))
@inject
def release_point(
    name: str,
    point: str,
    who: Principal = requires(Permission.CONFIGURE),
    holds: HoldService = provided(Container.holds),
) -> HoldView:
    """End the hold on a point; the policy decides about it from now on. Answers what the hold was."""
    return hold_view(holds.release(ProfileId(name), point, by=who.name))
