"""Both real transports for the trap tests of this folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bck_adapters.rsync.version import can_resume
from bck_adapters.testkit.lacking import lacking
from bck_adapters.testkit.rigs import TransportRig
from tests.support.rsync_rigs import local_rig, ssh_rig
from tests.support.sshd import LoopbackSshd, running_sshd
from tests.support.trees import make_removable


@pytest.fixture
def sshd(tmp_path: Path, require_tool) -> Iterator[LoopbackSshd]:
    """An sshd of the test's own, to be stopped and changed at will."""
    require_tool("sshd")
    require_tool("rsync")
    with running_sshd(tmp_path / "sshd") as served:
        yield served


@pytest.fixture
def over_ssh(tmp_path: Path, sshd: LoopbackSshd, short_dir: Path) -> Iterator[TransportRig]:
    """``rsync-ssh`` to that sshd."""
    yield ssh_rig(tmp_path, sshd, short_dir)
    make_removable(tmp_path)


@pytest.fixture
def local(tmp_path: Path, require_tool) -> Iterator[TransportRig]:
    """``local``."""
    require_tool("rsync")
    yield local_rig(tmp_path)
    make_removable(tmp_path)


@pytest.fixture(scope="session")
def resuming(tmp_path_factory: pytest.TempPathFactory, require_tool) -> None:
    """Skip where this machine's rsync cannot go on from a half-sent file, whatever we do."""
    require_tool("rsync")
    if not can_resume(os.environ["PATH"], tmp_path_factory.mktemp("resume")):
        lacking("this rsync cannot go on from a half-sent file: install 3.5.0 or newer to try it")


@pytest.fixture(params=["local", "over_ssh"])
def rig(request: pytest.FixtureRequest) -> TransportRig:
    """Each of the two."""
    found = request.getfixturevalue(request.param)
    assert isinstance(found, TransportRig)
    return found
