"""All transports tell what a pull would do, as the port promises."""

from bck_adapters.testkit.contracts_preview import PreviewContract
from tests.support.contract_rigs import InMemory, OnThisMachine, OverSsh


class TestMemoryTransport(InMemory, PreviewContract):
    pass


class TestLocalTransport(OnThisMachine, PreviewContract):
    pass


class TestRsyncSshTransport(OverSsh, PreviewContract):
    pass
