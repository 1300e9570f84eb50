"""The transports on which a contract is run: each class gives its suite the fixture ``rig``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bck_adapters.memory.transport import MemoryHost, MemoryTransport
from bck_adapters.rsync.filters import GitIgnoreFilter
from bck_adapters.testkit.rigs import TransportRig
from bckcore.domain.host import Host
from bckcore.domain.ids import HostId, SourceName
from bckcore.domain.source import Source
from tests.support.rsync_rigs import local_rig, ssh_rig
from tests.support.sshd import LoopbackSshd
from tests.support.trees import make_removable

KEY = "ssh-ed25519 AAAA"


class InMemory:
    """The memory transport, for all its lies."""

    @pytest.fixture
    def rig(self, tmp_path: Path) -> TransportRig:
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


class OnThisMachine:
    """rsync on this machine."""

    @pytest.fixture
    def rig(self, tmp_path: Path, require_tool) -> Iterator[TransportRig]:
        require_tool("rsync")
        yield local_rig(tmp_path)
        make_removable(tmp_path)


class OverSsh:
    """rsync over OpenSSH, to a real sshd on the loopback."""

    @pytest.fixture
    def rig(self, tmp_path: Path, sshd: LoopbackSshd, short_dir: Path) -> Iterator[TransportRig]:
        yield ssh_rig(tmp_path, sshd, short_dir)
        make_removable(tmp_path)
