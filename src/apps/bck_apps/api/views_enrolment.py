"""Bodies about enrolling from and to domain values. Pure."""

from bck_apps.api.schemas_enrolment import EnrolledView, NewEnrolmentBody, NewEnrolmentView, Redeem
from bckcore.domain.enrolment import ShownByHost
from bckcore.domain.login import Login
from bckcore.services.enrolments import Enrolled, OpenedEnrolment
from bckcore.services.hosts import HostChange


def change_of(body: NewEnrolmentBody) -> HostChange:
    """What is to be different at the host."""
    return HostChange(
        address=body.address,
        port=body.port,
        user=body.user,
        login=None if body.login is None else Login(body.login),
        allowed_roots=None if body.allow is None else tuple(body.allow),
    )


def opened_view(opened: OpenedEnrolment) -> NewEnrolmentView:
    """The only place in the API where the token itself is told."""
    return NewEnrolmentView(
        host=opened.host.id,
        enrolment=opened.token.id,
        expires=opened.token.expires,
        replace_host_key=opened.token.replace_host_key,
        token=opened.text.reveal(),
    )


def shown_of(body: Redeem) -> ShownByHost:
    """What a PC tells of itself. Raises InvalidInputError."""
    return ShownByHost(
        host_keys=tuple(body.host_keys),
        platform=body.platform,
        address=body.address,
        user=body.user,
        gate_command=body.gate,
        gate=body.gate_version,
        rsync=body.rsync_version,
    )


def enrolled_view(enrolled: Enrolled) -> EnrolledView:
    """What the PC must hold."""
    host, trust = enrolled.host, enrolled.trust
    return EnrolledView(
        host=host.id,
        server=enrolled.server,
        user=host.user,
        certified=bool(trust.principal),
        keys=list(trust.keys),
        addresses=list(enrolled.addresses),
        authorized_keys=list(trust.lines),
        allow=list(host.allowed_roots),
    )
