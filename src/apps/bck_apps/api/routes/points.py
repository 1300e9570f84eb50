"""Restore points of a profile, and what retention says about them."""

from dependency_injector.wiring import Provide, inject
from fastapi import APIRouter, Depends

from bck_apps.api.deps import requires
from bck_apps.api.errors import responses
from bck_apps.api.schemas import DecisionView, Page, PointView
from bck_apps.api.views import decision_view, point_view
from bck_apps.wiring.container import Container
from bckcore.domain.access import Permission, Principal
from bckcore.domain.ids import ProfileId
from bckcore.services.prune import PruneService
from bckcore.services.restore import RestoreService

router = APIRouter(prefix="/profiles/{name}", tags=["points"])


@router.get("/points", responses=responses(401, 403, 404, 422))
@inject
def list_points(
    name: str,
    _who: Principal = requires(Permission.READ),
    restores: RestoreService = Depends(Provide[Container.restores]),
) -> Page[PointView]:
    """Every state that can be restored, oldest first."""
    return Page(items=[point_view(point) for point in restores.points(ProfileId(name))], next=None)


@router.get("/retention", responses=responses(401, 403, 404, 422))
@inject
def plan_retention(
    name: str,
    _who: Principal = requires(Permission.READ),
    prunes: PruneService = Depends(Provide[Container.prunes]),
) -> Page[DecisionView]:
    """What pruning would decide now; changes nothing."""
    decisions = prunes.plan(ProfileId(name)).decisions
    return Page(items=[decision_view(decision) for decision in decisions], next=None)
