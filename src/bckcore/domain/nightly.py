"""Nightly: once a day at a time of the clock on the wall, whatever daylight saving does. Pure."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bckcore.errors import InvalidInputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Nightly:
    """A time of day in a time zone."""

    at: time
    zone: ZoneInfo

    @classmethod
    def of(cls, at: str, zone: str) -> "Nightly":
        """From ``03:30`` and a name like ``Europe/Rome``. Raises InvalidInputError."""
        try:
            hours, _, minutes = at.partition(":")
            when = time(int(hours), int(minutes))
        except ValueError:
            raise InvalidInputError(f"{at!r} is no time of day.", advice="Write it as 03:30.") from None
        try:
            return cls(at=when, zone=ZoneInfo(zone))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise InvalidInputError(
                f"{zone!r} is no time zone.", advice="Write it as Europe/Rome or UTC."
            ) from None

    def latest(self, now: datetime) -> tuple[date, datetime]:
        """The newest night whose time has come: its date there, and the moment, in UTC.

        A time that the change to summer time leaves out comes right after the gap; one that comes twice
        counts the first time.
        """
        today = now.astimezone(self.zone).date()
        for day in (today, today - timedelta(days=1)):
            moment = datetime.combine(day, self.at, tzinfo=self.zone).astimezone(UTC)
            if moment <= now:
                return day, moment
        raise AssertionError("yesterday's time has always come")
