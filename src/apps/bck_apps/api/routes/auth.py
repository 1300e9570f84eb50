"""Signing in."""

from typing import cast

from dependency_injector.wiring import Provide, inject
from fastapi import APIRouter, Depends, Request

from bck_apps.api.deps import SignIns, open_to_all
from bck_apps.api.errors import NotSignedInError, responses
from bck_apps.api.schemas import Login, Token
from bck_apps.wiring.container import Container
from bckcore.domain.secret import Secret
from bckcore.errors import AccessDeniedError
from bckcore.services.access import AccessService, SignedIn

router = APIRouter(prefix="/auth", tags=["auth"])


@router.post("/login", responses=responses(401, 422, 429), openapi_extra=open_to_all())
@inject
async def login(
    body: Login, request: Request, access: AccessService = Depends(Provide[Container.access])
) -> Token:
    """Exchange a name and a password for an access token.

    The one endpoint that is not a plain function: password checks wait for their turn in the event
    loop, so that many of them cannot use up the threads of all other routes.
    """
    password = Secret(body.password.get_secret_value())
    sign_ins = cast("SignIns", request.app.state.sign_ins)
    try:
        signed_in: SignedIn = await sign_ins.run(lambda: access.sign_in(body.name, password))
    except AccessDeniedError as error:
        raise NotSignedInError(error.what, meaning=error.meaning, advice=error.advice) from error
    return Token(
        access_token=signed_in.token.reveal(),
        token_type="bearer",  # noqa: S106  # the type of the token, no secret
        expires_at=signed_in.expires,
        name=signed_in.principal.name,
        role=signed_in.principal.title,
    )
