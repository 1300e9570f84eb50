"""Bells keep their promises, in memory and between processes."""

import pytest

from bck_adapters.bell import FifoBell
from bck_adapters.memory import MemoryBell
from bck_adapters.testkit.contracts_bell import BellContract


class TestMemoryBell(BellContract):
    @pytest.fixture
    def bell(self):
        return MemoryBell()


class TestFifoBell(BellContract):
    @pytest.fixture
    def bell(self, tmp_path):
        return FifoBell(tmp_path / "bell")
