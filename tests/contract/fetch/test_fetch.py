"""All transports read single files again as the port promises."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bck_adapters.testkit.contracts_fetch import FetchContract
from bck_adapters.testkit.rigs import TransportRig
from bckcore.domain.ids import HostId
from bckcore.domain.login import Login
from bckcore.domain.ssh_trust import authority_line
from tests.support.contract_rigs import InMemory, OnThisMachine, OverSsh
from tests.support.logins import ssh_authority
from tests.support.rsync_rigs import ssh_rig
from tests.support.sshd import LoopbackSshd
from tests.support.trees import make_removable


class TestMemoryTransport(InMemory, FetchContract):
    pass


class TestLocalTransport(OnThisMachine, FetchContract):
    pass


class TestRsyncSshTransport(OverSsh, FetchContract):
    pass


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
