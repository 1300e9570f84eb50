"""UnitOfWork: transaction boundary over the repositories and the catalog."""

from types import TracebackType
from typing import Protocol, Self

from bckcore.ports.audit import AuditLog
from bckcore.ports.catalog import Catalog
from bckcore.ports.enrolments import EnrolmentRepository
from bckcore.ports.job_queue import Claim
from bckcore.ports.latest import Latest
from bckcore.ports.people import DeviceTokenRepository, SessionRepository, ThrottleRepository
from bckcore.ports.repositories import (
    ActRepository,
    HoldRepository,
    HostRepository,
    PointRepository,
    PresenceRepository,
    ProfileRepository,
    RunRepository,
    ScheduleStateRepository,
    UserRepository,
)


class UnitOfWork(Protocol):
    """``with units() as uow: …; uow.commit()``. Leaving without commit rolls everything back.

    One thread, one unit. Any number of read-only units may be open beside one that writes; a second
    writer waits, so keep writing units short.
    """

    @property
    def hosts(self) -> HostRepository: ...
    @property
    def profiles(self) -> ProfileRepository: ...
    @property
    def runs(self) -> RunRepository: ...
    @property
    def points(self) -> PointRepository: ...
    @property
    def acts(self) -> ActRepository: ...
    @property
    def holds(self) -> HoldRepository: ...
    @property
    def schedule_states(self) -> ScheduleStateRepository: ...
    @property
    def presences(self) -> PresenceRepository: ...
    @property
    def users(self) -> UserRepository: ...
    @property
    def audit(self) -> AuditLog: ...
    @property
    def sessions(self) -> SessionRepository: ...
    @property
    def device_tokens(self) -> DeviceTokenRepository: ...
    @property
    def enrolments(self) -> EnrolmentRepository: ...
    @property
    def throttles(self) -> ThrottleRepository: ...
    @property
    def latest(self) -> Latest: ...
    @property
    def catalog(self) -> Catalog: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def hold(self, claim: Claim | None = None, *, wanted: bool = False) -> None:
        """From here to the end of this unit nobody takes the job over: what is done meanwhile outside
        the database is done under a claim that holds. Keep it short; the claim's own heartbeat waits, too.

        ``wanted``: only while nobody has asked the job to stop. Who asks meanwhile is answered afterwards, so
        what was cancelled before is never done.

        Raises LeaseLostError where the claim holds no longer, and JobCancelledError where the job is not
        wanted any more; nothing is written then. Without a claim nothing happens.
        """

    def commit(self, *, claim: Claim | None = None) -> None:
        """Make all changes durable at once.

        With a claim: only if that claim still holds, checked in the same transaction; else nothing
        is written and LeaseLostError is raised.
        """


class UnitOfWorkFactory(Protocol):
    """Opens units of work. Thread-safe."""

    def __call__(self, *, read_only: bool = False) -> UnitOfWork:
        """A new unit, to be used as a context manager.

        A read-only one sees one frozen state, never waits for a writer and never makes one wait,
        however long it stays open; its ``commit`` raises ConflictError.
        """
