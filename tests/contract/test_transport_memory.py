"""The memory transport keeps the promises of the port, for all its lies."""

from bck_adapters.testkit.contracts import TransportContract
from tests.support.contract_rigs import InMemory


class TestMemoryTransport(InMemory, TransportContract):
    pass
