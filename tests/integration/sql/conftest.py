"""Databases that are empty."""

import pytest

from tests.support.postgresql import shared_server


@pytest.fixture
def fresh_postgresql():
    """The address of an empty PostgreSQL database."""
    name = shared_server().create()
    yield shared_server().url(name)
    shared_server().drop(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def fresh_url(request, tmp_path):
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'fresh.db'}"
    return request.getfixturevalue("fresh_postgresql")
