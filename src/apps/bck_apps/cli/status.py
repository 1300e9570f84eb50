"""Exit status: one table, used by every verb and shown by ``bck --help``."""

from bckcore.domain.job import Job, JobStatus
from bckcore.errors import (
    BckError,
    ConflictError,
    HostKeyUnknownError,
    HostNotEnrolledError,
    InvalidInputError,
    NotFoundError,
    RefusedError,
)

SUCCEEDED = 0
FAILED = 1
WRONG_USE = 2
PARTIAL = 3
NOT_FOUND = 4
REFUSED = 5

MEANINGS = {
    SUCCEEDED: "succeeded (a job asked about is queued or running: also 0)",
    FAILED: "failed, was cancelled or met a PC that is away; the error says why and what to do",
    WRONG_USE: "wrong use: an unknown option, a missing or malformed value",
    PARTIAL: "partial or suspect: done, but a person should look",
    NOT_FOUND: "not found: what was named does not exist",
    REFUSED: "refused: not allowed, or what is there already forbids it",
}

_OF_ERRORS: tuple[tuple[type[BckError], int], ...] = (
    (InvalidInputError, WRONG_USE),
    (HostNotEnrolledError, REFUSED),
    (HostKeyUnknownError, WRONG_USE),  # --host-key or --trust-on-first-use is missing
    (NotFoundError, NOT_FOUND),
    (ConflictError, REFUSED),
    (RefusedError, REFUSED),
)
_OF_JOBS = {
    JobStatus.QUEUED: SUCCEEDED,
    JobStatus.RUNNING: SUCCEEDED,
    JobStatus.SUCCEEDED: SUCCEEDED,
    JobStatus.PARTIAL: PARTIAL,
    JobStatus.SUSPECT: PARTIAL,
    JobStatus.FAILED: FAILED,
    JobStatus.CANCELLED: FAILED,
    JobStatus.OFFLINE: FAILED,
    JobStatus.HELD_OFF: FAILED,
}


def _codes(root: type[BckError]) -> set[str]:
    return {root.code}.union(*(_codes(kind) for kind in root.__subclasses__()))


def status_of_error(error: BckError) -> int:
    """The exit status that an error leads to."""
    return next((status for kind, status in _OF_ERRORS if isinstance(error, kind)), FAILED)


def status_of_job(job: Job) -> int:
    """The exit status that a job's state leads to; a failed job's error counts as if it were ours."""
    if job.status is JobStatus.FAILED:
        code = job.result.error_code
        return next((status for kind, status in _OF_ERRORS if code in _codes(kind)), FAILED)
    return _OF_JOBS[job.status]
