"""Job queues keep their promises on every database."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings

from bck_adapters.testkit.contracts_queue import JobQueueContract
from bck_adapters.testkit.machine_queue import QueueMachine
from tests.support.databases import (
    few_examples,
    forgotten,
    memory_database,
    postgresql_database,
    sqlite_database,
)


class TestJobQueue(JobQueueContract):
    @pytest.fixture
    def clock(self, clock):
        return clock

    @pytest.fixture
    def queue(self, make):
        return make.queue


class MemoryQueueMachine(QueueMachine):
    def make_queue(self, clock):
        return memory_database(clock, Path()).queue


class SqliteQueueMachine(QueueMachine):
    def make_queue(self, clock):
        self.folder = TemporaryDirectory()
        self.database = sqlite_database(clock, Path(self.folder.name))
        return self.database.queue

    def teardown(self):
        if hasattr(self, "database"):
            self.database.close()
            self.folder.cleanup()


class PostgresqlQueueMachine(QueueMachine):
    def make_queue(self, clock):
        self.folder = TemporaryDirectory()
        self.database = postgresql_database(clock, Path(self.folder.name))
        return self.database.queue

    def teardown(self):
        if hasattr(self, "database"):
            self.database.close()
            forgotten(Path(self.folder.name))
            self.folder.cleanup()


TestMemoryQueueMachine = MemoryQueueMachine.TestCase
TestSqliteQueueMachine = SqliteQueueMachine.TestCase
TestPostgresqlQueueMachine = PostgresqlQueueMachine.TestCase
# Every step waits for the disk; the memory machine walks the long paths.
TestSqliteQueueMachine.settings = settings(stateful_step_count=20, max_examples=few_examples(4))
TestPostgresqlQueueMachine.settings = settings(stateful_step_count=15, max_examples=few_examples())
