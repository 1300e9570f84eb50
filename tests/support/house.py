"""A whole installation in a few lines: real services, real storage on disk, memory for all the rest."""

import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import TypeVar

from bck_adapters.memory import MemoryDatabase, MemorySealedBox, MemoryVault, SettableClock
from bck_adapters.memory.transport import no_filters
from bck_adapters.storage_fs import FsOwnGround, FsRestoreTargets, FsStorage
from bckcore.domain.host import Host
from bckcore.domain.ids import HostId, JobId, ProfileId, SecretRef
from bckcore.domain.job import Job, JobKind, JobResult, JobStatus
from bckcore.domain.profile import Profile
from bckcore.domain.restore_point import RestorePoint
from bckcore.domain.retention import RetentionPolicy
from bckcore.domain.run import ProfileRef, Run
from bckcore.domain.secret import Secret
from bckcore.domain.source import parsed_sources
from bckcore.domain.transfer import TransferOptions, TransferProgress
from bckcore.plugins.registry import Database
from bckcore.ports.job_queue import Claim
from bckcore.ports.storage import Storage
from bckcore.ports.transport import PathFilterFactory, Transport, Watcher
from bckcore.ports.unit_of_work import UnitOfWorkFactory
from bckcore.services.accept import AcceptService
from bckcore.services.acts import Acts
from bckcore.services.backup import BackupService
from bckcore.services.check import CheckService
from bckcore.services.check_host import HostReader
from bckcore.services.check_jobs import check_steps
from bckcore.services.fence import Fence, fenced_storage, fenced_units
from bckcore.services.forget import ForgetPlan, ForgetService
from bckcore.services.forward import ForwardRuns
from bckcore.services.history import history_steps
from bckcore.services.history_requests import AcceptRequest, ForgetRequest, UndoRequest
from bckcore.services.holds import HoldService
from bckcore.services.hooks import Hooks, NullHooks
from bckcore.services.ledger import Ledger
from bckcore.services.missing import accepting
from bckcore.services.own_ground import Borders
from bckcore.services.passwords import Passwords
from bckcore.services.preview import PreviewService
from bckcore.services.preview_jobs import preview_steps
from bckcore.services.prune import PruneReport, PruneService
from bckcore.services.pull import Puller
from bckcore.services.recovery import Recovery
from bckcore.services.restore import RestoreService
from bckcore.services.restore_host import HostRestore
from bckcore.services.undo import UndoService
from bckcore.services.worker import Worker
from tests.support.logins import memory_credentials

PC = HostId("pc1")
DOCS = ProfileId("docs")
REF = ProfileRef(host=PC, profile=DOCS)
KEY = SecretRef("host/pc1/ssh")
T = TypeVar("T")
LEASE_SECONDS = 1800.0
"""Less than the hour by which the clock moves between two runs: a dead process's job is free again."""


@dataclass
class RecordingWatcher:
    """A watcher that remembers; set ``stop`` to cancel."""

    lines: list[str] = field(default_factory=list)
    shown: list[TransferProgress] = field(default_factory=list)
    stop: Callable[[], bool] = lambda: False

    def progress(self, progress: TransferProgress) -> None:
        """Remember what was shown."""
        self.shown.append(progress)

    def log(self, line: str, *, level: str = "info") -> None:
        """Remember the line."""
        self.lines.append(f"{level}: {line}")

    def is_cancelled(self) -> bool:
        """Ask the test."""
        return self.stop()


class HookedClock(SettableClock):
    """A clock whose next wait - a backoff between two attempts - first calls ``on_wait``."""

    on_wait: Callable[[], None] | None = None

    def wait(self, seconds: float, *, until: Callable[[], bool]) -> bool:
        """Call the hook once, then wait."""
        hook, self.on_wait = self.on_wait, None
        if hook is not None:
            hook()
        return super().wait(seconds, until=until)


