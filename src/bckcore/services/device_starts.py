"""Device starts: what a PC starts itself, with its token, makes at most one counted point an hour.

A hijacked PC cannot push good points out by starting many runs (law L5): the further ones are extra, and use
up no place of the retention policy.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from bckcore.domain.job import Job
from bckcore.domain.restore_point import Counted, RestorePoint

APART = timedelta(hours=1)
_BY_DEVICE = "by_device"


def asked_by_device(by_device: bool) -> dict[str, object]:
    """The part of a job's payload that says so."""
    return {_BY_DEVICE: True} if by_device else {}


def is_by_device(job: Job) -> bool:
    """True if a device asked for it."""
    return job.payload.get(_BY_DEVICE) is True


def too_soon(points: Sequence[RestorePoint], started: datetime) -> bool:
    """True if a counted point began within the hour before; none from the future, by a wrong clock, does."""
    counted = (point.started for point in points if point.counted is Counted.COUNTED)
    return any(timedelta(0) <= started - before < APART for before in counted)
