"""Both transports of the rsync room keep the promises of the port."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bck_adapters.rsync.routes import LocalRoute, SshRoute
from bck_adapters.rsync.transport import RsyncTransport
from bck_adapters.testkit.contracts import TransportContract
from bck_adapters.testkit.rigs import TransportRig
from bckcore.domain.host import Host
from bckcore.domain.ids import HostId, SourceName
from bckcore.domain.source import Source
from tests.support.sshd import LoopbackSshd, running_sshd
from tests.support.trees import RealTree, make_removable


@pytest.fixture
def local_rig(tmp_path: Path) -> Iterator[TransportRig]:
    """The local transport, a real folder as source."""
    source = tmp_path / "pc" / "docs"
    yield TransportRig(
        transport=RsyncTransport(route=LocalRoute()),
        host=Host(id=HostId("pc1"), address="", transport="local"),
        key=None,
        source=Source(name=SourceName("docs"), path=str(source)),
        tree=RealTree.at(source),
        store=tmp_path / "store",
        permissions_matter=os.geteuid() != 0,
    )
    make_removable(tmp_path)


class TestLocalTransport(TransportContract):
    """rsync on this machine."""

    @pytest.fixture
    def rig(self, local_rig: TransportRig, require_tool) -> TransportRig:
        require_tool("rsync")
        return local_rig


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory, require_tool) -> Iterator[LoopbackSshd]:
    """One sshd for all tests of this file."""
    require_tool("sshd")
    with running_sshd(tmp_path_factory.mktemp("sshd")) as served:
        yield served


class TestRsyncSshTransport(TransportContract):
    """rsync over OpenSSH, to a real sshd on the loopback."""

    @pytest.fixture
    def rig(self, local_rig: TransportRig, sshd: LoopbackSshd, short_dir: Path) -> TransportRig:
        local_rig.transport = RsyncTransport(route=SshRoute(short_dir))
        local_rig.host = replace(sshd.host(), transport="rsync-ssh")
        local_rig.key = sshd.key
        return local_rig
