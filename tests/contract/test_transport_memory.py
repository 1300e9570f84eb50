"""The memory transport keeps the promises of the port, for all its lies."""

import pytest

from bck_adapters.memory.transport import MemoryHost, MemoryTransport
from bck_adapters.rsync.filters import GitIgnoreFilter
from bck_adapters.testkit.contracts import TransportContract
from bck_adapters.testkit.rigs import TransportRig
from bckcore.domain.host import Host
from bckcore.domain.ids import HostId, SourceName
from bckcore.domain.source import Source

KEY = "ssh-ed25519 AAAA"


class TestMemoryTransport(TransportContract):
    @pytest.fixture
    def rig(self, tmp_path):
        host = MemoryHost(host_keys=(KEY,))
        source = Source(name=SourceName("docs"), path="/home/u/docs")
        return TransportRig(
            transport=MemoryTransport({HostId("pc1"): host}, GitIgnoreFilter),
            host=Host(id=HostId("pc1"), address="pc1", host_keys=(KEY,)),
            credential=None,
            source=source,
            tree=host.source(source.path),
            store=tmp_path / "store",
            cancel_after=1,
        )
