"""All transports keep the promises of the port on the way back to the host."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bck_adapters.memory.transport import MemoryHost, MemoryTransport
from bck_adapters.rsync.routes import LocalRoute, SshRoute
from bck_adapters.rsync.transport import RsyncTransport
from bck_adapters.testkit.contracts_push import PushContract
from bck_adapters.testkit.rigs_push import PushRig
from bckcore.domain.host import Host
from bckcore.domain.ids import HostId
from tests.support.push_rigs import folder_rig, seen_in_memory
from tests.support.sshd import LoopbackSshd
from tests.support.trees import make_removable


class TestMemoryTransport(PushContract):
    @pytest.fixture
    def rig(self, tmp_path: Path) -> PushRig:
        host = MemoryHost()
        target = "/home/u/docs"
        return PushRig(
            transport=MemoryTransport({HostId("pc1"): host}),
            host=Host(id=HostId("pc1"), address="pc1", allowed_roots=("/",)),
            credential=None,
            target_path=target,
            tree=host.source(target),
            look=lambda: seen_in_memory(host, target),
            store=tmp_path / "store",
            cancel_after=1,
            cancel_midway=4,
        )


class TestLocalTransport(PushContract):
    """rsync on this machine."""

    @pytest.fixture
    def rig(self, tmp_path: Path, require_tool) -> Iterator[PushRig]:
        require_tool("rsync")
        host = Host(id=HostId("pc1"), address="", transport="local", allowed_roots=("/",))
        yield folder_rig(tmp_path, RsyncTransport(route=LocalRoute()), host, None)
        make_removable(tmp_path)


class TestRsyncSshTransport(PushContract):
    """rsync over OpenSSH, to a real sshd on the loopback."""

    @pytest.fixture
    def rig(self, tmp_path: Path, sshd: LoopbackSshd, short_dir: Path) -> Iterator[PushRig]:
        host = replace(sshd.host(), transport="rsync-ssh")
        yield folder_rig(tmp_path, RsyncTransport(route=SshRoute(short_dir)), host, sshd.credential)
        make_removable(tmp_path)
