"""SqlJobQueue: the lease queue. Exactly one runner holds a job, proved by a token that fences off others."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import (
    ColumnElement,
    Engine,
    Executable,
    Select,
    and_,
    case,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)

from bck_adapters.sql import mapping
from bck_adapters.sql.job_removal import removable, remove
from bck_adapters.sql.session import SqlSession
from bck_adapters.sql.tables import job as jobs
from bck_adapters.sql.tables import job_key, job_log
from bckcore.domain.access import BY_ITSELF
from bckcore.domain.holder import Holder
from bckcore.domain.ids import HostId, JobId, ProfileId
from bckcore.domain.job import DEATHS_ALONE, Asked, Job, JobKind, JobResult, JobStatus
from bckcore.domain.transfer import TransferProgress
from bckcore.errors import ConflictError, LeaseLostError, NotFoundError
from bckcore.ports.clock import Clock
from bckcore.ports.job_queue import (
    KEY_KEPT,
    NO_JOB,
    Claim,
    Enqueued,
    LogLine,
    as_sent,
    fitting,
    key_in_use,
)

NO_NODE = ""
_TRIES = 3
_FREE = {"token": "", "lease_until": None, "holder": None}
_QUEUED, _RUNNING = JobStatus.QUEUED.value, JobStatus.RUNNING.value
_BY_ITSELF = sorted(BY_ITSELF)
_ASIDE = [kind.value for kind in JobKind if kind.stands_aside]


def _row_of(session: SqlSession, job: JobId) -> Any:
    query = select(jobs).where(jobs.c.id == job)
    row = session.execute(query if session.read_only else query.with_for_update()).one_or_none()
    if row is None:
        raise NotFoundError(f"There is no job {job}.", advice=NO_JOB)
    return row


def require_held(session: SqlSession, claim: Claim) -> Any:
    """The job's row, locked until the transaction ends. Raises LeaseLostError if the claim is lost.

    A claim holds as long as its token is the newest, also a little past its lease: nobody else has
    the job then.
    """
    row = _row_of(session, claim.job.id)
    if row.status != _RUNNING or row.token != claim.token:
        raise LeaseLostError(
            f"Job {claim.job.id} belongs to another runner or is over.", meaning="Nothing was written."
        )
    return row


def of_node(node: str) -> ColumnElement[bool]:
    """Jobs of the node, and of none."""
    return jobs.c.node.in_([node, NO_NODE])


def claimable(
    now: datetime, only: JobId | None, node: str, besides: Collection[JobId] = ()
) -> Select[tuple[int]]:
    """Numbers of the jobs that may be taken now, in their order; with a node, of its own alone."""
    running = jobs.alias("running")
    same = or_(running.c.host == jobs.c.host, running.c.profile == jobs.c.profile)
    alike = running.c.kind.in_(_ASIDE) == jobs.c.kind.in_(_ASIDE)
    blocked = exists().where(running.c.status == _RUNNING, same, alike)
    ready: ColumnElement[bool] = or_(
        and_(jobs.c.status == _QUEUED, ~blocked),
        and_(jobs.c.status == _RUNNING, jobs.c.lease_until <= now),
    )
    query = select(jobs.c.number).where(jobs.c.status.in_([_QUEUED, _RUNNING]), ready)
    query = query.where(~_would_die_together(now, node))
    if only is not None:
        query = query.where(jobs.c.id == only)
    if besides:
        query = query.where(jobs.c.id.not_in(sorted(besides)))
    if node:
        query = query.where(of_node(node))
    # One that is to stop keeps its place: who asks anew waits behind it.
    gives_way = and_(jobs.c.requested_by.in_(_BY_ITSELF), ~jobs.c.cancel_requested)
    return query.order_by(gives_way, jobs.c.kind.in_(_ASIDE), jobs.c.number)


def _would_die_together(now: datetime, node: str) -> ColumnElement[bool]:
    other = jobs.alias("other")
    held = and_(other.c.status == _RUNNING, other.c.lease_until > now, other.c.number != jobs.c.number)
    if node:
        held = and_(held, other.c.node == node)
    deaths = jobs.c.deaths + case((jobs.c.status == _RUNNING, 1), else_=0)
    return and_(deaths >= DEATHS_ALONE, exists().where(held, other.c.deaths >= DEATHS_ALONE))


def _died(holder: Holder | None) -> ColumnElement[int]:
    """1 where the holder before died or fell silent; see :meth:`Holder.went_with_its_machine`."""
    ran = jobs.c.status == _RUNNING
    if holder is None or not (holder.machine and holder.boot):
        return case((ran, 1), else_=0)
    machine, boot = jobs.c.holder["machine"].as_string(), jobs.c.holder["boot"].as_string()
    restarted = and_(machine == holder.machine, boot != holder.boot, boot != "")
    return case((and_(ran, restarted), 0), (ran, 1), else_=0)


def _taking(
    ready: Select[tuple[int]],
    now: datetime,
    lease_until: datetime,
    token: str,
    holder: Holder | None,
    node: str,
) -> Executable:
    taken = {
        "node": case((jobs.c.node == NO_NODE, node), else_=jobs.c.node),
        "status": _RUNNING,
        "started": now,
        "finished": None,
        "claims": jobs.c.claims + 1,
        "deaths": jobs.c.deaths + _died(holder),
        "token": token,
        "lease_until": lease_until,
        "holder": None if holder is None else holder.data(),
    }
    number = ready.limit(1).with_for_update(skip_locked=True).scalar_subquery()
    return update(jobs).where(jobs.c.number == number).values(taken).returning(jobs)


class SqlJobQueue:
    """JobQueue. Asking for work when there is none takes no lock."""

    def __init__(self, engine: Engine, clock: Clock, node: str = NO_NODE) -> None:
        """``node``: jobs of profiles that have none yet are its own; without one, every job is taken."""
        self._engine = engine
        self._clock = clock
        self._node = node

    def answer_to(self, asked: Asked) -> Job | None:
        """See the port."""
        if not asked.key:
            return None
        with self._reading() as session:
            return self._job_of_key(session, asked)

    def enqueue(self, job: Job, *, sealed: str = "", sent: Mapping[str, object] | None = None) -> Enqueued:
        """See the port."""
        asked = as_sent(job, sent)
        for _ in range(_TRIES - 1):
            with suppress(ConflictError):  # another process may have been faster between look and insert
                return self._enqueue(job, sealed, asked)
        return self._enqueue(job, sealed, asked)

    def _enqueue(self, job: Job, sealed: str, asked: Asked) -> Enqueued:
        with self._writing() as session:
            by_key = self._job_of_key(session, asked, job) if asked.key else None
            answer = by_key or _answering(session, _wanted_twin(session, job), job)
            if answer is None:
                values = mapping.job_values(job) | _FREE | {"log_lines": 0, "sealed": sealed}
                session.write(insert(jobs).values(values | {"node": _node_for(job, self._node)}))
            if asked.key and by_key is None:
                self._keep_key(session, asked, answer or job)
            session.commit()
            return Enqueued(job=answer or job, created=answer is None)

    def get(self, job: JobId) -> Job:
        """See the port."""
        with self._reading() as session:
            return mapping.job_of(_row_of(session, job))

    def list(
        self,
        *,
        status: Sequence[JobStatus] = (),
        kind: JobKind | None = None,
        hosts: Collection[HostId] | None = None,
        limit: int = 100,
    ) -> Sequence[Job]:
        """See the port."""
        query = select(jobs).order_by(jobs.c.number.desc()).limit(limit)
        if status:
            query = query.where(jobs.c.status.in_([each.value for each in status]))
        if kind is not None:
            query = query.where(jobs.c.kind == kind.value)
        if hosts is not None:
            query = query.where(jobs.c.host.in_(sorted(hosts)))
        with self._reading() as session:
            return [mapping.job_of(row) for row in session.execute(query)]

    def newest(
        self, kind: JobKind, status: Sequence[JobStatus], profiles: Collection[ProfileId]
    ) -> Mapping[ProfileId, Job]:
        """See the port."""
        ended = [jobs.c.kind == kind.value, jobs.c.status.in_([each.value for each in status])]
        numbers = select(func.max(jobs.c.number)).where(jobs.c.profile.in_(sorted(profiles)), *ended)
        query = select(jobs).where(jobs.c.number.in_(numbers.group_by(jobs.c.profile)))
        with self._reading() as session:
            found = [mapping.job_of(row) for row in session.execute(query)]
        return {job.profile: job for job in found}

    def claim(
        self,
        runner: str,
        *,
        lease_seconds: float,
        only: JobId | None = None,
        besides: Collection[JobId] = (),
        holder: Holder | None = None,
    ) -> Claim | None:
        """See the port."""
        for _ in range(_TRIES):
            with self._reading() as session:
                ready = claimable(self._clock.now(), only, self._node, besides)
                if session.execute(ready.limit(1)).first() is None:
                    return None
            with suppress(ConflictError):  # another process took a job of the same host or profile just now
                return self._claim(runner, timedelta(seconds=lease_seconds), only, besides, holder)
        return None

    def _claim(
        self,
        runner: str,
        lease: timedelta,
        only: JobId | None,
        besides: Collection[JobId],
        holder: Holder | None,
    ) -> Claim | None:
        with self._writing() as session:
            # Only now, after any wait for other writers: a job starts when the one before it has ended.
            now = self._clock.now()
            token, lease_until = f"{runner}/{uuid4().hex}", now + lease
            ready = claimable(now, only, self._node, besides)
            statement = _taking(ready, now, lease_until, token, holder, self._node)
            row = session.write(statement).one_or_none()
            session.commit()
        if row is None:
            return None
        return Claim(job=mapping.job_of(row), token=token, lease_until=lease_until, sealed=row.sealed)

    def release_dead(self, is_dead: Callable[[Holder], bool]) -> Sequence[Job]:
        """See the port."""
        now = self._clock.now()
        held = and_(jobs.c.status == _RUNNING, jobs.c.lease_until > now, jobs.c.holder.is_not(None))
        with self._reading() as session:
            rows = session.execute(select(jobs.c.id, jobs.c.token, jobs.c.holder).where(held)).all()
        holders = [(row, Holder.of(row.holder)) for row in rows]
        dead = [row for row, holder in holders if holder is not None and is_dead(holder)]
        return [job for row in dead for job in self._expired(row.id, row.token, now)]

    def _expired(self, job: JobId, token: str, now: datetime) -> Sequence[Job]:
        same = and_(jobs.c.id == job, jobs.c.status == _RUNNING, jobs.c.token == token)
        with self._writing() as session:
            rows = session.write(update(jobs).where(same).values(lease_until=now).returning(jobs)).all()
            session.commit()
            return [mapping.job_of(row) for row in rows]

    def heartbeat(self, claim: Claim, *, lease_seconds: float, progress: TransferProgress) -> Claim:
        """See the port."""
        with self._writing() as session:
            require_held(session, claim)
            # Only now, as in claim(): who waited for other writers has the whole of its lease before it.
            lease_until = self._clock.now() + timedelta(seconds=lease_seconds)
            _update(session, claim.job.id, {"lease_until": lease_until, "progress": asdict(progress)})
            job = mapping.job_of(_row_of(session, claim.job.id))
            session.commit()
        return replace(claim, job=job, lease_until=lease_until)

    def finish(self, claim: Claim, status: JobStatus, result: JobResult) -> Job:
        """See the port."""
        return self._moved(claim, status, {"result": mapping.result_values(result)})

    def held_until(self, job: JobId, *, token: str | None = None) -> datetime | None:
        """See the port."""
        with self._reading() as session:
            if token is None:
                until: datetime | None = _row_of(session, job).lease_until
                return until
            same = and_(jobs.c.id == job, jobs.c.status == _RUNNING, jobs.c.token == token)
            return session.execute(select(jobs.c.lease_until).where(same)).scalar_one_or_none()

    def hand_back(self, claim: Claim) -> None:
        """See the port."""
        self._moved(claim, JobStatus.QUEUED, {})

    def request_cancel(self, job: JobId) -> Job:
        """See the port."""
        with self._writing() as session:
            found = mapping.job_of(_row_of(session, job))
            if found.status is JobStatus.QUEUED:
                ended = found.moved(JobStatus.CANCELLED, at=self._clock.now())
                _update(session, job, _ended_values(ended))
            elif found.status is JobStatus.RUNNING:
                _update(session, job, {"cancel_requested": True})
            found = mapping.job_of(_row_of(session, job))
            session.commit()
            return found

    def count_sealed(self, *, final: bool) -> int:
        """See the port."""
        over = jobs.c.status.not_in([_QUEUED, _RUNNING])
        query = select(func.count()).where(jobs.c.sealed != "", over if final else ~over)
        with self._reading() as session:
            return int(session.execute(query).scalar_one())

    def queued_since(self, *, hosts: Collection[HostId] | None = None) -> datetime | None:
        """See the port."""
        query = select(func.min(jobs.c.created)).where(jobs.c.status == _QUEUED)
        if hosts is not None:
            query = query.where(jobs.c.host.in_(sorted(hosts)))
        with self._reading() as session:
            found: datetime | None = session.execute(query).scalar_one()
        return found

    def append_log(self, job: JobId, lines: Sequence[LogLine], *, claim: Claim | None = None) -> None:
        """See the port."""
        with self._writing() as session:
            row = _row_of(session, job) if claim is None else require_held(session, claim)
            last = row.log_lines
            rows: list[dict[str, object]] = [
                {"job_id": job, "number": line.number, "at": line.at, "level": line.level, "text": line.text}
                for line in fitting(lines, last)
            ]
            session.write_many(insert(job_log), rows)
            _update(session, job, {"log_lines": last + len(rows)})
            session.commit()

    def read_log(self, job: JobId, *, after: int = 0, limit: int = 1000) -> Sequence[LogLine]:
        """See the port."""
        query = select(job_log).where(job_log.c.job_id == job, job_log.c.number > after)
        with self._reading() as session:
            _row_of(session, job)
            rows = session.execute(query.order_by(job_log.c.number).limit(limit))
            return [LogLine(number=row.number, at=row.at, level=row.level, text=row.text) for row in rows]

    def remove_finished(self, *, before: datetime, keep: int, limit: int) -> int:
        """See the port. Looks without a lock: a job that is over stays so, and no new key answers for it."""
        keys_since = self._clock.now() - KEY_KEPT
        with self._reading() as session:
            going = removable(session, before=before, keep=keep, keys_since=keys_since, limit=limit)
        if going:
            with self._writing() as session:
                remove(session, going)
                session.commit()
        return len(going)

    def _moved(self, claim: Claim, status: JobStatus, values: mapping.Values) -> Job:
        with self._writing() as session:
            job = mapping.job_of(require_held(session, claim)).moved(status, at=self._clock.now())
            _update(session, job.id, values | _FREE | _ended_values(job))
            job = mapping.job_of(_row_of(session, job.id))
            session.commit()
            return job

    def _job_of_key(self, session: SqlSession, asked: Asked, job: Job | None = None) -> Job | None:
        joined = jobs.join(job_key, job_key.c.job_id == jobs.c.id)
        query = select(jobs, job_key.c.at, job_key.c.request, job_key.c.as_sent).select_from(joined)
        row = session.execute(query.where(job_key.c.idempotency_key == asked.key)).one_or_none()
        if row is None:
            return None
        earlier = mapping.job_of(row)
        if earlier.status.final and self._clock.now() - row.at > KEY_KEPT:
            return None
        if row.request == asked.text or _meant_before(row, asked, job):
            return earlier
        if row.as_sent or job is not None:
            raise key_in_use(asked, earlier)
        return None

    def _keep_key(self, session: SqlSession, asked: Asked, answer: Job) -> None:
        session.write(delete(job_key).where(job_key.c.idempotency_key == asked.key))
        values = {"idempotency_key": asked.key, "request": asked.text, "as_sent": True}
        session.write(insert(job_key), values | {"job_id": answer.id, "at": self._clock.now()})

    def _reading(self) -> SqlSession:
        return SqlSession(self._engine, read_only=True)

    def _writing(self) -> SqlSession:
        return SqlSession(self._engine)


def _node_for(job: Job, own: str) -> ColumnElement[str]:
    """The node of the profile's newest job that has one, else our own."""
    earlier = select(jobs.c.node).where(jobs.c.profile == job.profile, jobs.c.node != NO_NODE)
    return func.coalesce(earlier.order_by(jobs.c.number.desc()).limit(1).scalar_subquery(), own)


