"""One's own second factor: take it, confirm it, switch it off."""

from collections.abc import Callable
from typing import TypeVar

from dependency_injector.wiring import inject
from fastapi import APIRouter, Depends

from bck_apps.api.deps import caller, requires
from bck_apps.api.errors import responses
from bck_apps.api.providing import provided
from bck_apps.api.schemas_people import Code, Enrol, EnrolmentView, RecoveryView
from bck_apps.api.turns import SIGN_INS, in_turn
from bck_apps.api.views import secret_of
from bck_apps.wiring.container import Container
from bckcore.domain.access import Permission, Principal
from bckcore.domain.session import Caller
from bckcore.services.access import AccessService
from bckcore.services.second_factor import Enrolment, SecondFactors
from bckcore.services.throttles import Throttles

T = TypeVar("T")
router = APIRouter(prefix="/auth/totp", tags=["auth"])


def _throttled(throttles: Throttles, who: Principal, source: Caller, work: Callable[[], T]) -> T:
    with throttles.attempt("totp", source.address, account=who.name):
        return work()


@router.post("", responses=responses(401, 403, 409, 422, 429, 503))
@inject
def enrol(
    body: Enrol,
    who: Principal = requires(Permission.OWN_ACCOUNT),
    _turn: None = in_turn(SIGN_INS),
    source: Caller = Depends(caller),
    access: AccessService = provided(Container.access),
    factors: SecondFactors = provided(Container.second_factors),
    throttles: Throttles = provided(Container.throttles),
) -> EnrolmentView:
    """Take a second factor. It is asked for once it has been confirmed."""

    def work() -> Enrolment:
        access.require_password(who.name, secret_of(body.password))
        return factors.enrol(who.name)

    made = _throttled(throttles, who, source, work)
    return EnrolmentView(secret=made.secret.reveal(), uri=made.uri.reveal())


@router.post("/confirm", responses=responses(401, 403, 409, 422, 429, 503))
@inject
def confirm(
    body: Code,
    who: Principal = requires(Permission.OWN_ACCOUNT),
    source: Caller = Depends(caller),
    factors: SecondFactors = provided(Container.second_factors),
    throttles: Throttles = provided(Container.throttles),
) -> RecoveryView:
    """Show that the phone has it. From now on the password alone lets nobody in."""
    code = secret_of(body.code)
    codes = _throttled(throttles, who, source, lambda: factors.confirm(who.name, code))
    return RecoveryView(recovery_codes=[one.reveal() for one in codes])


@router.post("/disable", status_code=204, responses=responses(401, 403, 409, 422, 429, 503))
@inject
def disable(
    body: Code,
    who: Principal = requires(Permission.OWN_ACCOUNT),
    source: Caller = Depends(caller),
    factors: SecondFactors = provided(Container.second_factors),
    throttles: Throttles = provided(Container.throttles),
) -> None:
    """Switch it off, with one of its codes."""
    code = secret_of(body.code)
    _throttled(throttles, who, source, lambda: factors.switch_off(who.name, code))
