"""All transports read single files again as the port promises."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bck_adapters.memory.transport import MemoryHost, MemoryTransport
from bck_adapters.testkit.contracts_fetch import FetchContract
from bck_adapters.testkit.rigs import TransportRig
from bckcore.domain.host import Host
from bckcore.domain.ids import HostId, SourceName
from bckcore.domain.login import Login
from bckcore.domain.source import Source
from bckcore.domain.ssh_trust import authority_line
from tests.support.logins import ssh_authority
from tests.support.rsync_rigs import local_rig, ssh_rig
from tests.support.sshd import LoopbackSshd, running_sshd
from tests.support.trees import make_removable


class TestMemoryTransport(FetchContract):
    @pytest.fixture
    def rig(self, tmp_path: Path) -> TransportRig:
        host = MemoryHost()
        source = Source(name=SourceName("docs"), path="/home/u/docs")
        return TransportRig(
            transport=MemoryTransport({HostId("pc1"): host}),
            host=Host(id=HostId("pc1"), address="pc1"),
            credential=None,
            source=source,
            tree=host.source(source.path),
            store=tmp_path / "store",
        )


class TestLocalTransport(FetchContract):
    """rsync on this machine."""

    @pytest.fixture
    def rig(self, tmp_path: Path, require_tool) -> Iterator[TransportRig]:
        require_tool("rsync")
        yield local_rig(tmp_path)
        make_removable(tmp_path)


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory, require_tool) -> Iterator[LoopbackSshd]:
    """One sshd for all tests of this file."""
    require_tool("sshd")
    with running_sshd(tmp_path_factory.mktemp("sshd")) as served:
        yield served


class TestRsyncSshTransport(FetchContract):
    """rsync over OpenSSH, to a real sshd on the loopback."""

    @pytest.fixture
    def rig(self, tmp_path: Path, sshd: LoopbackSshd, short_dir: Path) -> Iterator[TransportRig]:
        yield ssh_rig(tmp_path, sshd, short_dir)
        make_removable(tmp_path)


class TestRsyncSshTransportByCertificate(FetchContract):
    """The same, let in by a certificate."""

    @pytest.fixture
    def rig(
        self, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, short_dir: Path, require_tool
    ) -> Iterator[TransportRig]:
        require_tool("sshd")
        authority = ssh_authority()
        line = authority_line(authority.public().signing, host=HostId("pc1"), comment="ca")
        trusting = LoopbackSshd(tmp_path_factory.mktemp("sshd"), authorized=line)
        trusting.start()
        try:
            rig = ssh_rig(tmp_path, trusting, short_dir)
            rig.host = replace(rig.host, login=Login.CERTIFICATE)
            rig.credential = authority.certified(rig.host, "contract")
            yield rig
        finally:
            trusting.stop()
        make_removable(tmp_path)
