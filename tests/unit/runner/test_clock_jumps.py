"""Clocks that jump, and the queue in memory."""

import pytest

from bck_adapters.memory import MemoryJobQueue, SettableClock
from tests.support.clock_jumps import ClockJumps


class TestMemory(ClockJumps):
    @pytest.fixture
    def clock(self):
        return SettableClock()

    @pytest.fixture
    def queue(self, clock):
        return MemoryJobQueue(clock)
