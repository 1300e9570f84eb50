"""Qt without a screen, and helpers to wait for what comes later."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest
import trustme

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from bck_apps.gui.pending import Pending
from bck_apps.gui.problems import ClientError
from tests.support.gui_https import Server, https_server

T = TypeVar("T")
Outcome = Callable[[Pending[T]], T | ClientError]


@pytest.fixture(scope="session")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def server(ca) -> Iterator[Server]:
    with https_server(ca) as running:
        yield running


@pytest.fixture
def ca_file(ca, tmp_path):
    path = tmp_path / "ca.pem"
    ca.cert_pem.write_to_path(path)
    return path


@pytest.fixture
def outcome(qtbot):
    """Wait for a pending answer and give its value or its error."""

    def wait(pending):
        heard: list[object] = []
        pending.then(heard.append, heard.append)
        qtbot.waitUntil(lambda: bool(heard), timeout=10_000)
        return heard[0]

    return wait
