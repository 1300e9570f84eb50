"""How a runner is woken by other processes of its installation."""

from bck_adapters.bell.fifo import FifoBell

__all__ = ["FifoBell"]
