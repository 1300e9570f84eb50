"""Notifier: tell people about outcomes."""

from typing import Protocol

from bckcore.domain.events import Event


class Notifier(Protocol):
    """Told after the fact; what it raises is logged and changes nothing."""

    def notify(self, event: Event) -> None:
        """Pass the event on; returns soon."""
