"""What is due when and why, how fresh backups are, and what hosts say about themselves."""

from dependency_injector.wiring import inject
from fastapi import APIRouter

from bck_apps.api.deps import requires, within_reach
from bck_apps.api.errors import responses
from bck_apps.api.providing import provided
from bck_apps.api.schemas import Page
from bck_apps.api.schemas_schedule import PresenceBody, PresenceView, StandingView
from bck_apps.api.turns import READS, in_turn
from bck_apps.api.views_schedule import presence_view, sign_of, standing_view
from bck_apps.wiring.container import Container
from bckcore.domain.access import Permission, Principal
from bckcore.domain.ids import HostId, ProfileId
from bckcore.services.presence import PresenceService
from bckcore.services.reach import Reach
from bckcore.services.standing import StandingService

router = APIRouter(tags=["schedule"])


@router.get("/schedule", responses=responses(401, 403))
@inject
def read_schedule(
    who: Principal = requires(Permission.READ),
    _turn: None = in_turn(READS),
    standings: StandingService = provided(Container.standings),
    reach: Reach = within_reach(),
) -> Page[StandingView]:
    """Every profile by name: what is due when and why, and how fresh its backups are."""
    found = standings.all(hosts=reach.hosts(who))
    return Page(items=[standing_view(one) for one in found], next=None)


@router.get("/profiles/{name}/health", responses=responses(401, 403, 404, 422))
@inject
def read_health(
    name: str,
    _who: Principal = requires(Permission.READ),
    standings: StandingService = provided(Container.standings),
) -> StandingView:
    """The same for one profile."""
    return standing_view(standings.of(ProfileId(name)))


@router.post("/hosts/{name}/presence", responses=responses(401, 403, 404, 422))
@inject
def tell_presence(
    name: str,
    body: PresenceBody,
    _who: Principal = requires(Permission.START),
    presences: PresenceService = provided(Container.presences),
) -> PresenceView:
    """A host says how it is; schedules go by it until it expires. Sent again every few minutes."""
    return presence_view(presences.heard(HostId(name), sign_of(body)))
