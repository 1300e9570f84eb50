"""Catalogs answer those who browse in the same way on every database."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings

from bck_adapters.testkit.contracts_browse import BrowsingContract, BrowsingMachine
from bck_adapters.testkit.samples import StepClock
from tests.support.databases import (
    few_examples,
    forgotten,
    memory_database,
    postgresql_database,
    sqlite_database,
)


class TestBrowsing(BrowsingContract):
    @pytest.fixture
    def database(self, make):
        return make


class MemoryBrowsingMachine(BrowsingMachine):
    def make_database(self):
        return memory_database(StepClock(), Path())


class SqliteBrowsingMachine(BrowsingMachine):
    def make_database(self):
        self.folder = TemporaryDirectory()
        return sqlite_database(StepClock(), Path(self.folder.name))

    def teardown(self):
        super().teardown()
        self.folder.cleanup()


class PostgresqlBrowsingMachine(BrowsingMachine):
    def make_database(self):
        self.folder = TemporaryDirectory()
        return postgresql_database(StepClock(), Path(self.folder.name))

    def teardown(self):
        super().teardown()
        forgotten(Path(self.folder.name))
        self.folder.cleanup()


TestMemoryBrowsingMachine = MemoryBrowsingMachine.TestCase
TestSqliteBrowsingMachine = SqliteBrowsingMachine.TestCase
TestPostgresqlBrowsingMachine = PostgresqlBrowsingMachine.TestCase
# Every run waits for the disk; the memory machine walks the long paths.
TestSqliteBrowsingMachine.settings = settings(stateful_step_count=30, max_examples=few_examples(8))
TestPostgresqlBrowsingMachine.settings = settings(stateful_step_count=15, max_examples=few_examples())
