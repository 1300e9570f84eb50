"""Notifier: tell people about outcomes."""

from typing import Protocol

from bckcore.domain.events import HostUnreachable, PointsPruned, RunFinished


class Notifier(Protocol):
    """Told after the fact; what it raises is logged and changes nothing."""

    def notify(self, event: RunFinished | PointsPruned | HostUnreachable) -> None:
        """Pass the event on; returns soon."""
