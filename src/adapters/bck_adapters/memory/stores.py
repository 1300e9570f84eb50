"""MemoryDatabase and MemoryUnitOfWork: transactions as in the SQL adapter, kept in memory."""

from contextlib import ExitStack
from threading import Lock
from types import TracebackType
from typing import Self

from bck_adapters.memory.audit import MemoryAuditLog
from bck_adapters.memory.catalog import MemoryCatalog
from bck_adapters.memory.enrolments import MemoryEnrolments
from bck_adapters.memory.latest import MemoryLatest
from bck_adapters.memory.people import MemoryDeviceTokens, MemorySessions, MemoryThrottles
from bck_adapters.memory.queue import MemoryJobQueue
from bck_adapters.memory.repositories import (
    MemoryActs,
    MemoryHolds,
    MemoryHosts,
    MemoryPoints,
    MemoryProfiles,
    MemoryRuns,
    MemoryUsers,
)
from bck_adapters.memory.schedules import MemoryPresences, MemoryScheduleStates
from bck_adapters.memory.state import Session, State
from bckcore.plugins.registry import Database, DatabaseState
from bckcore.ports.clock import Clock
from bckcore.ports.job_queue import Claim, no_longer_wanted


class MemoryUnitOfWork:
    """UnitOfWork over a MemoryDatabase; made by :meth:`MemoryDatabase.units`.

    A read-only one sees what was committed when it was entered. Another one waits for the writer
    before it and then sees what that one committed.
    """

    def __init__(self, session: Session, queue: MemoryJobQueue) -> None:
        self._session = session
        self._queue = queue
        self._holding = ExitStack()
        self.hosts = MemoryHosts(session)
        self.profiles = MemoryProfiles(session)
        self.runs = MemoryRuns(session)
        self.points = MemoryPoints(session)
        self.acts = MemoryActs(session)
        self.holds = MemoryHolds(session)
        self.schedule_states = MemoryScheduleStates(session)
        self.presences = MemoryPresences(session)
        self.users = MemoryUsers(session)
        self.audit = MemoryAuditLog(session)
        self.sessions = MemorySessions(session)
        self.device_tokens = MemoryDeviceTokens(session)
        self.enrolments = MemoryEnrolments(session)
        self.throttles = MemoryThrottles(session)
        self.latest = MemoryLatest(session)
        self.catalog = MemoryCatalog(session)

    def __enter__(self) -> Self:
        self._session.begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._holding.close()
        self._session.end()

    def hold(self, claim: Claim | None = None, *, wanted: bool = False) -> None:
        """See the port."""
        self._session.require_writing()
        if claim is None:
            return
        row = self._holding.enter_context(self._queue.holding(claim))
        if wanted and row.job.cancel_requested:
            raise no_longer_wanted(claim.job.id)

    def commit(self, *, claim: Claim | None = None) -> None:
        """See the port."""
        try:
            self.hold(claim)
            self._session.commit()
        finally:
            self._holding.close()


class MemoryDatabase:
    """Units of work and a job queue that share one memory."""

    def __init__(self, clock: Clock) -> None:
        self.queue = MemoryJobQueue(clock)
        self._state = State()
        self._writer = Lock()

    def units(self, *, read_only: bool = False) -> MemoryUnitOfWork:
        """A new unit of work; this method is the UnitOfWorkFactory."""
        session = Session(lambda: self._state, self._replace, self._writer, read_only=read_only)
        return MemoryUnitOfWork(session, self.queue)

    def as_database(self) -> Database:
        """The same, in the form that plugins offer."""
        state = DatabaseState(
            kind="memory", address="memory:", version="", step="", newest_step="", size_bytes=0
        )
        return Database(
            units=self.units,
            queue=self.queue,
            migrate=lambda: None,
            close=lambda: None,
            state=lambda: state,
        )

    def _replace(self, state: State) -> None:
        self._state = state