def _ended_values(job: Job) -> mapping.Values:
    """What :meth:`Job.moved` changes when a job leaves the hands of its runner, or is never begun; and what
    was sealed for that goes where nobody will ever need it again."""
    ended = {"status": job.status.value, "finished": job.finished, "progress": asdict(job.progress)}
    return ended | ({"sealed": ""} if job.status.final else {})


def _update(session: SqlSession, job: JobId, values: mapping.Values) -> None:
    session.write(update(jobs).where(jobs.c.id == job).values(values))


def _meant_before(row: Any, asked: Asked, job: Job | None) -> bool:
    """Whether a key of a version that did not keep requests as they were sent may stand for this one."""
    if row.as_sent:
        return False
    return asked.may_have_become(row.request) or (job is not None and as_sent(job, None).text == row.request)


def _wanted_twin(session: SqlSession, job: Job) -> Job | None:
    if not job.kind.answers_for_another:
        return None
    same = and_(jobs.c.profile == job.profile, jobs.c.kind == job.kind.value)
    wanted = and_(jobs.c.status.in_([_QUEUED, _RUNNING]), ~jobs.c.cancel_requested)
    query = select(jobs).where(same, wanted).with_for_update()  # so that nobody takes it meanwhile
    row = session.execute(query).one_or_none()
    return None if row is None else mapping.job_of(row)


def _answering(session: SqlSession, twin: Job | None, job: Job) -> Job | None:
    if twin is None:
        return None
    answer = twin.answering(job)
    if answer != twin:
        changed = {
            "requested_by": answer.requested_by,
            "payload": dict(answer.payload),
            "asked": answer.asked,
        }
        _update(session, answer.id, changed)
    return answer
