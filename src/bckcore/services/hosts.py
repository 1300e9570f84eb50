"""Hosts: add, trust, probe, remove."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from bckcore.domain.host import Host, normal_posix_path
from bckcore.domain.ids import HostId, SecretRef
from bckcore.domain.secret import Secret
from bckcore.domain.transfer import HostFacts
from bckcore.errors import ConflictError, HostKeyUnknownError, InvalidInputError
from bckcore.ports.transport import Transport
from bckcore.ports.unit_of_work import UnitOfWorkFactory
from bckcore.ports.vault import Vault


class HostService:
    """Thread-safe."""

    def __init__(
        self, *, units: UnitOfWorkFactory, vault: Vault, transport_for: Callable[[Host], Transport]
    ) -> None:
        self._units = units
        self._vault = vault
        self._transport_for = transport_for

    def add(self, host: Host, *, key: Secret[str] | None, trust_on_first_use: bool = False) -> Host:
        """Save a host with its private key; return it as saved.

        ``host.host_keys`` are pinned; where there are none and ``trust_on_first_use`` allows it, the
        keys that the host shows now. Raises ConflictError, InvalidInputError, HostKeyUnknownError,
        HostUnreachableError.
        """
        transport = self._transport_for(host)
        with self._units(read_only=True) as uow:
            if any(other.id == host.id for other in uow.hosts.list()):
                raise ConflictError(f"A host called {host.id} exists already.")
        roots = tuple(dict.fromkeys(normal_posix_path(root) for root in host.allowed_roots))
        host = replace(host, allowed_roots=roots)
        if transport.capabilities.remote:
            host = self._with_trust(host, key, transport, trust_on_first_use=trust_on_first_use)
        with self._units() as uow:
            uow.hosts.add(host)
            if host.key and key:
                self._vault.put(SecretRef(host.key), key)
            uow.commit()
        return host

    def _with_trust(
        self, host: Host, key: Secret[str] | None, transport: Transport, *, trust_on_first_use: bool
    ) -> Host:
        if not host.address:
            raise InvalidInputError("The host needs an address.")
        if key is None:
            raise InvalidInputError("The host needs a private key that its backup account accepts.")
        keys = host.host_keys
        if not keys and trust_on_first_use:
            keys = transport.scan_host_keys(host)
        if not keys:
            raise HostKeyUnknownError(
                f"No host key of {host.id} is known.",
                meaning="Without it, nobody can tell this PC from another one that pretends to be it.",
                advice="Give the host's public key, or allow trust on first use on a network you trust.",
            )
        return replace(host, key=SecretRef(f"host/{host.id}/ssh"), host_keys=keys)

    def get(self, host: HostId) -> Host:
        """Raises NotFoundError."""
        with self._units(read_only=True) as uow:
            return uow.hosts.get(host)

    def list(self) -> Sequence[Host]:
        """All hosts by name."""
        with self._units(read_only=True) as uow:
            return uow.hosts.list()

    def remove(self, host_id: HostId) -> None:
        """Forget the host and its key; its files stay. Raises NotFoundError, ConflictError while in use."""
        with self._units() as uow:
            host = uow.hosts.get(host_id)
            uow.hosts.remove(host_id)
            uow.commit()
        if host.key:
            self._vault.delete(host.key)

    def probe(self, host_id: HostId) -> HostFacts:
        """Connect and look; changes nothing. Raises what Transport.probe raises, and NotFoundError."""
        host = self.get(host_id)
        key = self._vault.get(host.key) if host.key else None
        return self._transport_for(host).probe(host, key, host.allowed_roots)
