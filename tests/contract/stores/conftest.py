"""Every suite in this folder runs on every database."""

import pytest

from bck_adapters.testkit.samples import StepClock
from tests.support.databases import memory_database, sqlite_database


@pytest.fixture
def clock():
    return StepClock()


@pytest.fixture(params=[memory_database, sqlite_database], ids=["memory", "sqlite"])
def make(request, clock, tmp_path):
    made = request.param(clock, tmp_path)
    yield made
    made.close()
