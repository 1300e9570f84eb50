"""Facts the core announces to plugins and logs."""

from dataclasses import dataclass
from datetime import datetime

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
