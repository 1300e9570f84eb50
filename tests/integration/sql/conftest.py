"""Databases that are empty."""

import pytest

from tests.support.postgresql import fresh_database


@pytest.fixture
def fresh_postgresql():
    """The address of an empty PostgreSQL database."""
    with fresh_database() as address:
        yield address


@pytest.fixture(params=["sqlite", "postgresql"])
def fresh_url(request, tmp_path):
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'fresh.db'}"
    return request.getfixturevalue("fresh_postgresql")
