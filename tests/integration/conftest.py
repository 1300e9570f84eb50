"""Databases of both kinds, by their addresses."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.databases import address_of


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of each kind; on PostgreSQL our schema is there already."""
    with address_of(request.param, tmp_path) as address:
        yield address
