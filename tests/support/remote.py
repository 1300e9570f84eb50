"""A transport in memory for hosts that have an address, and are let in by a key."""

from dataclasses import replace

from bck_adapters.memory.transport import MemoryTransport
from bckcore.domain.transfer import TransportCapabilities


class RemoteTransport(MemoryTransport):
    """The memory transport, said to need an address and a key as one over SSH does."""

    @property
    def capabilities(self) -> TransportCapabilities:
        """See the port."""
        return replace(super().capabilities, remote=True)
