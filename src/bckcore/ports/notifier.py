"""Notifier and Channel: tell people about outcomes, at once or by messages that may have to wait."""

from typing import Protocol, runtime_checkable

from bckcore.domain.events import Event
from bckcore.domain.notice import Digest


class Notifier(Protocol):
    """Told after the fact; what it raises is logged and changes nothing."""

    def notify(self, event: Event) -> None:
        """Pass the event on; returns soon."""


@runtime_checkable
class Channel(Protocol):
    """What reaches people over a way that may be slow or closed: mail, a web address.

    It is called in a thread of its own, never in that of a run, and by one process at a time. What it
    cannot deliver is kept on disk and handed to it again, alone or with what came since.
    """

    def deliver(self, digest: Digest) -> None:
        """Return once the other side has taken it; in bounded time, whatever the other side does.

        The same digest may come again after the process died: it has the same ``id`` then. Raises
        DeliveryFailedError when it was not taken; its text holds no secret.
        """
