"""Hold: keeps one restore point whatever the retention policy says."""

import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime

from bckcore.domain.ids import ProfileId
from bckcore.errors import InvalidInputError

LONGEST_REASON = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """At most one per point. It no longer holds once it has expired."""

    profile: ProfileId
    seq: int
    """Number of the held point."""
    reason: str
    owner: str
    """Who asked for it."""
    created: datetime
    expires: datetime | None = None
    """None: until somebody releases it."""

    def __post_init__(self) -> None:
        if not self.reason.strip():
            raise InvalidInputError(
                "A hold needs a reason.",
                meaning="Nobody could tell later whether the point may go.",
                advice="Say why the point must stay.",
            )
        if len(self.reason) > LONGEST_REASON:
            raise InvalidInputError(f"The reason of a hold is longer than {LONGEST_REASON} characters.")
        if any(unicodedata.category(char) in ("Cc", "Cs") for char in self.reason):
            raise InvalidInputError("The reason of a hold is one line of text.")

    def active(self, now: datetime) -> bool:
        """True while it holds."""
        return self.expires is None or now < self.expires

    @property
    def text(self) -> str:
        """For people: ``held by anna until 2027-01-01 12:00 UTC: audit``."""
        until = f" until {self.expires.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if self.expires else ""
        return f"held by {self.owner}{until}: {self.reason}"
