"""Hosts: add, change, trust, probe, remove."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bckcore.domain.host import Host, Platform
from bckcore.domain.host_path import typed_paths
from bckcore.domain.ids import HostId
from bckcore.domain.login import Login, checked_account_password
from bckcore.domain.secret import Secret
from bckcore.domain.transfer import HostFacts
from bckcore.errors import ConflictError, HostKeyUnknownError, InvalidInputError, PathNotAllowedError
from bckcore.ports.clock import Clock
from bckcore.ports.transport import Transport
from bckcore.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from bckcore.ports.vault import Vault
from bckcore.services.credentials import Credentials
from bckcore.services.former_host import FormerHosts
from bckcore.services.host_login import Given, HostLogins
from bckcore.services.lookup import or_none
from bckcore.services.passwords import require_password_login
from bckcore.services.vaulting import stored


@dataclass(frozen=True, slots=True, kw_only=True)
class HostChange:
    """What is to be different; None leaves a thing as it is."""

    address: str | None = None
    port: int | None = None
    user: str | None = None
    login: Login | None = None
    gate: str | None = None
    """Empty takes it away."""
    transport: str | None = None
    platform: Platform | None = None
    allowed_roots: tuple[str, ...] | None = None
    """The whole new list."""
    host_keys: tuple[str, ...] | None = None
    """The whole new list of pinned keys."""
    quota_bytes: int | None = None
    """0 takes the quota away."""
    quota_inodes: int | None = None
    """0 takes the quota away."""
    owners: tuple[str, ...] | None = None
    """The whole new list of accounts."""

    def applied(self, host: Host) -> Host:
        """The host as it shall be. Raises InvalidInputError."""
        wanted = {name: getattr(self, name) for name in self.__slots__}
        if self.allowed_roots is not None:
            platform = self.platform or host.platform
            wanted["allowed_roots"] = typed_paths(self.allowed_roots, platform)
        if self.owners is not None:
            wanted["owners"] = tuple(dict.fromkeys(self.owners))
        given = {name: value for name, value in wanted.items() if value is not None}
        for name in ("quota_bytes", "quota_inodes"):
            if given.get(name) == 0:
                given[name] = None
        return replace(host, **given)


class HostService:
    """Thread-safe."""

    def __init__(
        self,
        *,
        units: UnitOfWorkFactory,
        vault: Vault,
        credentials: Credentials,
        logins: HostLogins,
        transport_for: Callable[[Host], Transport],
        former: FormerHosts,
        clock: Clock,
    ) -> None:
        self._units = units
        self._clock = clock
        self._vault = vault
        self._credentials = credentials
        self._logins = logins
        self._transport_for = transport_for
        self._former = former

    def add(
        self,
        host: Host,
        *,
        login: Login | None = None,
        key: Secret[str] | None,
        password: Secret[str] | None = None,
        trust_on_first_use: bool = False,
        take_over_history: bool = False,
    ) -> Host:
        """Save a host with what its login needs; return it as saved.

        Without ``login``, a key or a password that is given says how the host is entered, and without those
        ``host.login``. A key that is none as OpenSSH reads it is refused. ``host.host_keys`` are pinned;
        where there are none and ``trust_on_first_use`` allows it, the keys that the host shows now. A name
        under which backups or jobs of a removed host are kept is refused, unless the new one is to
        ``take_over_history``. Raises ConflictError, InvalidInputError, HostKeyUnknownError,
        HostUnreachableError.
        """
        transport = self._transport_for(host)
        given = Given(key=key, password=password).checked()
        with self._units(read_only=True) as uow:
            if any(other.id == host.id for other in uow.hosts.list()):
                raise ConflictError(
                    f"A host called {host.id} exists already.",
                    advice=f"Change it with bck host set {host.id}, or take another name.",
                )
        if not take_over_history:
            self._former.require_new_name(host.id)
        host = replace(
            host,
            login=login or given.login or host.login,
            allowed_roots=typed_paths(host.allowed_roots, host.platform),
        )
        secret = None
        if transport.capabilities.remote:
            host, secret = self._logins.settled(_with_address(host, pinning=True), given)
            host = _with_trust(host, transport, trust_on_first_use=trust_on_first_use)
        return self._entered(host, secret)

    def change(
        self,
        host_id: HostId,
        change: HostChange,
        *,
        key: Secret[str] | None = None,
        password: Secret[str] | None = None,
        trust_on_first_use: bool = False,
    ) -> Host:
        """Change a host and return it as saved; ``key`` replaces its private key, and ``password`` the kept
        one. Either alone says how the host is entered from now on; an empty password is kept no more.

        With ``trust_on_first_use``, and no keys in the change, the keys that the host shows now take the
        place of the pinned ones. Where keys are pinned, no token counts any more by which a PC may replace
        them. Raises NotFoundError, InvalidInputError, ConflictError for an allow-list
        that no longer covers a profile's source, HostKeyUnknownError, HostUnreachableError; nothing is
        changed then.
        """
        given = Given(key=key, password=password).checked()
        if change.login is None:
            change = replace(change, login=given.login)
        before = self.get(host_id)
        wanted, secret = change.applied(before), None
        transport = self._transport_for(wanted)
        if transport.capabilities.remote:
            pinning = trust_on_first_use or change.host_keys is not None
            wanted, secret = self._logins.settled(_with_address(wanted, pinning=pinning), given, before)
            if trust_on_first_use and change.host_keys is None:
                wanted = replace(wanted, host_keys=())
            wanted = _with_trust(wanted, transport, trust_on_first_use=trust_on_first_use)
        with self._units() as uow:
            present = uow.hosts.get(host_id)
            known = wanted if wanted.host_keys != before.host_keys else None
            saved = replace(_trusted(change.applied(present), known), key=wanted.key)
            _require_same_login(before, present)
            if change.allowed_roots is not None or change.platform is not None:
                require_covered(uow, saved)
            _require_accounts(uow, change.owners or ())
            uow.hosts.update(saved)
            if trust_on_first_use or change.host_keys is not None:
                end_enrolments(uow, host_id, self._clock.now(), replacing=True)
            with stored(self._vault, saved.key, secret):
                uow.commit()
        if before.key and before.key != saved.key:
            self._vault.delete(before.key)
        return saved

    def await_enrolment(
        self, host_id: HostId, change: HostChange, *, take_over_history: bool = False
    ) -> Host:
        """Make a host that waits for its PC to hand over its keys, or change one that is there.

        ``take_over_history``: see :meth:`add`. Raises ConflictError without it, InvalidInputError for a host
        that is reached without keys, and what :meth:`change` raises.
        """
        with self._units(read_only=True) as uow:
            known = or_none(lambda: uow.hosts.get(host_id))
        made = Host(id=host_id, address="", login=Login.OWN_KEY, awaits_enrolment=True)
        self._require_remote(change.applied(known or made))
        if known is None:
            if not take_over_history:
                self._former.require_new_name(host_id)
            return self._entered(*self._logins.settled(change.applied(made), Given()))
        return known if change == HostChange() else self.change(host_id, change)

    def _entered(self, host: Host, secret: Secret[str] | None) -> Host:
        with self._units() as uow:
            _require_accounts(uow, host.owners)
            uow.hosts.add(host)
            with stored(self._vault, host.key, secret):
                uow.commit()
        return host

    def _require_remote(self, host: Host) -> None:
        if not self._transport_for(host).capabilities.remote:
            raise InvalidInputError(
                f"{host.id} is reached by {host.transport}: there is no PC to be enrolled.",
                advice="Enrol hosts that are reached over SSH.",
            )

    def get(self, host: HostId) -> Host:
        """Raises NotFoundError."""
        with self._units(read_only=True) as uow:
            return uow.hosts.get(host)

    def list(self) -> Sequence[Host]:
        """All hosts by name."""
        with self._units(read_only=True) as uow:
            return uow.hosts.list()

    def remove(self, host_id: HostId) -> None:
        """Forget the host, its key and its word of itself; files stay, tokens of its devices count no more.

        Raises NotFoundError, ConflictError while in use.
        """
        with self._units() as uow:
            host, now = uow.hosts.get(host_id), self._clock.now()
            uow.hosts.remove(host_id)
            uow.presences.remove(host_id)
            for token in uow.device_tokens.list():  # another PC may be given the same name later
                if token.host == host_id and token.alive(now):
                    uow.device_tokens.update(replace(token, revoked=now))
            end_enrolments(uow, host_id, now)
            uow.commit()
        if host.key:
            self._vault.delete(host.key)

    def probe(self, host_id: HostId, password: Secret[str] | None = None) -> HostFacts:
        """Connect and look; changes nothing.

        ``password``: of the account there, for this look alone, where a password enters the host.
        Raises what Transport.probe and Credentials.of raise, and NotFoundError; ConflictError where no
        password enters the host, InvalidInputError for what can be none.
        """
        host = self.get(host_id)
        if password is not None:
            require_password_login(host)
            checked_account_password(password)
        credential = self._credentials.of(host, password, purpose="probe")
        return self._transport_for(host).probe(host, credential, host.allowed_roots)


def end_enrolments(uow: UnitOfWork, host: HostId, at: datetime, *, replacing: bool = False) -> int:
    """Revoke the enrolment tokens of a host that count, within a unit; how many there were.

    With ``replacing`` those alone by which other host keys may take the place of the pinned ones.
    """
    of_host = [token for token in uow.enrolments.list() if token.host == host and token.lives(at)]
    alive = [token for token in of_host if token.replace_host_key or not replacing]
    for token in alive:
        uow.enrolments.revoke(token.id, at)
    return len(alive)


def require_covered(uow: UnitOfWork, host: Host) -> None:
    """Raise ConflictError, within a unit, if a profile of the host reads what it does not allow."""
    for profile in uow.profiles.list():
        for source in profile.sources if profile.host == host.id else ():
            try:
                host.require_allowed(source.path)
            except PathNotAllowedError:
                raise ConflictError(
                    f"Profile {profile.id} backs up {source.path}, which would not be allowed any more.",
                    advice="Keep that folder in the list, or take it out of the profile first: "
                    f"bck profile set {profile.id} --source …",
                ) from None


def _trusted(host: Host, known: Host | None) -> Host:
    """The host with the keys of ``known``; None: its own stay, which may have come meanwhile."""
    if known is None:
        return host
    return replace(host, host_keys=known.host_keys, awaits_enrolment=False)


def _with_address(host: Host, *, pinning: bool) -> Host:
    """The host; only one that goes on waiting for its PC may have no address yet."""
    if not host.address and (pinning or not host.awaits_enrolment):
        raise InvalidInputError("The host needs an address.", advice="Give it too: --address NAME")
    return host


def _require_same_login(before: Host, present: Host) -> None:
    """Raise ConflictError if somebody else changed the way in meanwhile: two secrets would be mixed up."""
    if (before.login, before.key) != (present.login, present.key):
        raise ConflictError(f"The login of {before.id} was changed meanwhile.", advice="Look, and try again.")


def _with_trust(host: Host, transport: Transport, *, trust_on_first_use: bool) -> Host:
    keys = host.host_keys
    if not keys and trust_on_first_use:
        keys = transport.scan_host_keys(host)
    if not keys and host.awaits_enrolment:
        return host
    if not keys:
        raise HostKeyUnknownError(
            f"No host key of {host.id} is known.",
            meaning="Without it, nobody can tell this PC from another one that pretends to be it.",
            advice="Give the host's public key, or have the PC hand it over for a token: "
            f"bck host enrol {host.id}. On a network you trust, trust on first use will do.",
        )
    return replace(host, host_keys=keys)


def _require_accounts(uow: UnitOfWork, owners: Sequence[str]) -> None:
    """Raise InvalidInputError for an owner without an account: whoever gets that name would own the host."""
    known = {user.name for user in uow.users.list()} if owners else set()
    for owner in owners:
        if owner not in known:
            raise InvalidInputError(
                f"There is no account {owner}.", advice=f"Make it first: bck user add {owner} --role owner"
            )
