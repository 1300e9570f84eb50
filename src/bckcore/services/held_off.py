"""Held off: a backup of the schedule begins only where its profile's schedule allows a start at that time.

The schedule looked when it asked for the job; since then the job may have waited for hours.
"""

from datetime import datetime

from bckcore.domain.due import hindrance
from bckcore.domain.job import Job
from bckcore.errors import HeldOffError
from bckcore.ports.unit_of_work import UnitOfWorkFactory
from bckcore.services.done_before import runs_of
from bckcore.services.schedule_jobs import REQUESTED_BY


def require_start_allowed(units: UnitOfWorkFactory, job: Job, now: datetime) -> None:
    """Raise HeldOffError for a job of the schedule that must not begin now.

    Profile and sign of life are those of this moment. What a person or a device asked for begins always; so
    does a job that had begun a run under an earlier claim: what has begun is not cut when a window closes.
    Raises NotFoundError, InvalidInputError for a time zone nobody knows.
    """
    if job.requested_by != REQUESTED_BY or job.asked is not None:  # it answers for somebody by now
        return
    with units(read_only=True) as uow:
        if job.claims > 1 and runs_of(uow, job):
            return
        profile, presence = uow.profiles.get(job.profile), uow.presences.get(job.host)
    found = hindrance(profile, presence, now)
    if found is not None:
        raise HeldOffError(f"The scheduled backup of {profile.id} was not begun. {found.reason}")
