"""From a request to who asks and what they may do."""

from collections.abc import Callable
from typing import Any

import anyio
from dependency_injector.wiring import Provide, inject
from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from bck_apps.api.errors import NotSignedInError
from bck_apps.wiring.container import Container
from bckcore.domain.access import Permission, Principal
from bckcore.domain.secret import Secret
from bckcore.errors import AccessDeniedError
from bckcore.services.access import AccessService

bearer = HTTPBearer(auto_error=False, bearerFormat="JWT", description="Token from `POST /auth/login`.")

SIGN_INS_AT_ONCE = 4
"""Checking a password takes much memory on purpose: so many at once, the others wait their turn."""


@inject
def principal(
    request: Request,
    credentials: HTTPAuthorizationCredentials | None = Depends(bearer),
    access: AccessService = Depends(Provide[Container.access]),
) -> Principal:
    """Who asks. Raises NotSignedInError without a valid token."""
    if credentials is None:
        raise NotSignedInError("You are not signed in.", advice="Sign in with POST /auth/login.")
    try:
        found = access.principal_of(Secret(credentials.credentials))
    except AccessDeniedError as error:
        raise NotSignedInError(error.what, meaning=error.meaning, advice=error.advice) from error
    request.state.principal = found.name
    return found


class Requires:
    """A dependency that gives the principal if its role grants ``permission``, else refuses."""

    def __init__(self, permission: Permission) -> None:
        self.permission = permission

    def __call__(self, who: Principal = Depends(principal)) -> Principal:
        """Raises NotSignedInError, AccessDeniedError."""
        if not who.may(self.permission):
            raise AccessDeniedError(
                f"{who.name} ({who.role.value}) may not {self.permission.value}.",
                advice="Ask an administrator.",
            )
        return who


def requires(permission: Permission) -> Any:
    """Declare on a route what it demands: ``who: Principal = requires(Permission.READ)``."""
    return Depends(Requires(permission))


class SignIns:
    """Lets few callers at once check a password."""

    def __init__(self) -> None:
        self._limiter = anyio.CapacityLimiter(SIGN_INS_AT_ONCE)

    async def run(self, check: Callable[[], Any]) -> Any:
        """What ``check`` returns, run in a thread of its own."""
        return await anyio.to_thread.run_sync(check, limiter=self._limiter)
