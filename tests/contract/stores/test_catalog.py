"""Catalogs keep their promises on every database."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings

from bck_adapters.testkit.contracts_catalog import CatalogContract, CatalogMachine
from bck_adapters.testkit.samples import StepClock
from tests.support.databases import (
    few_examples,
    forgotten,
    memory_database,
    postgresql_database,
    sqlite_database,
)


class TestCatalog(CatalogContract):
    @pytest.fixture
    def database(self, make):
        return make


class MemoryCatalogMachine(CatalogMachine):
    def make_database(self):
        return memory_database(StepClock(), Path())


class SqliteCatalogMachine(CatalogMachine):
    def make_database(self):
        self.folder = TemporaryDirectory()
        return sqlite_database(StepClock(), Path(self.folder.name))

    def teardown(self):
        super().teardown()
        self.folder.cleanup()


class PostgresqlCatalogMachine(CatalogMachine):
    def make_database(self):
        self.folder = TemporaryDirectory()
        return postgresql_database(StepClock(), Path(self.folder.name))

    def teardown(self):
        super().teardown()
        forgotten(Path(self.folder.name))
        self.folder.cleanup()


TestMemoryCatalogMachine = MemoryCatalogMachine.TestCase
TestSqliteCatalogMachine = SqliteCatalogMachine.TestCase
TestPostgresqlCatalogMachine = PostgresqlCatalogMachine.TestCase
# Every step waits for the disk; the memory machine walks the long paths.
TestSqliteCatalogMachine.settings = settings(stateful_step_count=20, max_examples=few_examples(8))
TestPostgresqlCatalogMachine.settings = settings(stateful_step_count=10, max_examples=few_examples())
