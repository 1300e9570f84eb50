"""The clock of this machine."""

from bck_adapters.clock.system import SystemClock

__all__ = ["SystemClock"]
