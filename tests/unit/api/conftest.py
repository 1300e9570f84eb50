"""One API over memory adapters per test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.api_world import ApiWorld, api_world
from tests.support.places import quick_folder


@pytest.fixture
def quick_dir(tmp_path: Path) -> Iterator[Path]:
    """An empty folder, in memory where that takes user attributes: each entry of the audit log is synced."""
    yield from quick_folder(tmp_path)


@pytest.fixture
def world(quick_dir: Path) -> Iterator[ApiWorld]:
    """Signed in as nobody; no host, no profile."""
    with api_world(quick_dir) as made:
        yield made
