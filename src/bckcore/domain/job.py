"""Job: a request for one piece of work, and its legal transitions."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from bckcore.domain.access import BY_ITSELF
from bckcore.domain.ids import HostId, JobId, ProfileId
from bckcore.domain.transfer import TransferProgress
from bckcore.errors import BckError, IllegalTransitionError

DEATHS_ALONE = 2
"""Of jobs over which so many runners died, one is carried out at a time: it shows which one is to blame."""


class JobKind(StrEnum):
    """What is asked for."""

    BACKUP = "backup"
    RESTORE = "restore"
    PRUNE = "prune"
    UNDO = "undo"
    ACCEPT = "accept"
    FORGET = "forget"
    CHECK = "check"
    PREVIEW = "preview"

    @property
    def stands_aside(self) -> bool:
        """True for work that runs beside other jobs of its host and profile, and gives way to them."""
        return self in (JobKind.CHECK, JobKind.PREVIEW)

    @property
    def answers_for_another(self) -> bool:
        """True where a job of a profile that is :attr:`Job.wanted` does what a second one would."""
        return self in (JobKind.BACKUP, JobKind.PRUNE, JobKind.PREVIEW)


class JobStatus(StrEnum):
    """Where a job stands. The last seven are final and say how the work ended."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    PARTIAL = "partial"
    SUSPECT = "suspect"
    FAILED = "failed"
    CANCELLED = "cancelled"
    OFFLINE = "offline"
    """Its schedule asked for it, and the host was not there: nothing was begun, and nothing failed."""
    HELD_OFF = "held-off"
    """Its schedule asked for it, and allowed no start when its turn came: the same."""

    @property
    def final(self) -> bool:
        """True when nothing more will happen to the job."""
        return self not in (JobStatus.QUEUED, JobStatus.RUNNING)


_FINAL = frozenset(status for status in JobStatus if status.final)
_WENT_THROUGH = frozenset({JobStatus.SUCCEEDED, JobStatus.PARTIAL, JobStatus.SUSPECT})
LEGAL_TRANSITIONS: Mapping[JobStatus, frozenset[JobStatus]] = {
    JobStatus.QUEUED: frozenset({JobStatus.RUNNING, JobStatus.CANCELLED}),
    JobStatus.RUNNING: _FINAL | {JobStatus.QUEUED},
    **{status: frozenset() for status in _FINAL},
}
"""A running job may go back to the queue: its runner died, or handed it back at shutdown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobResult:
    """What a finished job has to say; values are JSON scalars, lists and dicts."""

    data: Mapping[str, object] = field(default_factory=dict)
    error_code: str = ""
    """Empty when nothing went wrong."""
    error: str = ""
    """What happened; what it means and what to do follow."""
    meaning: str = ""
    advice: str = ""

    @classmethod
    def of_error(cls, error: BckError, data: Mapping[str, object] | None = None) -> "JobResult":
        """What a job that ended with ``error`` has to say."""
        return cls(
            data=data or {},
            error_code=error.code,
            error=error.what,
            meaning=error.meaning,
            advice=error.advice,
        )

    @property
    def problem(self) -> dict[str, str] | None:
        """The error as JSON, in the form every error has; None when nothing went wrong."""
        if not self.error_code:
            return None
        parts = {"what": self.error, "meaning": self.meaning, "advice": self.advice}
        return {"code": self.error_code, **parts}

    @property
    def text(self) -> str:
        """The error in one line, as the job's log has it; empty when nothing went wrong."""
        return " ".join(part for part in (self.error, self.meaning, self.advice) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A request in the queue. ``payload`` holds ids and options only, never a secret."""

    id: JobId
    kind: JobKind
    profile: ProfileId
    host: HostId
    """At most one running job per host and per profile, and beside it at most one that stands aside."""
    requested_by: str
    created: datetime
    status: JobStatus = JobStatus.QUEUED
    payload: Mapping[str, object] = field(default_factory=dict)
    idempotency_key: str = ""
    """Empty when the caller gave none."""
    started: datetime | None = None
    finished: datetime | None = None
    claims: int = 0
    """How often a runner took it."""
    deaths: int = 0
    """How often its runner died or fell silent over it, so that another one took it; without those that went
    because their machine did."""
    asked: datetime | None = None
    """When it last answered for a new request that came after a runner had taken it: what it did before that
    is no answer. None where there was none."""
    cancel_requested: bool = False
    progress: TransferProgress = field(default_factory=TransferProgress)
    result: JobResult = field(default_factory=JobResult)

    @property
    def wanted(self) -> bool:
        """True while it is to be done: not over, and nobody has asked it to stop."""
        return not (self.status.final or self.cancel_requested)

    @property
    def by_itself(self) -> bool:
        """True where neither a person nor a device asked: it gives way to what they ask for."""
        return self.requested_by in BY_ITSELF

    @property
    def gives_way(self) -> bool:
        """True where all that people and devices ask for goes first; one that is to stop keeps its place."""
        return self.by_itself and not self.cancel_requested

    @property
    def up_for_taking(self) -> bool:
        """True while it waits and nobody but the service asked for it: whoever asks for the same has it."""
        return self.by_itself and self.status is JobStatus.QUEUED

    def answering(self, other: "Job") -> "Job":
        """This job, where it answers for ``other``.

        What waits because the service asked for it by itself becomes the person's who asks for the same. One
        that was begun before is asked for once more: see :attr:`asked`.
        """
        asked = other.created if self.claims else None
        if other.by_itself or not self.up_for_taking:
            return replace(self, asked=asked)
        return replace(self, asked=asked, requested_by=other.requested_by, payload=other.payload)

    def moved(self, status: JobStatus, *, at: datetime) -> "Job":
        """The job in its new status. Raises IllegalTransitionError for a step that makes no sense."""
        if status not in LEGAL_TRANSITIONS[self.status]:
            raise IllegalTransitionError(
                f"Job {self.id} is {self.status.value}; it cannot become {status.value}."
            )
        if status is JobStatus.RUNNING:
            return replace(self, status=status, started=at, claims=self.claims + 1)
        if not status.final:
            return replace(self, status=status, finished=None)
        progress = self.progress.finished(whole=status in _WENT_THROUGH)
        return replace(self, status=status, finished=at, progress=progress)


LATEST = "latest"
_SETTLED = frozenset({"point", "run"})
"""What of a payload names a point or run; where that was LATEST, its job says which one it was then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request for a job, as it was sent: no name in it is resolved, and nothing is checked."""

    kind: JobKind
    profile: ProfileId
    payload: Mapping[str, object]
    key: str = ""
    """Idempotency key, with who sent it; empty when the caller gave none."""

    @property
    def text(self) -> str:
        """Profile, kind and payload as a text that is the same for the same."""
        asked = [self.profile, self.kind.value, self.payload]
        return json.dumps(asked, sort_keys=True, separators=(",", ":"))

    def may_have_become(self, settled: str) -> bool:
        """True if the text, of a request whose names are resolved, is this one but for what was LATEST."""
        sent, found = json.loads(self.text), json.loads(settled)
        if sent[:2] != found[:2] or sent[2].keys() != found[2].keys():
            return False
        return all(
            value == found[2][name] or (name in _SETTLED and value == LATEST)
            for name, value in sent[2].items()
        )
