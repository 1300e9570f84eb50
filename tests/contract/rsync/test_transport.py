"""Both transports of the rsync room keep the promises of the port."""

from bck_adapters.testkit.contracts import TransportContract
from tests.support.contract_rigs import OnThisMachine, OverSsh


class TestLocalTransport(OnThisMachine, TransportContract):
    pass


class TestRsyncSshTransport(OverSsh, TransportContract):
    pass
