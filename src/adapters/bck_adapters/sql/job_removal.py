"""Which finished jobs may go, and how they go."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, func, or_, select

from bck_adapters.sql.session import SqlSession
from bck_adapters.sql.tables import job as jobs
from bck_adapters.sql.tables import job_key, job_log
from bckcore.domain.ids import JobId
from bckcore.domain.job import JobStatus

_FINAL = tuple(status.value for status in JobStatus if status.final)


def removable(
    session: SqlSession, *, before: datetime, keep: int, keys_since: datetime, limit: int
) -> Sequence[JobId]:
    """See :meth:`JobQueue.remove_finished`. ``keys_since``: keys that were given since then still stand."""
    ended = jobs.c.status.in_(_FINAL)
    place = func.row_number().over(partition_by=jobs.c.profile, order_by=jobs.c.number.desc())
    ranked = select(jobs.c.id, jobs.c.number, jobs.c.finished, place.label("place")).where(ended).subquery()
    newest = select(func.max(jobs.c.number)).where(ended).group_by(jobs.c.profile, jobs.c.kind, jobs.c.status)
    answering = select(job_key.c.job_id).where(job_key.c.at >= keys_since)
    query = select(ranked.c.id).where(
        or_(ranked.c.finished < before, ranked.c.place > keep),
        ranked.c.number.not_in(newest),
        ranked.c.id.not_in(answering),
    )
    return [JobId(row.id) for row in session.execute(query.order_by(ranked.c.number).limit(limit))]


def remove(session: SqlSession, going: Sequence[JobId]) -> None:
    """These jobs, their keys and their logs are no more."""
    session.write(delete(job_key).where(job_key.c.job_id.in_(going)))
    session.write(delete(job_log).where(job_log.c.job_id.in_(going)))
    session.write(delete(jobs).where(jobs.c.id.in_(going)))
