"""Device tokens: for the program on one PC, to start and watch that PC's backups."""

from dependency_injector.wiring import inject
from fastapi import APIRouter

from bck_apps.api.deps import requires, within_reach
from bck_apps.api.errors import responses
from bck_apps.api.providing import provided
from bck_apps.api.schemas import Page
from bck_apps.api.schemas_people import DeviceTokenBody, DeviceTokenView, MadeTokenView
from bck_apps.api.views_people import device_token_view, made_token_view
from bck_apps.wiring.container import Container
from bckcore.domain.access import Permission, Principal
from bckcore.domain.ids import HostId, TokenId
from bckcore.services.device_tokens import DeviceTokens
from bckcore.services.reach import Reach

router = APIRouter(prefix="/auth/tokens", tags=["auth"])


@router.get("", responses=responses(401, 403))
@inject
def list_tokens(
    who: Principal = requires(Permission.READ),
    tokens: DeviceTokens = provided(Container.device_tokens),
    reach: Reach = within_reach(),
) -> Page[DeviceTokenView]:
    """Device tokens by host, revoked and expired ones too. The tokens themselves are not kept."""
    found = reach.only(who, tokens.list(), lambda token: token.host)
    return Page(items=[device_token_view(token) for token in found], next=None)


@router.post("", status_code=201, responses=responses(401, 403, 404, 422))
@inject
def add_token(
    body: DeviceTokenBody,
    who: Principal = requires(Permission.CONFIGURE),
    tokens: DeviceTokens = provided(Container.device_tokens),
) -> MadeTokenView:
    """Make a token for one PC. The answer shows it, and nothing ever does again."""
    made = tokens.add(
        HostId(body.host), body.name, created_by=who.name, scopes=tuple(body.scopes), days=body.days
    )
    return made_token_view(made)


@router.delete("/{token_id}", responses=responses(401, 403, 404, 422))
@inject
def revoke_token(
    token_id: str,
    _who: Principal = requires(Permission.BACK_UP),
    tokens: DeviceTokens = provided(Container.device_tokens),
) -> DeviceTokenView:
    """Revoke a token, as after a PC was stolen: from now on it counts no more."""
    return device_token_view(tokens.revoke(TokenId(token_id)))
