"""One sshd for all traps."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.pc import Pc, make_pc
from tests.support.sshd import LoopbackSshd, running_sshd


@pytest.fixture(scope="module")
def sshd(
    tmp_path_factory: pytest.TempPathFactory, require_tool: Callable[[str], str]
) -> Iterator[LoopbackSshd]:
    for tool in ("rsync", "ssh", "sshd"):
        require_tool(tool)
    with running_sshd(tmp_path_factory.mktemp("sshd")) as served:
        yield served


@pytest.fixture
def pc(tmp_path: Path, sshd: LoopbackSshd) -> Pc:
    return make_pc(tmp_path, sshd)
