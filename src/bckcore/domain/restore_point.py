"""RestorePoint: the state of a profile's sources after a run that saw a difference."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bckcore.domain.ids import ProfileId, RunId
from bckcore.domain.run import ChangeCounts, RunOutcome


class Counted(StrEnum):
    """Whether a point uses up a place in the retention policy."""

    COUNTED = "counted"
    WEAK = "weak"
    """Less than 90 % of what the point before held could be read, or an undo did not put everything back."""
    EXTRA = "extra"
    """Asked for by a device, within an hour of a counted point: a PC pushes nothing out by many starts."""
    SUSPECT = "suspect"
    """Most of the files had vanished; a person must look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RestorePoint:
    """One kept state; ``seq`` is that of the run that made it, ``run_id`` its name for people."""

    profile: ProfileId
    run_id: RunId
    seq: int
    outcome: RunOutcome
    counted: Counted
    started: datetime
    finished: datetime
    verified_at: datetime
    """When a run last proved that the sources still look like this point."""
    counts: ChangeCounts
