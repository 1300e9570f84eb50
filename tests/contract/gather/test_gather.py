"""All transports look for filter files, and leave out what they are told, as the port promises."""

from bck_adapters.testkit.contracts_gather import GatherContract
from tests.support.contract_rigs import InMemory, OnThisMachine, OverSsh


class TestMemoryTransport(InMemory, GatherContract):
    pass


class TestLocalTransport(OnThisMachine, GatherContract):
    pass


class TestRsyncSshTransport(OverSsh, GatherContract):
    pass
