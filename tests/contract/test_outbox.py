"""Outboxes keep their promises, in memory and on disk."""

import pytest

from bck_adapters.memory import MemoryOutbox
from bck_adapters.notify import FileOutbox
from bck_adapters.testkit.contracts_outbox import OutboxContract


class TestMemoryOutbox(OutboxContract):
    @pytest.fixture
    def outbox(self):
        return MemoryOutbox()


class TestFileOutbox(OutboxContract):
    @pytest.fixture
    def outbox(self, tmp_path):
        return FileOutbox(tmp_path / "outbox")
