"""DbosJobQueue: a job is taken where its node's engine offers it; all else is said by our own tables."""

import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from threading import RLock
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from bck_adapters.dbos.errors import as_bck_error
from bck_adapters.dbos.node_lock import NodeLock
from bck_adapters.dbos.offers import Offers
from bck_adapters.dbos.standing import Standing
from bckcore.domain.holder import Holder
from bckcore.domain.ids import HostId, JobId, ProfileId
from bckcore.domain.job import Asked, Job, JobKind, JobResult, JobStatus
from bckcore.domain.transfer import TransferProgress
from bckcore.errors import BckError
from bckcore.plugins.registry import QueueState
from bckcore.ports.job_queue import Claim, Enqueued, LogLine
from bckcore.ports.node_queue import NodeQueue, told_of_others

if TYPE_CHECKING:
    from bck_adapters.dbos.engine import DbosEngine

SWEEP_SECONDS = 5.0
FORGET_SECONDS = 3600.0
KEPT = timedelta(days=1)
PATIENCE_SECONDS = 2.0
"""How long a job that is there may keep others from passing it until the engine offers it."""
LOOKS = 3
"""So many sweeps in a row a job may be on its way; then it is asked for anew."""
SILENT_SECONDS = 5.0
"""Whoever works for a node is never silent for so long, whatever its lease."""
_TOLD_SECONDS = 60.0
_LOCK_SECONDS = 1.0

_logger = logging.getLogger(__name__)


