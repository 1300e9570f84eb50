"""Restore points of a profile."""

from dependency_injector.wiring import inject
from fastapi import APIRouter

from bck_apps.api.deps import requires
from bck_apps.api.errors import responses
from bck_apps.api.providing import provided
from bck_apps.api.schemas import Page, PointView
from bck_apps.api.views import point_view
from bck_apps.wiring.container import Container
from bckcore.domain.access import Permission, Principal
from bckcore.domain.ids import ProfileId
from bckcore.services.restore import RestoreService

router = APIRouter(prefix="/profiles/{name}", tags=["points"])


@router.get("/points", responses=responses(401, 403, 404, 422))
@inject
def list_points(
    name: str,
    _who: Principal = requires(Permission.READ),
    restores: RestoreService = provided(Container.restores),
) -> Page[PointView]:
    """Every state that can be restored, oldest first."""
    return Page(items=[point_view(point) for point in restores.points(ProfileId(name))], next=None)
