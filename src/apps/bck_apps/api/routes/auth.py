"""Signing in, going on, signing out; one's own sessions and password."""

from typing import Annotated

from dependency_injector.wiring import inject
from fastapi import APIRouter, Depends, Query

from bck_apps.api.deps import caller, open_to_all, or_401, requires, within_reach
from bck_apps.api.errors import responses
from bck_apps.api.providing import provided
from bck_apps.api.schemas import Page
from bck_apps.api.schemas_people import EndedView, Login, PasswordChange, Refresh, SessionView, Token
from bck_apps.api.turns import SIGN_INS, in_turn
from bck_apps.api.views import secret_of
from bck_apps.api.views_people import session_view, token_view
from bck_apps.wiring.container import Container
from bckcore.domain.access import Permission, Principal
from bckcore.domain.ids import SessionId
from bckcore.domain.session import Caller
from bckcore.services.access import AccessService
from bckcore.services.reach import Reach
from bckcore.services.sessions import SessionService
from bckcore.services.throttles import Throttles

router = APIRouter(prefix="/auth", tags=["auth"])


@router.post("/login", responses=responses(401, 422, 429, 503), openapi_extra=open_to_all())
@inject
def login(
    body: Login,
    _turn: None = in_turn(SIGN_INS),
    source: Caller = Depends(caller),
    sessions: SessionService = provided(Container.sessions),
) -> Token:
    """Exchange a name and a password for an access token and a refresh token."""
    password, code = secret_of(body.password), secret_of(body.code or None)
    return token_view(or_401(lambda: sessions.sign_in(body.name, password, source, code=code)))


@router.post("/refresh", responses=responses(401, 422, 429, 503), openapi_extra=open_to_all())
@inject
def refresh(
    body: Refresh,
    source: Caller = Depends(caller),
    sessions: SessionService = provided(Container.sessions),
) -> Token:
    """Exchange a refresh token for fresh tokens. It can be used once: a second use ends the session."""
    return token_view(or_401(lambda: sessions.refresh(secret_of(body.refresh_token), source)))


@router.post("/logout", status_code=204, responses=responses(401, 403))
@inject
def logout(
    who: Principal = requires(Permission.OWN_ACCOUNT),
    sessions: SessionService = provided(Container.sessions),
) -> None:
    """End this session: neither its access token nor its refresh token counts from now on."""
    sessions.sign_out(SessionId(who.session))


@router.get("/sessions", responses=responses(401, 403, 422))
@inject
def list_sessions(
    everybody: Annotated[
        bool, Query(description="Those of all accounts; for administrators, auditors.")
    ] = False,
    who: Principal = requires(Permission.OWN_ACCOUNT),
    sessions: SessionService = provided(Container.sessions),
    reach: Reach = within_reach(),
) -> Page[SessionView]:
    """Sessions that go on, the newest first."""
    if everybody:
        reach.demand(who, Permission.AUDIT)
    found = sessions.list(None if everybody else who.name)
    return Page(items=[session_view(one, who) for one in found], next=None)


@router.delete("/sessions/{session_id}", status_code=204, responses=responses(401, 403, 404, 422))
@inject
def revoke_session(
    session_id: str,
    who: Principal = requires(Permission.OWN_ACCOUNT),
    sessions: SessionService = provided(Container.sessions),
) -> None:
    """End one of one's own sessions; an administrator may end anybody's."""
    sessions.revoke(SessionId(session_id), by=who.name)


@router.post("/password", responses=responses(401, 403, 422, 429, 503))
@inject
def change_password(
    body: PasswordChange,
    who: Principal = requires(Permission.OWN_ACCOUNT),
    _turn: None = in_turn(SIGN_INS),
    source: Caller = Depends(caller),
    access: AccessService = provided(Container.access),
    throttles: Throttles = provided(Container.throttles),
) -> EndedView:
    """Change one's own password. All other sessions of the account end."""
    old, new = secret_of(body.old_password), secret_of(body.new_password)
    with throttles.attempt("password", source.address, account=who.name):
        ended = access.change_password(who.name, old, new, session=SessionId(who.session))
    return EndedView(ended=ended)
