"""`bck serve --only api` over an installation that is there, in a process of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2

from bck_apps.api import Address
from tests.support.cli import Bck, Running
from tests.support.https import client_of


@contextlib.contextmanager
def api_process(home: Path, *, cold: bool = False) -> Iterator[tuple[Running, Address]]:
    """Start one on a free port; it is over when the context is left. ``home`` is called so.

    ``cold``: as a shell starts it, and no fork.
    """
    with Bck(home.parent, cold=cold).serving("--only", "api") as (process, said):
        yield process, address_of(said)


@contextlib.contextmanager
def api_client(home: Path) -> Iterator[httpx2.Client]:
    """A client of one that is started for it."""
    with api_process(home) as (_, address), client_of(address.url, address.ca) as client:
        yield client


def address_of(said: dict[str, Any]) -> Address:
    """Where a `bck serve` can be reached that said this."""
    return Address(port=said["port"], pid=said["pid"], url=said["url"], ca=said["ca_certificate"])
