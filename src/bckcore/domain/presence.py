"""Presence: what a PC says about itself, for as long as it is true."""

from dataclasses import dataclass, replace
from datetime import datetime

from bckcore.domain.ids import HostId


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """A sign of life of a host. None: it did not say."""

    host: HostId
    at: datetime
    expires: datetime
    since: datetime
    """The first of the signs that came before the one ahead of them had expired, all of them awake."""
    awake: bool = True
    on_mains: bool | None = None
    unmetered: bool | None = None
    idle: bool | None = None
    """Nobody works at it."""

    def fresh(self, now: datetime) -> bool:
        """True while what it says still counts; never for one from the future: a clock went back."""
        return self.at <= now < self.expires

    def following(self, before: "Presence | None") -> "Presence":
        """The same sign of life, as part of the row that ``before`` ends."""
        goes_on = before is not None and before.awake and self.awake and before.fresh(self.at)
        return replace(self, since=before.since) if before is not None and goes_on else self
