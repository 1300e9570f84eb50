"""SqlNodeQueue: the lease queue as one storage node sees it."""

from collections.abc import Collection, Sequence

from sqlalchemy import Engine, func, select, update

from bck_adapters.sql.job_queue import NO_NODE, SqlJobQueue, claimable, of_node
from bck_adapters.sql.tables import job as jobs
from bckcore.domain.ids import JobId, ProfileId
from bckcore.domain.job import JobStatus
from bckcore.errors import NotFoundError
from bckcore.ports.clock import Clock
from bckcore.ports.job_queue import NO_JOB

_UNFINISHED = jobs.c.status.in_([JobStatus.QUEUED.value, JobStatus.RUNNING.value])


class SqlNodeQueue(SqlJobQueue):
    """NodeQueue."""

    def __init__(self, engine: Engine, clock: Clock, node: str) -> None:
        super().__init__(engine, clock, node)

    @property
    def node(self) -> str:
        """See the port."""
        return self._node

    def node_of(self, job: JobId) -> str:
        """See the port."""
        with self._reading() as session:
            found = session.execute(select(jobs.c.node).where(jobs.c.id == job)).scalar_one_or_none()
        if found is None:
            raise NotFoundError(f"There is no job {job}.", advice=NO_JOB)
        return str(found)

    def ready(
        self, *, only: JobId | None = None, besides: Collection[JobId] = (), limit: int = 100
    ) -> Sequence[JobId]:
        """See the port."""
        query = claimable(self._clock.now(), only, self._node, besides)
        query = query.with_only_columns(jobs.c.id).limit(limit)
        with self._reading() as session:
            return [JobId(row.id) for row in session.execute(query)]

    def unfinished(self) -> Sequence[JobId]:
        """See the port."""
        query = select(jobs.c.id, jobs.c.node).where(_UNFINISHED, of_node(self._node))
        with self._reading() as session:
            found = session.execute(query.order_by(jobs.c.number)).all()
        if any(row.node == NO_NODE for row in found):
            self._move(NO_NODE)
        return [JobId(row.id) for row in found]

    def at_work(self) -> JobId | None:
        """See the port."""
        held = [jobs.c.status == JobStatus.RUNNING.value, jobs.c.lease_until > self._clock.now()]
        query = select(jobs.c.id).where(*held, of_node(self._node)).limit(1)
        with self._reading() as session:
            found = session.execute(query).scalar_one_or_none()
        return None if found is None else JobId(found)

    def waiting(self) -> dict[str, int]:
        """See the port."""
        query = select(jobs.c.node, func.count().label("jobs")).where(_UNFINISHED).group_by(jobs.c.node)
        with self._reading() as session:
            return {row.node: row.jobs for row in session.execute(query)}

    def profiles_elsewhere(self) -> frozenset[ProfileId]:
        """See the port."""
        last = select(func.max(jobs.c.number)).where(jobs.c.node != NO_NODE).group_by(jobs.c.profile)
        query = select(jobs.c.profile).where(jobs.c.number.in_(last), jobs.c.node != self._node)
        with self._reading() as session:
            return frozenset(ProfileId(row.profile) for row in session.execute(query))

    def take_over(self, node: str) -> int:
        """See the port."""
        return self._move(node)

    def _move(self, node: str) -> int:
        with self._writing() as session:
            moved = session.write(update(jobs).where(jobs.c.node == node).values(node=self._node)).rowcount
            session.commit()
        return int(moved)
