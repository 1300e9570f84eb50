"""Credentials: what the server shows each host to be let in; decided here and nowhere else."""

from bckcore.domain.credential import Credential, KeyCredential
from bckcore.domain.host import Host
from bckcore.domain.ids import SecretRef
from bckcore.ports.vault import Vault


class Credentials:
    """Thread-safe."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def of(self, host: Host) -> Credential | None:
        """For one connection; None where the transport needs none. Raises NotFoundError, StorageError."""
        return KeyCredential(self._vault.get(SecretRef(host.key))) if host.key else None
