"""Hosts: the machines whose files are protected."""

from dependency_injector.wiring import Provide, inject
from fastapi import APIRouter, Depends

from bck_apps.api.deps import requires, within_reach
from bck_apps.api.errors import responses
from bck_apps.api.schemas import HostBody, HostChangeBody, HostFactsView, HostView, Page, UsageView
from bck_apps.api.views import facts_view, host_change_of, host_of, host_view
from bck_apps.wiring import logs
from bck_apps.wiring.container import Container
from bckcore.domain.access import Permission, Principal
from bckcore.domain.ids import HostId
from bckcore.domain.secret import Secret
from bckcore.errors import InvalidInputError
from bckcore.ports.storage import Storage
from bckcore.services.hosts import HostService
from bckcore.services.reach import Reach

router = APIRouter(prefix="/hosts", tags=["hosts"])
log = logs.get_logger("bck.api")


@router.get("", responses=responses(401, 403))
@inject
def list_hosts(
    who: Principal = requires(Permission.READ),
    hosts: HostService = Depends(Provide[Container.hosts]),
    reach: Reach = within_reach(),
) -> Page[HostView]:
    """All hosts by name, as far as the caller may know of them."""
    found = reach.only(who, hosts.list(), lambda host: host.id)
    return Page(items=[host_view(host) for host in found], next=None)


@router.post("", status_code=201, responses=responses(401, 403, 404, 409, 422, 502, 504))
@inject
def add_host(
    body: HostBody,
    _who: Principal = requires(Permission.CONFIGURE),
    hosts: HostService = Depends(Provide[Container.hosts]),
) -> HostView:
    """Save a new host with its private key, its host keys pinned."""
    key = Secret(body.private_key.get_secret_value()) if body.private_key else None
    return host_view(hosts.add(host_of(body), key=key, trust_on_first_use=body.trust_on_first_use))


@router.get("/{name}", responses=responses(401, 403, 404, 422))
@inject
def get_host(
    name: str,
    _who: Principal = requires(Permission.READ),
    hosts: HostService = Depends(Provide[Container.hosts]),
) -> HostView:
    """One host."""
    return host_view(hosts.get(HostId(name)))


@router.put("/{name}", responses=responses(401, 403, 404, 409, 422, 502, 504))
@inject
def change_host(
    name: str,
    body: HostChangeBody,
    who: Principal = requires(Permission.CONFIGURE),
    hosts: HostService = Depends(Provide[Container.hosts]),
) -> HostView:
    """Change a host: only what is given. An allow-list must go on covering the host's profiles."""
    if body.name not in (None, name):
        raise InvalidInputError(f"The body names {body.name!r}, the address {name!r}.")
    key = Secret(body.private_key.get_secret_value()) if body.private_key else None
    before = hosts.get(HostId(name))
    after = hosts.change(before.id, host_change_of(body), key=key, trust_on_first_use=body.trust_on_first_use)
    if after.host_keys != before.host_keys:
        log.warning(
            "host keys changed", host=name, by=who.name, before=before.host_keys, after=after.host_keys
        )
    return host_view(after)


@router.delete("/{name}", status_code=204, responses=responses(401, 403, 404, 409, 422))
@inject
def remove_host(
    name: str,
    _who: Principal = requires(Permission.CONFIGURE),
    hosts: HostService = Depends(Provide[Container.hosts]),
) -> None:
    """Forget a host that no profile uses, and its key. What is stored of it stays."""
    hosts.remove(HostId(name))


@router.get("/{name}/usage", responses=responses(401, 403, 404, 422))
@inject
def host_usage(
    name: str,
    _who: Principal = requires(Permission.READ),
    hosts: HostService = Depends(Provide[Container.hosts]),
    storage: Storage = Depends(Provide[Container.bare_storage]),
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


@router.post("/{name}/probe", responses=responses(401, 403, 404, 422, 502, 504))
@inject
def probe_host(
    name: str,
    _who: Principal = requires(Permission.BACK_UP),
    hosts: HostService = Depends(Provide[Container.hosts]),
) -> HostFactsView:
    """Connect to the host and look whether a backup would work; changes nothing."""
    return facts_view(hosts.probe(HostId(name)))
