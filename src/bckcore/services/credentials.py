"""Credentials: what the server shows each host to be let in; decided here and nowhere else."""

from collections.abc import Iterable, Sequence

from bckcore.domain.credential import Credential, KeyCredential, PasswordCredential
from bckcore.domain.host import Host
from bckcore.domain.login import Login
from bckcore.domain.secret import Secret
from bckcore.errors import AuthenticationError, BckError, NotFoundError, PrivateKeyError
from bckcore.ports.vault import Vault
from bckcore.services.ssh_authority import SshAuthority


def kept_secret(vault: Vault, host: Host) -> Secret[str] | None:
    """What the vault keeps for the way into the host; None where nothing is kept.

    Raises StorageError; PrivateKeyError, or for a password AuthenticationError, where the vault lost it.
    """
    if host.key is None:
        return None
    try:
        return vault.get(host.key)
    except NotFoundError:
        raise _lost(host) from None


def _lost(host: Host) -> PrivateKeyError | AuthenticationError:
    meaning = "The vault has lost it. The host was not asked, and nothing was changed."
    if host.login is Login.PASSWORD:
        return AuthenticationError(
            f"The server no longer has the password of {host.id} that it kept.",
            meaning=meaning,
            advice=f"Give it again: bck host set {host.id} --password-stdin",
        )
    renewal = f"give the PC the line that this prints: bck host key {host.id} --new"
    return PrivateKeyError(
        f"The server no longer has its key for {host.id}.",
        meaning=meaning,
        advice=f"Make another one, and {renewal}"
        if host.login is Login.OWN_KEY
        else f"Give it again: bck host set {host.id} --key FILE",
    )


class Credentials:
    """Thread-safe."""

    def __init__(self, vault: Vault, authority: SshAuthority) -> None:
        self._vault = vault
        self._authority = authority

    def of(self, host: Host, password: Secret[str] | None = None, *, purpose: str = "") -> Credential | None:
        """For one connection that is made at once; None where the transport needs none.

        Ask again for each connection: a certificate counts for minutes. ``password`` is what came with
        the job; a kept one stands in for it. ``purpose`` stands in the log of a PC that reads
        certificates. Raises StorageError; AuthenticationError where a password is needed
        and there is none; HostNotEnrolledError, and what :func:`kept_secret` raises.
        """
        host.require_enrolled()
        if not host.address:
            return None
        if host.login is Login.CERTIFICATE:
            return self._authority.certified(host, purpose)
        if host.login is Login.PASSWORD:
            return PasswordCredential(password or self._kept_password(host))
        key = kept_secret(self._vault, host)
        return KeyCredential(key) if key else None

    def lost(self, hosts: Iterable[Host]) -> Sequence[BckError]:
        """For each host whose key or password the vault should keep and does not, the error that a backup
        would end with. Raises StorageError.
        """
        found: list[BckError] = []
        for host in hosts:
            try:
                kept_secret(self._vault, host)
            except (PrivateKeyError, AuthenticationError) as error:
                found.append(error)
        return found

    def _kept_password(self, host: Host) -> Secret[str]:
        if (kept := kept_secret(self._vault, host)) is not None:
            return kept
        raise AuthenticationError(
            f"{host.id} is entered with a password, and none came with this start.",
            meaning="The server does not keep it; nobody was asked, and nothing was read.",
            advice="Give the password with the start, or let the server in by a certificate: "
            f"bck host set {host.id} --login certificate",
        )
