"""A PC that is guarded by the gate is backed up and restored to like any other: the same contracts hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bck_adapters.rsync.routes import SshRoute
from bck_adapters.rsync.transport import RsyncTransport
from bck_adapters.testkit.contracts import TransportContract
from bck_adapters.testkit.contracts_fetch import FetchContract
from bck_adapters.testkit.contracts_gather import GatherContract
from bck_adapters.testkit.contracts_preview import PreviewContract
from bck_adapters.testkit.contracts_push import PushContract
from bck_adapters.testkit.rigs import TransportRig
from bck_adapters.testkit.rigs_push import PushRig
from tests.support.gate import GateRig
from tests.support.push_rigs import folder_rig
from tests.support.rsync_rigs import ssh_rig
from tests.support.sshd import LoopbackSshd, running_sshd
from tests.support.trees import make_removable


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, require_tool) -> Iterator[LoopbackSshd]:
    """One sshd for all tests of this file; it starts nothing but the gate."""
    require_tool("sshd")
    require_tool("rsync")
    pc = str(tmp_path_factory.getbasetemp())
    gate = GateRig(folder=tmp_path_factory.mktemp("gate"), read=(pc,), restore=(pc,))
    gate.write()
    with running_sshd(tmp_path_factory.mktemp("sshd"), f"ForceCommand {gate.program}") as served:
        yield served
    assert any(line.startswith("allowed: ") for line in gate.logged())


class _Reading:
    @pytest.fixture
    def rig(self, tmp_path: Path, guarded: LoopbackSshd, short_dir: Path) -> Iterator[TransportRig]:
        yield ssh_rig(tmp_path, guarded, short_dir)
        make_removable(tmp_path)


class TestPullThroughTheGate(_Reading, TransportContract):
    """Backups."""


@pytest.mark.long
class TestFetchThroughTheGate(_Reading, FetchContract):
    """Checks against the PC."""


@pytest.mark.long
class TestGatherThroughTheGate(_Reading, GatherContract):
    """The PC's own filter files."""


@pytest.mark.long
class TestPreviewThroughTheGate(_Reading, PreviewContract):
    """A look ahead."""


@pytest.mark.long
class TestPushThroughTheGate(PushContract):
    """Restores."""

    @pytest.fixture
    def rig(self, tmp_path: Path, guarded: LoopbackSshd, short_dir: Path) -> Iterator[PushRig]:
        host = replace(guarded.host(), transport="rsync-ssh")
        yield folder_rig(tmp_path, RsyncTransport(route=SshRoute(short_dir)), host, guarded.credential)
        make_removable(tmp_path)
