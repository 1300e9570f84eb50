"""From a request to who asks and what they may do."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from dependency_injector.wiring import inject
from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from bck_apps.api.errors import NotSignedInError
from bck_apps.api.providing import provided
from bck_apps.wiring.container import Container
from bckcore.domain.access import Permission, Principal
from bckcore.domain.ids import HostId, JobId, ProfileId, RunId, SessionId, TokenId
from bckcore.domain.secret import Secret
from bckcore.domain.session import Caller
from bckcore.errors import AccessDeniedError, SecondFactorNeededError
from bckcore.services.device_tokens import PREFIX, DeviceTokens
from bckcore.services.reach import Reach
from bckcore.services.sessions import SessionService

T = TypeVar("T")
bearer = HTTPBearer(
    auto_error=False, bearerFormat="JWT", description="Token from `POST /auth/login`, or of a device."
)


def or_401(work: Callable[[], T]) -> T:
    """What the work gives; it raises NotSignedInError where it is denied, else what it raises itself."""
    try:
        return work()
    except SecondFactorNeededError:
        raise
    except AccessDeniedError as error:
        raise NotSignedInError(error.what, meaning=error.meaning, advice=error.advice) from error


@inject
def principal(
    request: Request,
    credentials: HTTPAuthorizationCredentials | None = Depends(bearer),
    sessions: SessionService = provided(Container.sessions),
    devices: DeviceTokens = provided(Container.device_tokens),
) -> Principal:
    """Who asks. Raises NotSignedInError without a valid token."""
    if credentials is None:
        raise NotSignedInError("You are not signed in.", advice="Sign in with POST /auth/login.")
    token = Secret(credentials.credentials)
    known = devices.principal_of if credentials.credentials.startswith(PREFIX) else sessions.principal_of
    found = or_401(lambda: known(token))
    request.state.principal = found.name
    return found


class Requires:
    """A dependency that gives the principal if its role grants ``permission``, else refuses.

    What the address of the route names - a host, a profile, a run, a job - must be within the
    principal's reach as well; else the answer is that there is no such thing.
    """

    def __init__(self, permission: Permission) -> None:
        self.permission = permission

    @inject
    def __call__(
        self,
        request: Request,
        who: Principal = Depends(principal),
        reach: Reach = provided(Container.reach),
    ) -> Principal:
        """Raises NotSignedInError, AccessDeniedError, NotFoundError."""
        objects = named_objects(request.scope["route"].path, request.path_params)
        _require(reach, who, self.permission, objects)
        return who


StillMay = Callable[[], None]
"""Looks at everything once more; raises AccessDeniedError or NotFoundError once it is over."""


class Lasting:
    """A dependency for answers that last, beside ``Requires``: what that looked at, to be looked at again."""

    def __init__(self, permission: Permission) -> None:
        self.permission = permission

    @inject
    def __call__(
        self,
        request: Request,
        who: Principal = Depends(principal),
        sessions: SessionService = provided(Container.sessions),
        devices: DeviceTokens = provided(Container.device_tokens),
        reach: Reach = provided(Container.reach),
    ) -> StillMay:
        """The session or token, the account, its role, and whether it reaches what the address names."""
        objects = list(named_objects(request.scope["route"].path, request.path_params))

        def check() -> None:
            now = sessions.again(who) if who.role else devices.again(who)
            _require(reach, now, self.permission, objects)

        return check


Check = Callable[[Reach, Principal, str], None]
CHECKED: Mapping[str, Check] = {
    "/hosts/{name}": lambda reach, who, name: reach.host(who, HostId(name)),
    "/profiles/{name}": lambda reach, who, name: reach.profile(who, ProfileId(name)),
    "/{job_id}": lambda reach, who, name: reach.job(who, JobId(name)),
    "/sessions/{session_id}": lambda reach, who, name: reach.session(who, SessionId(name)),
    "/tokens/{token_id}": lambda reach, who, name: reach.device_token(who, TokenId(name)),
    "/runs/{run_id}": lambda reach, who, name: reach.run(who, RunId(name)),
}
"""Objects that addresses name, and how their reach is looked at."""
WITHIN = frozenset({"point", "run"})
"""Parameters that name a part of the profile before them."""


def _require(
    reach: Reach, who: Principal, permission: Permission, objects: Iterable[tuple[Check, str]]
) -> None:
    reach.demand(who, permission)
    for kind, name in objects:
        kind(reach, who, name)


def named_objects(template: str, values: Mapping[str, str]) -> Iterator[tuple[Check, str]]:
    """The objects that an address names. Raises LookupError for one that nobody knows how to look at."""
    left = {name for name in values if name not in WITHIN}
    for part, check in CHECKED.items():
        parameter = part.partition("{")[2].rstrip("}")
        if parameter in left and f"{part}/" in f"{template}/":
            left.remove(parameter)
            yield check, values[parameter]
    if left:
        raise LookupError(f"{template}: nobody says who may reach {sorted(left)}")


def requires(permission: Permission) -> Any:
    """Declare on a route what it demands: ``who: Principal = requires(Permission.READ)``.

    What a body names is for the route to check: ``reach: Reach = within_reach()``.
    """
    return Depends(Requires(permission))


def lasting(permission: Permission) -> Any:
    """For a route whose answer lasts: ``still_may: StillMay = lasting(Permission.READ)``, for a Permit."""
    return Depends(Lasting(permission))


def within_reach() -> Any:
    """The service that tells what a principal may know of."""
    return provided(Container.reach)


OPEN = "x-bck-open"


def open_to_all() -> dict[str, Any]:
    """Mark on a route that needs no permission: ``openapi_extra=open_to_all()``. All others declare one."""
    return {OPEN: True}


def caller(request: Request) -> Caller:
    """Where a request comes from."""
    address = request.client.host if request.client else ""
    return Caller(address=address, client=request.headers.get("user-agent", ""))
