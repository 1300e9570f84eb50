"""Outbox: notices on their way to people, each until a channel has taken it."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from bckcore.domain.notice import ChannelState, Notice, Waiting


class Outbox(Protocol):
    """Thread-safe, and shared by all processes of an installation. Every method raises StorageError."""

    def put(self, channel: str, notice: Notice) -> bool:
        """Keep a notice for a channel; durable when it returns.

        One with the key of another that waits is folded with it. One with the id of the newest that waits,
        or was delivered last, of its key changes nothing: False then. What the notice ``ends`` may be told
        anew.
        """

    def forget(self, channel: str, key: str) -> None:
        """What was told of this key may be told anew, by a notice with the same id, too. Safe to repeat."""

    def waiting(self, channel: str) -> Sequence[Waiting]:
        """What waits, oldest first. What is no longer readable is set aside and reported."""

    def delivered(self, channel: str, sent: Sequence[Waiting], at: datetime) -> None:
        """Take away what was sent and remember that it was told; what was folded in meanwhile stays."""

    def failed(self, channel: str, error: str, at: datetime, next_try: datetime) -> None:
        """Take note of a delivery that came to nothing; all stays."""

    def give_up(self, channel: str, items: Sequence[Waiting]) -> None:
        """Take these away undelivered, and count them."""

    def state(self, channel: str) -> ChannelState:
        """How deliveries went; one that nothing is known of has a fresh state."""

    def channels(self) -> Sequence[str]:
        """Every channel that something was ever kept for, sorted."""

    def delivering(self, channel: str) -> AbstractContextManager[bool]:
        """The right to deliver, held by one at a time: False if another has it. Ends with the process."""
