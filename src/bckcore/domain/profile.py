"""Profile: a named plan - what, from where, when, kept how long."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bckcore.domain.filters import FilterOptions
from bckcore.domain.hours import parsed_rate, rate_at
from bckcore.domain.ids import HostId, ProfileId, checked_name
from bckcore.domain.retention import RetentionPolicy
from bckcore.domain.retention_rules import zone_of
from bckcore.domain.run import ProfileRef
from bckcore.domain.schedule import Schedule
from bckcore.domain.source import Source, require_disjoint
from bckcore.domain.transfer import TransferOptions
from bckcore.errors import InvalidInputError

SHORTEST_FRESH, LONGEST_FRESH = timedelta(minutes=1), timedelta(days=3660)
MOST_RATES = 50


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
    bandwidth_plan: tuple[str, ...] = ()
    """How fast files may travel at which times of the week; the first line that covers a time counts."""
    fresh_within: timedelta | None = None
    """The newest good backup is never older than that; see :attr:`objective`."""
    enabled: bool = True
    created: datetime | None = None
    """Set by the service that creates the profile."""

    def __post_init__(self) -> None:
        checked_name(self.id, "profile")
        require_disjoint(self.sources)
        if any(not rule.strip() or "\n" in rule or "\0" in rule for rule in self.excludes):
            raise InvalidInputError("An exclude pattern is empty or holds a line break.")
        for line in self.bandwidth_plan:
            parsed_rate(line)
        if len(self.bandwidth_plan) > MOST_RATES:
            raise InvalidInputError(f"A bandwidth plan has at most {MOST_RATES} lines.")
        if self.fresh_within is not None and not SHORTEST_FRESH <= self.fresh_within <= LONGEST_FRESH:
            raise InvalidInputError(
                "How fresh the newest good backup must be is 1 minute to 10 years.", advice="For example 3d."
            )

    def options_at(self, now: datetime) -> TransferOptions:
        """How files travel in an attempt that begins at ``now``: with the limit that the plan has then.

        Raises InvalidInputError for a time zone that this system does not know.
        """
        if not self.bandwidth_plan:
            return self.options
        zone = zone_of(self.retention.time_zone)
        limit = rate_at(self.bandwidth_plan, now, zone, self.options.bandwidth_limit)
        return replace(self.options, bandwidth_limit=limit)

    @property
    def objective(self) -> timedelta | None:
        """How old the newest good backup may be; None while the profile is switched off."""
        return self.fresh_within if self.enabled else None

    @property
    def rules(self) -> tuple[str, ...]:
        """All gitignore rules of the profile itself; its own have the last word over those of presets."""
        return (*self.filters.rules, *self.excludes)

    @property
    def ref(self) -> ProfileRef:
        """Where the profile's files lie below the storage root."""
        return ProfileRef(host=self.host, profile=self.id)
