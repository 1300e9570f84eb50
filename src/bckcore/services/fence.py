"""Fence: whatever a job writes, it writes under its claim - none of its steps can be forgotten.

A runner that was frozen, or cut off from the database, may come back after another one has taken its job
over. So every unit of work that is opened while a job is carried out commits under the job's claim, and
every step that changes the storage first asks whether the claim still holds. Records that count, receipts and
acts, are written while nobody *can* take the job over (:meth:`bckcore.ports.unit_of_work.UnitOfWork.hold`).
What else a step has begun is finished under the storage lock, for which the next owner waits; it is what
recovery would do.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from threading import local
from types import TracebackType
from typing import Any, Self, cast

from bckcore.domain.ids import JobId
from bckcore.domain.run import ProfileRef
from bckcore.domain.transfer import Phase, TransferProgress
from bckcore.errors import LeaseLostError, TransientError
from bckcore.ports.audit import AuditLog
from bckcore.ports.catalog import Catalog
from bckcore.ports.clock import Clock
from bckcore.ports.enrolments import EnrolmentRepository
from bckcore.ports.job_queue import Claim, JobQueue
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
from bckcore.ports.storage import ProfileLock, Storage
from bckcore.ports.transport import Watcher
from bckcore.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory

READING = frozenset(
    {
        "acts", "current_folder", "examine", "extract", "increments", "inspect", "lock", "manifest_digest",
        "open_file", "partials", "parts", "places_of", "prepare", "profiles", "read_act",
        "read_manifest", "read_plan", "read_receipt", "reading", "receipts", "record_numbers",
        "records", "runs_aside", "scratch", "scratch_file", "settle", "sightings", "space", "stage",
        "stat", "strays", "unfolded", "usage", "walk", "weigh",
    }
)  # fmt: skip
"""Methods of Storage that change no profile's files. All others, also those to come, are fenced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    claim: Claim
    watcher: Watcher


class Fence:
    """Knows for each thread under which claim it works, if under any. Thread-safe."""

    def __init__(self, *, queue: JobQueue, clock: Clock) -> None:
        self._queue = queue
        self._clock = clock
        self._thread = local()

    @contextmanager
    def under(self, claim: Claim, watcher: Watcher) -> Iterator[None]:
        """What this thread does inside is done under the claim; ``watcher`` hears what it waits for."""
        before, self._thread.work = self._work, _Work(claim=claim, watcher=watcher)
        try:
            yield
        finally:
            self._thread.work = before

    @property
    def _work(self) -> _Work | None:
        found: _Work | None = getattr(self._thread, "work", None)
        return found

    @property
    def claim(self) -> Claim | None:
        """The claim that this thread works under."""
        return self._work.claim if self._work else None

    def check(self) -> None:
        """Raise LeaseLostError if this thread works under a claim that holds no longer."""
        claim = self.claim
        if claim is not None and self._queue.held_until(claim.job.id, token=claim.token) is None:
            raise LeaseLostError(
                f"Job {claim.job.id} belongs to another runner or is over.", meaning="Nothing was written."
            )

    # --- what a storage asks about a lock that it finds held (see LockRight) -------------------------

    @property
    def job(self) -> JobId:
        """The job this thread carries out; empty where none."""
        return self.claim.job.id if self.claim else JobId("")

    @property
    def token(self) -> str:
        """The token of its claim."""
        return self.claim.token if self.claim else ""

    def is_over(self, job: JobId, token: str) -> bool:
        """True if that claim holds no longer, or its lease has ended; False while nobody can say."""
        try:
            until = self._queue.held_until(job, token=token)
        except TransientError:
            return False
        return until is None or until <= self._clock.now()

    def is_cancelled(self) -> bool:
        """True if the job of this thread is to stop."""
        return self._work is not None and self._work.watcher.is_cancelled()

    def tell(self, sentence: str) -> None:
        """To the log of the job that waits."""
        if self._work:
            self._work.watcher.log(sentence, level="warning")

    def wait(self, sentence: str) -> None:
        """To the log of the job that waits, and shown as what it does.

        Not in the place of a restore that had begun: whoever takes that on goes by it (see Worker).
        """
        if self._work is None:
            return
        self.tell(sentence)
        if self._work.claim.job.progress.phase != Phase.RESTORING:
            self._work.watcher.progress(TransferProgress(phase=Phase.WAITING))


def fenced_units(units: UnitOfWorkFactory, fence: Fence) -> UnitOfWorkFactory:
    """The same units; those opened under a claim commit only while it holds."""

    def made(*, read_only: bool = False) -> UnitOfWork:
        return _FencedUnit(units(read_only=read_only), fence)

    return made


def fenced_storage(storage: Storage, fence: Fence) -> Storage:
    """The same storage; under a claim, what changes files first asks whether it holds."""
    return cast("Storage", _FencedStorage(storage, fence))


class _FencedStorage:
    """Hands everything on; a check goes before what changes files, and the claim goes with a lock."""

    def __init__(self, inner: Storage, fence: Fence) -> None:
        self._inner = inner
        self._fence = fence

    def lock(
        self, ref: ProfileRef, *, wait_seconds: float | None = None
    ) -> AbstractContextManager[ProfileLock]:
        """See the port; on behalf of the claim that the thread works under."""
        return self._inner.lock(ref, wait_seconds=wait_seconds, right=self._fence)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name in READING or name.startswith("_") or not callable(found):
            return found
        return _checked(found, self._fence)


def _checked(method: Callable[..., Any], fence: Fence) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        fence.check()
        return method(*args, **kwargs)

    return call


class _FencedUnit:
    """A unit of work whose claim, where the caller names none, is the one its thread works under."""

    def __init__(self, inner: UnitOfWork, fence: Fence) -> None:
        self._inner = inner
        self._fence = fence

    @property
    def hosts(self) -> HostRepository:
        return self._inner.hosts

    @property
    def profiles(self) -> ProfileRepository:
        return self._inner.profiles

    @property
    def runs(self) -> RunRepository:
        return self._inner.runs

    @property
    def points(self) -> PointRepository:
        return self._inner.points

    @property
    def acts(self) -> ActRepository:
        return self._inner.acts

    @property
    def holds(self) -> HoldRepository:
        return self._inner.holds

    @property
    def users(self) -> UserRepository:
        return self._inner.users

    @property
    def presences(self) -> PresenceRepository:
        return self._inner.presences

    @property
    def schedule_states(self) -> ScheduleStateRepository:
        return self._inner.schedule_states

    @property
    def audit(self) -> AuditLog:
        return self._inner.audit

    @property
    def sessions(self) -> SessionRepository:
        return self._inner.sessions

    @property
    def device_tokens(self) -> DeviceTokenRepository:
        return self._inner.device_tokens

    @property
    def enrolments(self) -> EnrolmentRepository:
        return self._inner.enrolments

    @property
    def latest(self) -> Latest:
        return self._inner.latest

    @property
    def throttles(self) -> ThrottleRepository:
        return self._inner.throttles

    @property
    def catalog(self) -> Catalog:
        return self._inner.catalog

    def __enter__(self) -> Self:
        self._inner.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._inner.__exit__(kind, error, trace)

    def hold(self, claim: Claim | None = None, *, wanted: bool = False) -> None:
        """See the port."""
        self._inner.hold(claim or self._fence.claim, wanted=wanted)

    def commit(self, *, claim: Claim | None = None) -> None:
        """See the port."""
        self._inner.commit(claim=claim or self._fence.claim)
