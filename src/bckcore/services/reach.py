"""Reach: which hosts a principal may know of, and with them profiles, runs and jobs. Decided only here.

What is out of reach and what does not exist raise the same error, word for word.
"""

from collections.abc import Callable, Collection, Sequence
from typing import TypeVar

from bckcore.domain.access import Permission, Principal
from bckcore.domain.host import Host
from bckcore.domain.ids import HostId, JobId, ProfileId, RunId, SessionId, TokenId
from bckcore.domain.job import JobKind
from bckcore.errors import AccessDeniedError, NotFoundError
from bckcore.ports.job_queue import JobQueue
from bckcore.ports.unit_of_work import UnitOfWorkFactory
from bckcore.services.lookup import or_none

T = TypeVar("T")


class Reach:
    """Thread-safe. Principals that are not confined reach everything but sessions of others; what they name
    is not looked up.
    """

    def __init__(self, *, units: UnitOfWorkFactory, queue: JobQueue) -> None:
        self._units = units
        self._queue = queue

    def demand(self, who: Principal, permission: Permission) -> None:
        """Raise AccessDeniedError unless the principal has the permission."""
        if not who.may(permission):
            raise AccessDeniedError(
                f"{who.name} ({who.title}) may not {permission.deed}.", advice="Ask an administrator."
            )

    def hosts(self, who: Principal) -> Collection[HostId] | None:
        """The hosts within reach; None: all there are."""
        if not who.confined:
            return None
        with self._units(read_only=True) as uow:
            return frozenset(host.id for host in uow.hosts.list() if _reaches(who, host))

    def only(self, who: Principal, items: Sequence[T], host_of: Callable[[T], HostId]) -> Sequence[T]:
        """Those of the items whose host is within reach."""
        hosts = self.hosts(who)
        return items if hosts is None else [item for item in items if host_of(item) in hosts]

    def host(self, who: Principal, host: HostId) -> None:
        """Raise NotFoundError unless the host is within reach."""
        if who.confined and not self._reaches_host(who, host):
            raise _nothing("host", host)

    def profile(self, who: Principal, profile: ProfileId) -> None:
        """Raise NotFoundError unless the profile is of a host within reach."""
        if who.confined and not self._reaches_profile(who, profile):
            raise _nothing("profile", profile)

    def run(self, who: Principal, run: RunId) -> None:
        """Raise NotFoundError unless the run is of a profile within reach."""
        if not who.confined:
            return
        with self._units(read_only=True) as uow:
            found = or_none(lambda: uow.runs.get(run))
        if found is None or not self._reaches_profile(who, found.profile):
            raise _nothing("run", run)

    def job(self, who: Principal, job: JobId) -> None:
        """Raise NotFoundError unless the job is of a host within reach; for a device, a backup of it."""
        if not who.confined:
            return
        found = or_none(lambda: self._queue.get(job))
        within = found is not None and self._reaches_host(who, found.host)
        if found is None or not within or (who.role is None and found.kind is not JobKind.BACKUP):
            raise _nothing("job", job)

    def device_token(self, who: Principal, token: TokenId) -> None:
        """Raise NotFoundError unless the token is of a host within reach."""
        if not who.confined:
            return
        with self._units(read_only=True) as uow:
            found = or_none(lambda: uow.device_tokens.get(token))
        if found is None or not self._reaches_host(who, found.host):
            raise _nothing("device token", token)

    def session(self, who: Principal, session: SessionId) -> None:
        """Raise NotFoundError unless the session is one's own; who may configure reaches anybody's."""
        if who.may(Permission.CONFIGURE):
            return
        with self._units(read_only=True) as uow:
            found = or_none(lambda: uow.sessions.get(session))
        if found is None or found.user != who.name:
            raise _nothing("session", session)

    def _reaches_host(self, who: Principal, host: HostId) -> bool:
        with self._units(read_only=True) as uow:
            found = or_none(lambda: uow.hosts.get(host))
        return found is not None and _reaches(who, found)

    def _reaches_profile(self, who: Principal, profile: ProfileId) -> bool:
        with self._units(read_only=True) as uow:
            found = or_none(lambda: uow.profiles.get(profile))
            return found is not None and _reaches(who, uow.hosts.get(found.host))


def _reaches(who: Principal, host: Host) -> bool:
    return host.id == who.host if who.role is None else who.name in host.owners


def _nothing(what: str, name: str) -> NotFoundError:
    return NotFoundError(f"There is no {what} {name[:200]}.")
