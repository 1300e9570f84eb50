"""Hosts: the machines whose files are protected."""

from dependency_injector.wiring import inject
from fastapi import APIRouter

from bck_apps.api.deps import requires, within_reach
from bck_apps.api.errors import responses
from bck_apps.api.providing import provided
from bck_apps.api.schemas import (
    HostBody,
    HostChangeBody,
    HostFactsView,
    HostView,
    Page,
    ProbeHost,
    TrustView,
    UsageView,
)
from bck_apps.api.turns import PROBES, SCANS, WALKS, in_turn
from bck_apps.api.views import facts_view, host_change_of, host_of, host_view, secret_of, trust_view
from bck_apps.wiring import logs
from bck_apps.wiring.container import Container
from bckcore.domain.access import Permission, Principal
from bckcore.domain.ids import HostId
from bckcore.errors import InvalidInputError
from bckcore.ports.storage import Storage
from bckcore.services.enrolments import Enrolments
from bckcore.services.host_login import HostLogins
from bckcore.services.hosts import HostService
from bckcore.services.reach import Reach

router = APIRouter(prefix="/hosts", tags=["hosts"])
log = logs.get_logger("bck.api")


@router.get("", responses=responses(401, 403))
@inject
def list_hosts(
    who: Principal = requires(Permission.READ),
    hosts: HostService = provided(Container.hosts),
    enrolments: Enrolments = provided(Container.enrolments),
    reach: Reach = within_reach(),
) -> Page[HostView]:
    """All hosts by name, as far as the caller may know of them."""
    found = reach.only(who, hosts.list(), lambda host: host.id)
    until = {token.host: token.expires for token in enrolments.open_now()}
    return Page(items=[host_view(host, until.get(host.id)) for host in found], next=None)


@router.post("", status_code=201, responses=responses(401, 403, 404, 409, 422, 502, 504))
@inject
def add_host(
    body: HostBody,
    _who: Principal = requires(Permission.CONFIGURE),
    _turn: None = in_turn(SCANS),
    hosts: HostService = provided(Container.hosts),
) -> HostView:
    """Save a new host with what its login needs, its host keys pinned."""
    saved = hosts.add(
        host_of(body),
        login=body.login,
        key=secret_of(body.private_key or None),
        password=secret_of(body.password),
        trust_on_first_use=body.trust_on_first_use,
        take_over_history=body.take_over_history,
    )
    return host_view(saved)


@router.get("/{name}", responses=responses(401, 403, 404, 422))
@inject
def get_host(
    name: str,
    _who: Principal = requires(Permission.READ),
    hosts: HostService = provided(Container.hosts),
    enrolments: Enrolments = provided(Container.enrolments),
) -> HostView:
    """One host."""
    return host_view(hosts.get(HostId(name)), enrolments.open_until(HostId(name)))


@router.put("/{name}", responses=responses(401, 403, 404, 409, 422, 502, 504))
@inject
def change_host(
    name: str,
    body: HostChangeBody,
    who: Principal = requires(Permission.CONFIGURE),
    _turn: None = in_turn(SCANS),
    hosts: HostService = provided(Container.hosts),
    enrolments: Enrolments = provided(Container.enrolments),
) -> HostView:
    """Change a host: only what is given. An allow-list must go on covering the host's profiles."""
    if body.name not in (None, name):
        raise InvalidInputError(f"The body names {body.name!r}, the address {name!r}.")
    before = hosts.get(HostId(name))
    after = hosts.change(
        before.id,
        host_change_of(body),
        key=secret_of(body.private_key or None),
        password=secret_of(body.password),
        trust_on_first_use=body.trust_on_first_use,
    )
    if after.host_keys != before.host_keys:
        log.warning(
            "host keys changed", host=name, by=who.name, before=before.host_keys, after=after.host_keys
        )
    return host_view(after, enrolments.open_until(after.id))


@router.get("/{name}/trust", responses=responses(401, 403, 404, 422))
@inject
def host_trust(
    name: str,
    _who: Principal = requires(Permission.READ),
    logins: HostLogins = provided(Container.logins),
) -> TrustView:
    """What the host must hold so that the server is let in: whole lines, public halves only."""
    return trust_view(logins.trust(HostId(name)))


@router.post("/{name}/key", responses=responses(401, 403, 404, 409, 422))
@inject
def renew_host_key(
    name: str,
    _who: Principal = requires(Permission.CONFIGURE),
    logins: HostLogins = provided(Container.logins),
) -> TrustView:
    """Make another key of its own for the host, which lets nobody in until it holds the new line."""
    return trust_view(logins.renew_key(HostId(name)))


@router.delete("/{name}", status_code=204, responses=responses(401, 403, 404, 409, 422))
@inject
def remove_host(
    name: str,
    _who: Principal = requires(Permission.CONFIGURE),
    hosts: HostService = provided(Container.hosts),
) -> None:
    """Forget a host that no profile uses, and its key. What is stored of it stays."""
    hosts.remove(HostId(name))


@router.get("/{name}/usage", responses=responses(401, 403, 404, 422))
@inject
def host_usage(
    name: str,
    _who: Principal = requires(Permission.READ),
    _turn: None = in_turn(WALKS),
    hosts: HostService = provided(Container.hosts),
    storage: Storage = provided(Container.bare_storage),
) -> UsageView:
    """What all that is stored of the host takes, history included; costs a walk over it."""
    host = hosts.get(HostId(name))
    used = storage.usage(host.id)
    return UsageView(
        bytes=used.bytes,
        inodes=used.inodes,
        quota_bytes=host.quota_bytes,
        quota_inodes=host.quota_inodes,
    )


@router.post("/{name}/probe", responses=responses(401, 403, 404, 409, 422, 502, 504))
@inject
def probe_host(
    name: str,
    body: ProbeHost | None = None,
    _who: Principal = requires(Permission.BACK_UP),
    _turn: None = in_turn(PROBES),
    hosts: HostService = provided(Container.hosts),
) -> HostFactsView:
    """Connect to the host and look whether a backup would work; changes nothing, keeps no password."""
    return facts_view(hosts.probe(HostId(name), secret_of(body.password) if body else None))
