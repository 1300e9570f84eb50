"""Restore: what a person may choose, and the account of what was done."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bckcore.domain.push import Conflict, PushOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreOptions:
    """Choices of a restore, into a folder on the server or to the host."""

    conflict: Conflict | None = None
    """What becomes of what is in the way; None: the folder must be empty, or be resumed; on a host, both are
    kept."""
    include_deleted: bool = False
    """Bring back, too, what stood there before the point and no more at it."""
    resume: bool = False
    """The folder holds what an earlier restore of the same wrote before it was cut."""
    verify: bool = False
    """Compare large files with their digest, too, instead of the quickest way of copying; small ones always
    are."""

    @property
    def into_filled(self) -> bool:
        """True if the folder may hold something."""
        return self.resume or self.conflict is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreCounts:
    """How many paths, folders included, came to what."""

    created: int = 0
    replaced: int = 0
    kept_both: int = 0
    adjusted: int = 0
    """The bytes were there; times, mode or owner were set."""
    skipped: int = 0
    same: int = 0
    failed: int = 0

    @classmethod
    def of(cls, outcomes: Mapping[PushOutcome, int], failed: int) -> "RestoreCounts":
        """From how often each outcome was met."""
        found = {outcome.value.replace("-", "_"): outcomes.get(outcome, 0) for outcome in PushOutcome}
        return cls(**found, failed=failed)


@dataclass(slots=True)
class Tally:
    """Counts in the making."""

    outcomes: dict[PushOutcome, int] = field(default_factory=lambda: dict.fromkeys(PushOutcome, 0))
    failed: int = 0

    def add(self, outcome: PushOutcome | None) -> None:
        """One more; None is a failure."""
        if outcome is None:
            self.failed += 1
        else:
            self.outcomes[outcome] += 1

    def counts(self) -> RestoreCounts:
        """What was added."""
        return RestoreCounts.of(self.outcomes, self.failed)
