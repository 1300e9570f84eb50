"""Host login: what is kept for the way into a host, and what the host must hold to let the server in."""

from dataclasses import dataclass, replace

from bckcore.domain.host import Host
from bckcore.domain.ids import HostId, SecretRef
from bckcore.domain.login import Login, checked_account_password
from bckcore.domain.private_key import checked_private_key
from bckcore.domain.secret import Secret
from bckcore.domain.ssh_trust import fingerprint, plain_server_name, principal_of, trust_lines
from bckcore.errors import ConflictError, InvalidInputError
from bckcore.ports.ssh_keys import SshKeys
from bckcore.ports.unit_of_work import UnitOfWorkFactory
from bckcore.ports.vault import Vault
from bckcore.services.credentials import kept_secret
from bckcore.services.ssh_authority import SshAuthority
from bckcore.services.vaulting import stored


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a person gave for a login. An empty password means: keep none any more."""

    key: Secret[str] | None = None
    password: Secret[str] | None = None

    @property
    def login(self) -> Login | None:
        """The way in that the gift alone means; to keep no password any more means none."""
        if self.key is not None:
            return Login.KEY
        return Login.PASSWORD if self.password is not None and self.password.reveal() else None

    def checked(self) -> "Given":
        """The same as OpenSSH reads it. Raises InvalidInputError: what is no key only shows at night.

        Also where both were given, of which one would be kept and never used.
        """
        if self.key is not None and self.password is not None and self.password.reveal():
            raise InvalidInputError(
                "A private key and a password were given.",
                meaning="A host is entered by one of them. Nothing was changed.",
                advice="Give the one that shall be used.",
            )
        key = checked_private_key(self.key.reveal().encode(), "The private key") if self.key else None
        if self.password is not None and self.password.reveal():
            checked_account_password(self.password)
        return replace(self, key=key)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostTrust:
    """What a host must hold so that the server is let in. Nothing of it is secret."""

    host: Host
    lines: tuple[str, ...]
    """Whole lines of the account's ``authorized_keys``; none where a password is asked for."""
    keys: tuple[str, ...]
    """The public keys in them, each ``TYPE BASE64``."""

    @property
    def principal(self) -> str:
        """The name in certificates for the host; empty where it is shown none."""
        return principal_of(self.host.id) if self.host.login is Login.CERTIFICATE else ""

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """Of the keys, as ``ssh-keygen -l`` shows them."""
        return tuple(map(fingerprint, self.keys))


class HostLogins:
    """Thread-safe."""

    def __init__(
        self,
        *,
        units: UnitOfWorkFactory,
        vault: Vault,
        keys: SshKeys,
        authority: SshAuthority,
        server_name: str,
    ) -> None:
        self._units = units
        self._vault = vault
        self._keys = keys
        self._authority = authority
        self.server_name = plain_server_name(server_name)
        """What this server calls itself on PCs."""

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where this server's connections come from; empty where nobody said."""
        return self._authority.addresses

    def settled(
        self, host: Host, given: Given, before: Host | None = None
    ) -> tuple[Host, Secret[str] | None]:
        """The host with the name of what the vault keeps for its login, and what is to be put there.

        ``before`` is the host as it is saved. Raises InvalidInputError where something is missing, or was
        given for another login.
        """
        kept = before is not None and before.login is host.login and before.key is not None
        if given.login not in (None, host.login):
            what = "A private key" if given.key else "A password"
            raise InvalidInputError(
                f"{what} was given, and {host.id} is entered by {host.login.value}.",
                advice=f"Leave it out, or choose --login {given.login}.",
            )
        match host.login:
            case Login.CERTIFICATE:
                return replace(host, key=None), None
            case Login.PASSWORD:
                wanted = kept if given.password is None else bool(given.password.reveal())
                ref = SecretRef(f"host/{host.id}/password") if wanted else None
                return replace(host, key=ref), given.password if wanted else None
            case Login.OWN_KEY:
                return replace(host, key=_key_ref(host.id)), None if kept else self._keys.new()
        if given.key is None and not kept:
            raise InvalidInputError(
                "The host needs a private key that its backup account accepts.",
                advice="Give one with --key FILE, or let the server make one: --login own-key",
            )
        return replace(host, key=_key_ref(host.id)), given.key

    def trust(self, host_id: HostId) -> HostTrust:
        """What the host must hold now. Raises NotFoundError, StorageError, PrivateKeyError."""
        with self._units(read_only=True) as uow:
            host = uow.hosts.get(host_id)
        return self.trust_of(host)

    def trust_of(self, host: Host) -> HostTrust:
        """The same of a host as it is given, saved or not yet. Raises StorageError, PrivateKeyError."""
        certified = host.login is Login.CERTIFICATE
        keys = self._authority.public().trusted if certified else self._own_keys(host)
        lines = trust_lines(
            keys,
            host=host.id,
            server=self.server_name,
            certified=certified,
            gate=host.gate,
            addresses=self.addresses,
        )
        return HostTrust(host=host, lines=lines, keys=keys)

    def _own_keys(self, host: Host) -> tuple[str, ...]:
        key = kept_secret(self._vault, host) if host.login.keeps_key else None
        return (self._keys.public(key),) if key else ()

    def renew_key(self, host_id: HostId) -> HostTrust:
        """Make another key for a host that has its own, and tell what the host must hold from now on.

        Until it holds that, it does not let the server in. Raises NotFoundError, ConflictError for a host
        with another login.
        """
        with self._units() as uow:
            host = uow.hosts.get(host_id)
            if host.login is not Login.OWN_KEY or host.key is None:
                raise ConflictError(
                    f"{host_id} is entered by {host.login.value}, not by a key of its own.",
                    advice=f"Let the server make one: bck host set {host_id} --login own-key",
                )
            with stored(self._vault, host.key, self._keys.new()):
                uow.commit()
        return self.trust(host_id)


def _key_ref(host: HostId) -> SecretRef:
    return SecretRef(f"host/{host}/ssh")
