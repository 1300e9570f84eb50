"""SqlUnitOfWork: one transaction over repositories and catalog."""

from types import TracebackType
from typing import Self

from sqlalchemy import Engine

from bck_adapters.sql.audit import SqlAuditLog
from bck_adapters.sql.catalog import SqlCatalog
from bck_adapters.sql.enrolments import SqlEnrolments
from bck_adapters.sql.holds import SqlHolds
from bck_adapters.sql.job_queue import require_held
from bck_adapters.sql.latest import SqlLatest
from bck_adapters.sql.people import SqlDeviceTokens, SqlSessions, SqlThrottles
from bck_adapters.sql.repositories import SqlActs, SqlHosts, SqlPoints, SqlProfiles, SqlRuns, SqlUsers
from bck_adapters.sql.schedules import SqlPresences, SqlScheduleStates
from bck_adapters.sql.session import SqlSession
from bckcore.errors import JobCancelledError, LeaseLostError
from bckcore.ports.job_queue import Claim, no_longer_wanted


class SqlUnitOfWork:
    """UnitOfWork. A writing one takes the writer's place when it is entered, so it cannot fail half-way."""

    def __init__(self, engine: Engine, *, read_only: bool = False) -> None:
        self._session = SqlSession(engine, read_only=read_only, alone=True)
        self.hosts = SqlHosts(self._session)
        self.profiles = SqlProfiles(self._session)
        self.runs = SqlRuns(self._session)
        self.points = SqlPoints(self._session)
        self.acts = SqlActs(self._session)
        self.holds = SqlHolds(self._session)
        self.schedule_states = SqlScheduleStates(self._session)
        self.presences = SqlPresences(self._session)
        self.users = SqlUsers(self._session)
        self.audit = SqlAuditLog(self._session)
        self.sessions = SqlSessions(self._session)
        self.device_tokens = SqlDeviceTokens(self._session)
        self.enrolments = SqlEnrolments(self._session)
        self.throttles = SqlThrottles(self._session)
        self.latest = SqlLatest(self._session)
        self.catalog = SqlCatalog(self._session)

    def __enter__(self) -> Self:
        self._session.begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.__exit__(kind, error, trace)

    def hold(self, claim: Claim | None = None, *, wanted: bool = False) -> None:
        """See the port."""
        self._session.require_writing()
        if claim is not None:
            try:
                if require_held(self._session, claim).cancel_requested and wanted:
                    raise no_longer_wanted(claim.job.id)
            except (LeaseLostError, JobCancelledError):
                self._session.rollback()
                raise

    def commit(self, *, claim: Claim | None = None) -> None:
        """See the port."""
        self.hold(claim)
        self._session.commit()