class House:
    """One installation with one host and one profile, driven without queue or runner."""

    def __init__(
        self,
        root: Path,
        transport: Transport,
        *,
        sources: Iterable[str] = ("/home/u/docs",),
        excludes: tuple[str, ...] = (),
        attempts: int = 1,
        host: Host | None = None,
        database: Callable[[SettableClock], Database] | None = None,
        filters: PathFilterFactory = no_filters,
        key: Secret[str] | None = None,
        options: TransferOptions | None = None,
        storage_type: type[FsStorage] = FsStorage,
        hooks: Hooks | None = None,
    ) -> None:
        self.root = root
        self.clock = HookedClock()
        self.database = database(self.clock) if database else MemoryDatabase(self.clock).as_database()
        self.storage = storage_type(root)
        self.storage.prepare()
        self.fence = Fence(queue=self.database.queue, clock=self.clock)
        self.watcher = RecordingWatcher()
        self._claims = itertools.count(1)
        self._restores = itertools.count(1)
        self._random = Random(7)
        units = self._seen_units(fenced_units(self.database.units, self.fence))
        storage = self._seen_storage(fenced_storage(self.storage, self.fence))
        clock = self.clock
        hooks = hooks or NullHooks()
        vault = MemoryVault()
        if key is not None and host is not None:
            vault.put(KEY, key)
            host = replace(host, key=KEY)
        credentials = memory_credentials(vault, clock=clock)
        self.passwords = Passwords(MemorySealedBox())
        ledger = Ledger(units=units, storage=storage)
        self.recovery = recovery = Recovery(storage=storage, clock=clock, ledger=ledger)
        puller = Puller(
            storage=storage,
            transport_for=lambda _: transport,
            credentials=credentials,
            filters=filters,
            clock=clock,
            random=self._random,
        )
        self.backups = BackupService(
            units=units,
            storage=storage,
            puller=puller,
            ledger=ledger,
            recovery=recovery,
            filters=filters,
            hooks=hooks,
            clock=clock,
            random_bytes=self._random.randbytes,
        )
        self.prunes = PruneService(units=units, storage=storage, recovery=recovery, hooks=hooks, clock=clock)
        self.holds = HoldService(units=units, storage=storage, recovery=recovery, clock=clock)
        targets = FsRestoreTargets(root)
        self.borders = Borders(transport_for=lambda _: transport, ground=FsOwnGround(private=[root]))
        self.restores = RestoreService(
            units=units, storage=storage, recovery=recovery, targets=targets, clock=clock
        )
        self.host_restores = HostRestore(
            units=units,
            storage=storage,
            recovery=recovery,
            transport_for=lambda _: transport,
            borders=self.borders,
            credentials=credentials,
            clock=clock,
            random=self._random,
        )
        forward = ForwardRuns(
            units=units, ledger=ledger, hooks=hooks, clock=clock, random_bytes=self._random.randbytes
        )
        self.undos = UndoService(
            units=units, storage=storage, ledger=ledger, recovery=recovery, forward=forward
        )
        self.accepts = AcceptService(
            units=units, storage=storage, ledger=ledger, recovery=recovery, forward=forward
        )
        self.forgets = ForgetService(
            units=units,
            storage=storage,
            acts=Acts(units=units, storage=storage, clock=clock),
            ledger=ledger,
            recovery=recovery,
            filters=filters,
        )
        self.checks = CheckService(
            units=units,
            storage=storage,
            recovery=recovery,
            host_reader=HostReader(units=units, credentials=credentials, transport_for=lambda _: transport),
            clock=clock,
            new_seed=lambda: 7,
        )
        self.previews = PreviewService(
            units=units,
            storage=storage,
            transport_for=lambda _: transport,
            credentials=credentials,
            filters=filters,
        )
        self.worker = Worker(
            fence=self.fence,
            backups=self.backups,
            restores=self.restores,
            host_restores=self.host_restores,
            prunes=self.prunes,
            passwords=self.passwords,
            others={
                **history_steps(self.undos, self.accepts, self.forgets),
                **check_steps(self.checks, self.passwords),
                **preview_steps(self.previews, self.passwords),
            },
        )
        self._set_up(host, tuple(sources), excludes, options or TransferOptions(attempts=attempts))

    def _seen_units(self, units: UnitOfWorkFactory) -> UnitOfWorkFactory:
        """The units as services get them."""
        return units

    def _seen_storage(self, storage: Storage) -> Storage:
        """The storage as services get it."""
        return storage

    def _set_up(
        self, host: Host | None, sources: tuple[str, ...], excludes: tuple[str, ...], options: TransferOptions
    ) -> None:
        host = host or Host(id=PC, address="pc1", transport="memory", allowed_roots=("/",))
        profile = Profile(
            id=DOCS,
            host=host.id,
            sources=parsed_sources(sources),
            excludes=excludes,
            options=options,
            created=self.clock.now(),
        )
        with self.database.units() as uow:
            uow.hosts.add(host)
            uow.profiles.add(profile)
            uow.commit()

    def back_up(self, *, accept_missing: bool = False) -> Run:
        """One backup job, carried out here and now; time moves on by an hour first."""
        return self._seen_through(JobKind.BACKUP, accepting(accept_missing), self.backups.back_up)[0]

    def job(
        self,
        job_id: str,
        kind: JobKind,
        payload: Mapping[str, object],
        *,
        by: str = "test",
        profile: ProfileId = DOCS,
    ) -> Job:
        """A job that somebody asks for now; not entered yet."""
        with self.database.units(read_only=True) as uow:
            host = uow.profiles.get(DOCS).host
        return Job(
            id=JobId(job_id),
            kind=kind,
            profile=profile,
            host=host,
            requested_by=by,
            created=self.clock.now(),
            payload=payload,
        )

    def _claimed(self, kind: JobKind, payload: Mapping[str, object]) -> Claim:
        job = self.job(f"job-{next(self._claims)}", kind, payload)
        answer = self.database.queue.enqueue(job)  # a job whose process died answers for it
        while claim := self.database.queue.claim("test", lease_seconds=LEASE_SECONDS):
            if claim.job.id == answer.job.id:
                return claim
            self.database.queue.finish(claim, JobStatus.FAILED, JobResult())  # its process died
        raise AssertionError("the queue did not give the job out")

    def change_profile(self, **changes: object) -> None:
        """Replace fields of the profile."""
        with self.database.units() as uow:
            uow.profiles.update(replace(uow.profiles.get(DOCS), **changes))  # type: ignore[arg-type]  # test
            uow.commit()

    def prune(self, keep_last: int, keep_within: timedelta = timedelta(0)) -> PruneReport:
        """Apply a retention policy without a minimum age now."""
        return self.prune_by(
            RetentionPolicy(keep_last=keep_last, keep_within=keep_within, min_age=timedelta(0))
        )

    def prune_by(self, policy: RetentionPolicy) -> PruneReport:
        """Apply any retention policy now."""
        self.change_profile(retention=policy)
        return self.prunes.prune(DOCS, self.watcher)

    def undo(self, request: UndoRequest) -> Run:
        """One undo job, carried out here and now; time moves on by an hour first."""
        return self._seen_through(JobKind.UNDO, request.payload(), self.undos.undo)[0]

    def accept(self, request: AcceptRequest) -> Run:
        """One accept job, likewise."""
        return self._seen_through(JobKind.ACCEPT, request.payload(), self.accepts.accept)[0]

    def forget(self, request: ForgetRequest) -> ForgetPlan:
        """One forget job, likewise."""
        return self._seen_through(JobKind.FORGET, request.payload(), self.forgets.forget)

    def _seen_through(
        self, kind: JobKind, payload: Mapping[str, object], work: Callable[[Claim, Watcher], T]
    ) -> T:
        self.clock.advance(3600)
        claim = self._claimed(kind, payload)
        try:
            with self.fence.under(claim, self.watcher):
                return work(claim, self.watcher)
        finally:
            self.database.queue.finish(claim, JobStatus.SUCCEEDED, JobResult())

    def points(self) -> list[RestorePoint]:
        """Kept points by number."""
        return list(self.restores.points(DOCS))

    def restore(self, point: RestorePoint, to: Path, paths: tuple[bytes, ...] = ()) -> Path:
        """Restore a point; fails the test if anything could not be restored."""
        report = self.restores.restore(DOCS, point=point.run_id, to=to, paths=paths, watcher=self.watcher)
        assert report.problem_count == 0, f"point {point.seq} cannot be restored: {report.problems}"
        return to

    def current(self, source: str = "docs") -> Path:
        """Where the newest copy lies."""
        with self.database.units(read_only=True) as uow:
            host = uow.profiles.get(DOCS).host
        return self.root / "current" / host / DOCS / source
