"""MemoryJobQueue: the lease queue, in memory."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice
from threading import RLock
from uuid import uuid4

from bckcore.domain.holder import Holder
from bckcore.domain.ids import HostId, JobId, ProfileId
from bckcore.domain.job import DEATHS_ALONE, Asked, Job, JobKind, JobResult, JobStatus
from bckcore.domain.transfer import TransferProgress
from bckcore.errors import LeaseLostError, NotFoundError
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


@dataclass(slots=True)
class _Row:
    job: Job
    token: str = ""
    lease_until: datetime | None = None
    holder: Holder | None = None
    sealed: str = field(default="", repr=False)
    log: list[LogLine] = field(default_factory=list)


class MemoryJobQueue:
    """JobQueue. A claim holds as long as its token is the newest, also a little past its lease."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rows: dict[JobId, _Row] = {}
        self._keys: dict[str, tuple[str, JobId, datetime]] = {}
        """What was asked for with each key, the job that answered, and when."""
        self._lock = RLock()

    def answer_to(self, asked: Asked) -> Job | None:
        """See the port."""
        with self._lock:
            return self._job_of_key(asked)

    def enqueue(self, job: Job, *, sealed: str = "", sent: Mapping[str, object] | None = None) -> Enqueued:
        """See the port."""
        asked = as_sent(job, sent)
        with self._lock:
            by_key = self._job_of_key(asked)
            answer = by_key or self._answering(self._wanted_twin(job), job)
            if asked.key and by_key is None:
                self._keys[asked.key] = (asked.text, (answer or job).id, self._clock.now())
            if answer is not None:
                return Enqueued(job=answer, created=False)
            self._rows[job.id] = _Row(job, sealed=sealed)
            return Enqueued(job=job, created=True)

    def get(self, job: JobId) -> Job:
        """See the port."""
        with self._lock:
            return self._row(job).job

    def list(
        self,
        *,
        status: Sequence[JobStatus] = (),
        kind: JobKind | None = None,
        hosts: Collection[HostId] | None = None,
        limit: int = 100,
    ) -> Sequence[Job]:
        """See the port."""
        with self._lock:
            jobs = (row.job for row in reversed(self._rows.values()))
            wanted = (
                job
                for job in jobs
                if (not status or job.status in status)
                and kind in (None, job.kind)
                and (hosts is None or job.host in hosts)
            )
            return list(islice(wanted, limit))

    def newest(
        self, kind: JobKind, status: Sequence[JobStatus], profiles: Collection[ProfileId]
    ) -> Mapping[ProfileId, Job]:
        """See the port."""
        with self._lock:
            jobs = (row.job for row in self._rows.values())
            ended = (job for job in jobs if job.kind is kind and job.status in status)
            return {job.profile: job for job in ended if job.profile in profiles}

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
        with self._lock:
            now = self._clock.now()
            rows = (row for row in self._rows.values() if only in (None, row.job.id))
            rows = (row for row in rows if row.job.id not in besides)
            ready = [row for row in rows if self._may_start(row, now)]
            row = min(ready, key=lambda row: (row.job.gives_way, row.job.kind.stands_aside), default=None)
            if row is None:
                return None
            job = row.job
            if job.status is JobStatus.RUNNING:
                died = not (row.holder and holder and row.holder.went_with_its_machine(holder))
                job = replace(job.moved(JobStatus.QUEUED, at=now), deaths=job.deaths + died)
            row.job = job.moved(JobStatus.RUNNING, at=now)
            row.token = f"{runner}/{uuid4().hex}"
            row.holder = holder
            return self._leased(row, lease_seconds)

    def release_dead(self, is_dead: Callable[[Holder], bool]) -> Sequence[Job]:
        """See the port."""
        with self._lock:
            now = self._clock.now()
            held = [
                row for row in self._rows.values() if row.lease_until is not None and row.lease_until > now
            ]
            dead = [row for row in held if row.holder is not None and is_dead(row.holder)]
            for row in dead:
                row.lease_until = now
            return [row.job for row in dead]

    def heartbeat(self, claim: Claim, *, lease_seconds: float, progress: TransferProgress) -> Claim:
        """See the port."""
        with self.holding(claim) as row:
            row.job = replace(row.job, progress=progress)
            return self._leased(row, lease_seconds)

    def finish(self, claim: Claim, status: JobStatus, result: JobResult) -> Job:
        """See the port."""
        with self.holding(claim) as row:
            row.job = replace(row.job.moved(status, at=self._clock.now()), result=result)
            row.token, row.lease_until, row.holder, row.sealed = "", None, None, ""
            return row.job

    def held_until(self, job: JobId, *, token: str | None = None) -> datetime | None:
        """See the port."""
        with self._lock:
            if token is None:
                return self._row(job).lease_until
            row = self._rows.get(job)
            return row.lease_until if row is not None and row.token == token else None

    def hand_back(self, claim: Claim) -> None:
        """See the port."""
        with self.holding(claim) as row:
            row.job = row.job.moved(JobStatus.QUEUED, at=self._clock.now())
            row.token, row.lease_until, row.holder = "", None, None

    def request_cancel(self, job: JobId) -> Job:
        """See the port."""
        with self._lock:
            row = self._row(job)
            if row.job.status is JobStatus.QUEUED:
                row.job, row.sealed = row.job.moved(JobStatus.CANCELLED, at=self._clock.now()), ""
            if row.job.status is JobStatus.RUNNING:
                row.job = replace(row.job, cancel_requested=True)
            return row.job

    def count_sealed(self, *, final: bool) -> int:
        """See the port."""
        with self._lock:
            return sum(bool(row.sealed) for row in self._rows.values() if row.job.status.final is final)

    def queued_since(self, *, hosts: Collection[HostId] | None = None) -> datetime | None:
        """See the port."""
        with self._lock:
            listed = [row.job for row in self._rows.values() if row.job.status is JobStatus.QUEUED]
        return min((job.created for job in listed if hosts is None or job.host in hosts), default=None)

    def append_log(self, job: JobId, lines: Sequence[LogLine], *, claim: Claim | None = None) -> None:
        """See the port."""
        with self._lock, nullcontext() if claim is None else self.holding(claim):
            log = self._row(job).log
            log.extend(fitting(lines, len(log)))

    def read_log(self, job: JobId, *, after: int = 0, limit: int = 1000) -> Sequence[LogLine]:
        """See the port."""
        with self._lock:
            return tuple(self._row(job).log[after : after + limit])

    def remove_finished(self, *, before: datetime, keep: int, limit: int) -> int:
        """See the port."""
        with self._lock:
            held = {job for _, job, at in self._keys.values() if self._clock.now() - at <= KEY_KEPT}
            newer: Counter[object] = Counter()
            going: list[JobId] = []
            for job in (row.job for row in reversed(self._rows.values())):
                if not job.status.final or job.finished is None:
                    continue
                alike = (job.profile, job.kind, job.status)
                old = job.finished < before or newer[job.profile] >= keep
                if old and newer[alike] and job.id not in held:
                    going.append(job.id)
                newer.update([job.profile, alike])
            going = going[::-1][:limit]
            self._keys = {key: one for key, one in self._keys.items() if one[1] not in going}
            for gone in going:
                del self._rows[gone]
            return len(going)

    @contextmanager
    def holding(self, claim: Claim) -> Iterator[_Row]:
        """The job's row while nobody else may touch the queue; LeaseLostError if the claim is lost."""
        with self._lock:
            row = self._row(claim.job.id)
            if row.job.status is not JobStatus.RUNNING or row.token != claim.token:
                raise LeaseLostError(
                    f"Job {claim.job.id} belongs to another runner or is over.",
                    meaning="Nothing was written.",
                )
            yield row

    def _row(self, job: JobId) -> _Row:
        try:
            return self._rows[job]
        except KeyError:
            raise NotFoundError(f"There is no job {job}.", advice=NO_JOB) from None

    def _job_of_key(self, asked: Asked) -> Job | None:
        found = self._keys.get(asked.key)
        if not asked.key or found is None:
            return None
        request, earlier, at = found[0], self._rows[found[1]].job, found[2]
        if earlier.status.final and self._clock.now() - at > KEY_KEPT:
            return None
        if request != asked.text:
            raise key_in_use(asked, earlier)
        return earlier

    def _wanted_twin(self, job: Job) -> Job | None:
        if not job.kind.answers_for_another:
            return None
        jobs = (row.job for row in self._rows.values())
        same = (other for other in jobs if (other.profile, other.kind) == (job.profile, job.kind))
        return next((other for other in same if other.wanted), None)

    def _answering(self, twin: Job | None, job: Job) -> Job | None:
        if twin is None:
            return None
        answer = self._rows[twin.id].job = twin.answering(job)
        return answer

    def _may_start(self, row: _Row, now: datetime) -> bool:
        if self._would_die_together(row, now):
            return False
        if row.job.status is JobStatus.RUNNING:
            return row.lease_until is not None and row.lease_until <= now
        running = (other.job for other in self._rows.values() if other.job.status is JobStatus.RUNNING)
        aside = row.job.kind.stands_aside
        return row.job.status is JobStatus.QUEUED and not any(
            other.kind.stands_aside == aside
            and (other.host == row.job.host or other.profile == row.job.profile)
            for other in running
        )

    def _would_die_together(self, row: _Row, now: datetime) -> bool:
        if row.job.deaths + (row.job.status is JobStatus.RUNNING) < DEATHS_ALONE:
            return False
        held = (one.job for one in self._rows.values() if one.lease_until and one.lease_until > now)
        return any(job.deaths >= DEATHS_ALONE and job.id != row.job.id for job in held)

    def _leased(self, row: _Row, seconds: float) -> Claim:
        row.lease_until = self._clock.now() + timedelta(seconds=seconds)
        return Claim(job=row.job, token=row.token, lease_until=row.lease_until, sealed=row.sealed)
