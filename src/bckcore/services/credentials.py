"""Credentials: what the server shows each host to be let in; decided here and nowhere else."""

from bckcore.domain.credential import Credential, KeyCredential, PasswordCredential
from bckcore.domain.host import Host
from bckcore.domain.ids import SecretRef
from bckcore.domain.login import Login
from bckcore.domain.secret import Secret
from bckcore.errors import AuthenticationError
from bckcore.ports.vault import Vault
from bckcore.services.ssh_authority import SshAuthority


class Credentials:
    """Thread-safe."""

    def __init__(self, vault: Vault, authority: SshAuthority) -> None:
        self._vault = vault
        self._authority = authority

    def of(self, host: Host, password: Secret[str] | None = None, *, purpose: str = "") -> Credential | None:
        """For one connection that is made at once; None where the transport needs none.

        Ask again for each connection: a certificate counts for minutes. ``password`` is what came with
        the job; a kept one stands in for it. ``purpose`` stands in the log of a PC that reads
        certificates. Raises NotFoundError, StorageError; AuthenticationError where a password is needed
        and there is none; HostNotEnrolledError.
        """
        host.require_enrolled()
        if not host.address:
            return None
        if host.login is Login.CERTIFICATE:
            return self._authority.certified(host, purpose)
        if host.login is Login.PASSWORD:
            return PasswordCredential(password or self._kept_password(host))
        return KeyCredential(self._vault.get(SecretRef(host.key))) if host.key else None

    def _kept_password(self, host: Host) -> Secret[str]:
        if host.key:
            return self._vault.get(SecretRef(host.key))
        raise AuthenticationError(
            f"{host.id} is entered with a password, and none came with this start.",
            meaning="The server does not keep it; nobody was asked, and nothing was read.",
            advice="Give the password with the start, or let the server in by a certificate: "
            f"bck host set {host.id} --login certificate",
        )
