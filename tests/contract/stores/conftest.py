"""Every suite in this folder runs on every database."""

import pytest

from bck_adapters.testkit.samples import StepClock
from tests.support.databases import forgotten, memory_database, postgresql_database, sqlite_database

# So that a failed assertion in a suite shows its values, as one in a test does.
pytest.register_assert_rewrite(
    *(
        f"bck_adapters.testkit.{name}"
        for name in ("contracts_browse", "contracts_catalog", "contracts_queue", "contracts_stores")
    )
)


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
