"""Enrolling a PC: an administrator opens, the PC redeems; and the authority by which PCs know this server."""

from dependency_injector.wiring import inject
from fastapi import APIRouter, Depends, Response

from bck_apps.api.deps import caller, open_to_all, requires
from bck_apps.api.errors import responses
from bck_apps.api.providing import provided
from bck_apps.api.schemas_enrolment import (
    EnrolledView,
    NewEnrolmentBody,
    NewEnrolmentView,
    Redeem,
    RevokedView,
)
from bck_apps.api.turns import SCANS, in_turn
from bck_apps.api.views import secret_of
from bck_apps.api.views_enrolment import change_of, enrolled_view, opened_view, shown_of
from bck_apps.wiring.certificates import Certificates
from bck_apps.wiring.container import Container
from bckcore.domain.access import Permission, Principal
from bckcore.domain.ids import HostId
from bckcore.domain.session import Caller
from bckcore.services.enrolments import Enrolments

router = APIRouter(tags=["enrolment"])
PEM = "application/x-pem-file"


@router.get(
    "/ca.pem",
    response_class=Response,
    responses={200: {"content": {PEM: {"schema": {"type": "string"}}}}, **responses(500)},
    openapi_extra=open_to_all(),
)
@inject
def authority(certificates: Certificates = provided(Container.certificates)) -> Response:
    """The certificate authority that clients pin. It is public, and proves nothing by itself: compare its
    SHA-256 with one that came another way, as in an enrolment token."""
    return Response(certificates.authority_pem(), media_type=PEM)


@router.post(
    "/enrol", responses=responses(403, 409, 422, 429, 503), openapi_extra=open_to_all(), status_code=200
)
@inject
def redeem(
    body: Redeem,
    source: Caller = Depends(caller),
    enrolments: Enrolments = provided(Container.enrolments),
) -> EnrolledView:
    """Hand over the host keys of a PC for its token, once, and learn what its sshd must hold."""
    return enrolled_view(enrolments.redeem(secret_of(body.token), shown_of(body), source))


@router.post("/hosts/{name}/enrolment", status_code=201, responses=responses(401, 403, 404, 409, 422))
@inject
def open_enrolment(
    name: str,
    body: NewEnrolmentBody,
    who: Principal = requires(Permission.CONFIGURE),
    _turn: None = in_turn(SCANS),
    enrolments: Enrolments = provided(Container.enrolments),
    certificates: Certificates = provided(Container.certificates),
) -> NewEnrolmentView:
    """Make a token by which a PC becomes this host; a host that is not there is made, and waits. A token from
    before counts no more. The answer shows the token, and nothing ever does again."""
    return opened_view(
        enrolments.open(
            HostId(name),
            change_of(body),
            ca_sha256=certificates.files().fingerprint,
            created_by=who.name,
            minutes=body.minutes,
            replace_host_key=body.replace_host_key,
            take_over_history=body.take_over_history,
        )
    )


@router.delete("/hosts/{name}/enrolment", responses=responses(401, 403, 404, 422))
@inject
def revoke_enrolment(
    name: str,
    _who: Principal = requires(Permission.CONFIGURE),
    enrolments: Enrolments = provided(Container.enrolments),
) -> RevokedView:
    """Revoke the host's token, if one counts."""
    return RevokedView(revoked=enrolments.revoke(HostId(name)))
