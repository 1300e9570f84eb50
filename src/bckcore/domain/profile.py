"""Profile: a named plan - what, from where, when, kept how long."""

from dataclasses import dataclass, field
from datetime import datetime

from bckcore.domain.filters import FilterOptions
from bckcore.domain.ids import HostId, ProfileId, checked_name
from bckcore.domain.retention import RetentionPolicy
from bckcore.domain.run import ProfileRef
from bckcore.domain.schedule import Schedule
from bckcore.domain.source import Source, require_disjoint
from bckcore.domain.transfer import TransferOptions
from bckcore.errors import InvalidInputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A plan for one Host. ``excludes`` are gitignore rules; a leading ``!`` takes a path back in."""

    id: ProfileId
    host: HostId
    sources: tuple[Source, ...]
    excludes: tuple[str, ...] = ()
    filters: FilterOptions = field(default_factory=FilterOptions)
    retention: RetentionPolicy = field(default_factory=RetentionPolicy)
    schedule: Schedule | None = None
    options: TransferOptions = field(default_factory=TransferOptions)
    enabled: bool = True
    created: datetime | None = None
    """Set by the service that creates the profile."""

    def __post_init__(self) -> None:
        checked_name(self.id, "profile")
        require_disjoint(self.sources)
        if any(not rule.strip() or "\n" in rule or "\0" in rule for rule in self.excludes):
            raise InvalidInputError("An exclude pattern is empty or holds a line break.")

    @property
    def rules(self) -> tuple[str, ...]:
        """All gitignore rules of the profile itself; its own have the last word over those of presets."""
        return (*self.filters.rules, *self.excludes)

    @property
    def ref(self) -> ProfileRef:
        """Where the profile's files lie below the storage root."""
        return ProfileRef(host=self.host, profile=self.id)