class DbosJobQueue:
    """JobQueue over the product's tables and DBOS.

    The first claim makes this process the worker of its node, or finds that another one is: then nothing is
    offered here, and each later claim tries again. A process that never claims only asks.
    """

    def __init__(
        self,
        tables: NodeQueue,
        make_engine: "Callable[[], DbosEngine]",
        offers: Offers,
        lock: NodeLock,
        *,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        """``make_engine``: called when DBOS is first needed; loading it takes a while, and most only look."""
        self._tables = tables
        self._make_engine = make_engine
        self._made: DbosEngine | None = None
        self._offers = offers
        self._lock = lock
        self._patience = patience
        self._working = RLock()
        self._missing: dict[JobId, int] = {}
        self._swept = self._forgot = self._told = self._locked = self._looked = float("-inf")

    @property
    def _engine(self) -> "DbosEngine":
        with self._working:
            if self._made is None:
                self._made = self._make_engine()
            return self._made

    # --- asking -----------------------------------------------------------------------------------

    def answer_to(self, asked: Asked) -> Job | None:
        """See the port."""
        return self._tables.answer_to(asked)

    def enqueue(self, job: Job, *, sealed: str = "", sent: Mapping[str, object] | None = None) -> Enqueued:
        """See the port. The row counts: what the engine was not told of, its node's sweep finds. Of what is
        sealed the engine learns nothing."""
        answer = self._tables.enqueue(job, sealed=sealed, sent=sent)
        if answer.created:
            try:
                self._engine.enqueue(job.id, self._tables.node_of(job.id))
            except BckError as error:
                _logger.warning("job %s waits for the next look of its node's runner: %s", job.id, error)
        return answer

    def get(self, job: JobId) -> Job:
        """See the port."""
        return self._tables.get(job)

    def list(
        self,
        *,
        status: Sequence[JobStatus] = (),
        kind: JobKind | None = None,
        hosts: Collection[HostId] | None = None,
        limit: int = 100,
    ) -> Sequence[Job]:
        """See the port."""
        return self._tables.list(status=status, kind=kind, hosts=hosts, limit=limit)

    def newest(
        self, kind: JobKind, status: Sequence[JobStatus], profiles: Collection[ProfileId]
    ) -> Mapping[ProfileId, Job]:
        """See the port."""
        return self._tables.newest(kind, status, profiles)

    def held_until(self, job: JobId, *, token: str | None = None) -> datetime | None:
        """See the port."""
        return self._tables.held_until(job, token=token)

    def request_cancel(self, job: JobId) -> Job:
        """See the port."""
        return self._settled(self._tables.request_cancel(job))

    def count_sealed(self, *, final: bool) -> int:
        """See the port."""
        return self._tables.count_sealed(final=final)

    def queued_since(self, *, hosts: Collection[HostId] | None = None) -> datetime | None:
        """See the port."""
        return self._tables.queued_since(hosts=hosts)

    def append_log(self, job: JobId, lines: Sequence[LogLine], *, claim: Claim | None = None) -> None:
        """See the port."""
        self._tables.append_log(job, lines, claim=claim)

    def read_log(self, job: JobId, *, after: int = 0, limit: int = 1000) -> Sequence[LogLine]:
        """See the port."""
        return self._tables.read_log(job, after=after, limit=limit)

    def remove_finished(self, *, before: datetime, keep: int, limit: int) -> int:
        """See the port."""
        return self._tables.remove_finished(before=before, keep=keep, limit=limit)

    # --- working ----------------------------------------------------------------------------------

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
        with self._working:
            if not self._at_work(lease_seconds):
                return None
            self._sweep_now_and_then()
        ready = self._tables.ready(only=only, besides=besides)
        chosen = self._offers.first_of(ready, patience=self._patience)
        if chosen is None:
            return None
        return self._tables.claim(runner, lease_seconds=lease_seconds, only=chosen, holder=holder)

    def release_dead(self, is_dead: Callable[[Holder], bool]) -> Sequence[Job]:
        """See the port."""
        return self._tables.release_dead(is_dead)

    def heartbeat(self, claim: Claim, *, lease_seconds: float, progress: TransferProgress) -> Claim:
        """See the port."""
        return self._tables.heartbeat(claim, lease_seconds=lease_seconds, progress=progress)

    def finish(self, claim: Claim, status: JobStatus, result: JobResult) -> Job:
        """See the port."""
        return self._settled(self._tables.finish(claim, status, result))

    def hand_back(self, claim: Claim) -> None:
        """See the port. It stays offered."""
        self._tables.hand_back(claim)

    def _settled(self, job: Job) -> Job:
        if job.status.final:
            self._offers.settle(job.id)
        return job

    # --- being the worker of the node -------------------------------------------------------------

    def _at_work(self, lease_seconds: float) -> bool:
        """Whether jobs are offered here; begins, or begins again, where that is possible."""
        try:
            if not self._has_lock():
                self._engine.stop()
                self._tell_who_works()
                self._end_frozen(lease_seconds)
                return False
            if self._engine.launched or self._engine.launch():
                return True
        except SQLAlchemyError as exc:
            raise as_bck_error(exc) from exc
        except BckError:
            self._lock.let_go()
            raise
        self._lock.let_go()
        self._tell("another part of this process works for another node: a process works for one")
        return False

    def _has_lock(self) -> bool:
        now = time.monotonic()
        if self._engine.launched and now - self._locked < _LOCK_SECONDS:
            return True
        taken = self._lock.take()
        self._locked = now if taken else float("-inf")
        return taken

    def _end_frozen(self, lease_seconds: float) -> None:
        """Take the node from a worker that neither renews a claim nor asks for its lock any more.

        One that lives does one of the two about every second.
        """
        now = time.monotonic()
        if now - self._looked < SWEEP_SECONDS:
            return
        self._looked = now
        if self._tables.at_work():
            return
        if who := self._lock.take_from_silent(max(lease_seconds, SILENT_SECONDS)):
            node = self._tables.node
            _logger.warning("%s has been silent for too long: node %s is taken from it", who, node)

    def _tell_who_works(self) -> None:
        who = self._lock.holder(self._tables.node) or "another process"
        self._tell(f"node {self._tables.node} is worked for by {who}: waiting until that has ended")

    def _tell(self, text: str) -> None:
        now = time.monotonic()
        if now - self._told >= _TOLD_SECONDS:
            self._told = now
            _logger.warning("%s", text)

    def close(self) -> None:
        """End being the worker; then let go of all connections."""
        with self._working:
            if self._made is not None:
                self._made.stop()
            self._lock.let_go()
            if self._made is not None:
                self._made.close()

    # --- the sweep --------------------------------------------------------------------------------

    def _sweep_now_and_then(self) -> None:
        now = time.monotonic()
        if now - self._swept >= SWEEP_SECONDS:
            self.sweep()
            self._swept = time.monotonic()
        if now - self._forgot >= FORGET_SECONDS:
            self._forgot = now
            self._engine.forget_ended(datetime.now(UTC) - KEPT)

    def sweep(self) -> None:
        """Settle offers of jobs that are over, and ask anew for those that nobody offers any more."""
        offered = self._offers.open()  # first: what comes in between is offered and unfinished
        unfinished = self._tables.unfinished()
        for job in offered - set(unfinished):
            self._offers.settle(job)
        missing = [job for job in unfinished if job not in offered]
        known = self._engine.known(missing) if missing else {}
        looks: dict[JobId, int] = {}
        for job in missing:
            looks[job] = self._missing.get(job, 0) + 1
            standing = known.get(job)
            if standing is None:
                self._engine.enqueue(job, self._tables.node)
            elif standing is not Standing.COMING or looks[job] > LOOKS:
                self._engine.enqueue_anew(job)
                looks[job] = 0
        self._missing = looks

    def worker_of(self, node: str) -> str:
        """Who works for that node now; empty if nobody."""
        try:
            return self._lock.holder(node)
        except SQLAlchemyError as exc:
            raise as_bck_error(exc) from exc

    def state(self) -> QueueState:
        """For people: who works for the node, and what waits."""
        waiting = self._engine.waiting()
        who = self.worker_of(self._tables.node)
        parts = [f"DBOS, node {self._tables.node}"]
        parts.append(f"worked for by {who}" if who else "nobody works for it now")
        parts.append(f"{waiting.queued} waiting, {waiting.offered} offered")
        detail = "; ".join([*parts, *told_of_others(self._tables)])
        return QueueState(ok=True, detail=detail, worker=who)
