"""One API over memory adapters per test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.api_world import ApiWorld, api_world


@pytest.fixture
def world(tmp_path: Path) -> Iterator[ApiWorld]:
    """Signed in as nobody; no host, no profile."""
    with api_world(tmp_path) as made:
        yield made
