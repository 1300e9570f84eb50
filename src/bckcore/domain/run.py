"""Run and Attempt: the carrying out of one backup job, and one start of the transport in it."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from bckcore.domain.ids import HostId, JobId, ProfileId, RunId, SourceName
from bckcore.errors import BckError


class RunOutcome(StrEnum):
    """How a run ended."""

    SUCCEEDED = "succeeded"
    """Everything was read."""
    PARTIAL = "partial"
    """Some files or folders could not be read; they keep their last known state."""
    SUSPECT = "suspect"
    """Most files had vanished; nothing is marked gone until a person accepts."""
    FAILED = "failed"
    CANCELLED = "cancelled"


GOOD = (RunOutcome.SUCCEEDED, RunOutcome.PARTIAL)
"""How a good backup ends, if it has no error besides."""


class RunKind(StrEnum):
    """What made a run's state."""

    BACKUP = "backup"
    """The host's files were read."""
    UNDO = "undo"
    """``current`` was brought back to an earlier state."""
    ACCEPT = "accept"
    """A person took what a suspect run had missed as gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileRef:
    """Where a profile's files lie below the storage root."""

    host: HostId
    profile: ProfileId


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeCounts:
    """What one run changed, and what the state after it holds. Folders are not counted as files."""

    files: int = 0
    bytes: int = 0
    added: int = 0
    changed: int = 0
    gone: int = 0

    def __add__(self, other: "ChangeCounts") -> "ChangeCounts":
        return ChangeCounts(
            files=self.files + other.files,
            bytes=self.bytes + other.bytes,
            added=self.added + other.added,
            changed=self.changed + other.changed,
            gone=self.gone + other.gone,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One start of the transport for one source of a run."""

    source: SourceName
    number: int
    """Counts from 1 within the source and run."""
    started: datetime
    finished: datetime
    error_code: str = ""
    """Empty when the transport came to its end."""
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The carrying out of one backup job. ``outcome`` is None while it goes on."""

    id: RunId
    profile: ProfileId
    host: HostId
    job: JobId
    seq: int
    """Number of the run in its profile, from 1, without gaps, failed runs included."""
    started: datetime
    kind: RunKind = RunKind.BACKUP
    finished: datetime | None = None
    outcome: RunOutcome | None = None
    made_point: bool = False
    counts: ChangeCounts = ChangeCounts()
    attempts: tuple[Attempt, ...] = ()
    problem_count: int = 0
    error_code: str = ""
    error: str = ""

    @property
    def ref(self) -> ProfileRef:
        """Where the run's profile lies in storage."""
        return ProfileRef(host=self.host, profile=self.profile)

    def with_attempt(self, attempt: Attempt) -> "Run":
        """The same run with one more attempt on record."""
        return replace(self, attempts=(*self.attempts, attempt))

    def ended(self, outcome: RunOutcome, at: datetime, error: BckError | None = None) -> "Run":
        """The same run, over."""
        code, text = (error.code, str(error)) if error else ("", "")
        return replace(self, outcome=outcome, finished=at, error_code=code, error=text)
