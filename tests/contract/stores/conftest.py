"""Every suite in this folder runs on every database."""

import pytest

from bck_adapters.testkit.samples import StepClock
from tests.support.databases import forgotten, memory_database, postgresql_database, sqlite_database


@pytest.fixture
def clock():
    return StepClock()


@pytest.fixture(
    params=[memory_database, sqlite_database, postgresql_database], ids=["memory", "sqlite", "postgresql"]
)
def make(request, clock, tmp_path):
    made = request.param(clock, tmp_path)
    yield made
    made.close()
    forgotten(tmp_path)
