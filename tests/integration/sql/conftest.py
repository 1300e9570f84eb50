"""Databases of both kinds, by their addresses."""

import pytest

from tests.support.databases import address_of
from tests.support.postgresql import shared_server


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    """A database of each kind; on PostgreSQL our schema is there already."""
    with address_of(request.param, tmp_path) as address:
        yield address


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
