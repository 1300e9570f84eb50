"""What suites of several transports share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.sshd import LoopbackSshd, running_sshd


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory, require_tool) -> Iterator[LoopbackSshd]:
    """One sshd for all tests of a file."""
    require_tool("sshd")
    with running_sshd(tmp_path_factory.mktemp("sshd")) as served:
        yield served
