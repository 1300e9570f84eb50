"""Facts the core announces to plugins and logs."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from bckcore.domain.ids import HostId, ProfileId
from bckcore.domain.retention import RetentionDecision
from bckcore.domain.run import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFinished:
    """A run is over and its receipt is written."""

    run: Run


@dataclass(frozen=True, slots=True, kw_only=True)
class PointsPruned:
    """Points were forgotten and their increments merged or freed."""

    profile: ProfileId
    decisions: tuple[RetentionDecision, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HostUnreachable:
    """A host did not answer."""

    host: HostId
    at: datetime
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileStale:
    """The newest good backup of a profile has become older than its objective allows, or still is."""

    profile: ProfileId
    host: HostId
    at: datetime
    fresh_within: timedelta
    good_at: datetime | None
    """When the newest good backup ended; None if there never was one."""
    offline_since: datetime | None
    """Since when its host does not answer, if that is why."""
    told_at: datetime | None = None
    """When people were told before; None the first time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileRecovered:
    """A profile that was told to be stale has a good backup made since, as fresh as it must be."""

    profile: ProfileId
    host: HostId
    at: datetime
    told_at: datetime
    """When people were last told that it is stale."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostKeyRefused:
    """A PC that was to be enrolled showed another key than the pinned one."""

    host: HostId
    at: datetime
    address: str
    """Where it came from."""
    pinned: tuple[str, ...]
    shown: tuple[str, ...]
    """Fingerprints."""


Event = RunFinished | PointsPruned | HostUnreachable | ProfileStale | ProfileRecovered | HostKeyRefused
"""Everything that notifiers are told of."""
