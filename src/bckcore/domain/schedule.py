"""Schedule: when a profile is due."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from bckcore.errors import InvalidInputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Due when ``every`` has passed since the last start; a missed time is caught up once."""

    every: timedelta

    def __post_init__(self) -> None:
        if self.every < timedelta(minutes=1):
            raise InvalidInputError("A schedule runs at most once a minute.")

    def due_since(self, *, last_start: datetime | None, created: datetime) -> datetime:
        """The moment from which the profile is due; it stays due until a run starts."""
        return created if last_start is None else last_start + self.every
