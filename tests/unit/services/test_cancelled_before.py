"""What was cancelled before it was done is not done: its runner may have died, wait or not have heard."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from bck_adapters.memory.transport import MemoryTransport
from bck_adapters.storage_fs import FsStorage
from bckcore.domain.access import SCHEDULE
from bckcore.domain.ids import JobId
from bckcore.domain.job import JobKind, JobStatus
from bckcore.domain.push import Conflict
from bckcore.domain.restore import RestoreOptions
from bckcore.domain.retention import RetentionPolicy
from bckcore.domain.schedule import Schedule
from bckcore.domain.transfer import Phase, TransferProgress
from bckcore.ports.job_queue import Claim, JobQueue
from bckcore.ports.transport import Transport
from bckcore.services.history_requests import AcceptRequest, ForgetRequest, UndoRequest
from bckcore.services.restore_request import RestoreRequest
from bckcore.services.schedule_jobs import if_reachable
from tests.support.desks import Desk, T
from tests.support.house import DOCS, REF

LEASE = 10
OUT = Path("out")


class Hearing:
    """A runner's watcher, in short: it hears of a cancel at once; ``deaf``, it never does."""

    def __init__(self, queue: JobQueue, claim: Claim, *, deaf: bool = False) -> None:
        self.queue = queue
        self.job = claim.job.id
        self.deaf = deaf
        self.on_wait: Callable[[], object] = lambda: None

    def progress(self, progress: TransferProgress) -> None:
        """Look whether it waits."""
        if progress.phase == Phase.WAITING:
            self.on_wait()

    def log(self, line: str, *, level: str = "info") -> None:
        """Nobody reads it."""

    def is_cancelled(self) -> bool:
        """As the queue says."""
        return not self.deaf and self.queue.get(self.job).cancel_requested


@dataclass
class Case:
    """One kind of job, and a desk on which it would change something."""

    kind: JobKind
    payload: Mapping[str, object] = field(default_factory=dict)
    prepare: Callable[[Desk], object] = lambda _desk: None
    by: str = "anna"


def _suspect(desk: Desk) -> None:
    desk.many(120)
    desk.back_up()
    desk.docs.delete(b"many")
    desk.back_up()


def _old_points(desk: Desk) -> None:
    policy = RetentionPolicy(keep_last=1, keep_within=timedelta(0), min_age=timedelta(0))
    desk.house.change_profile(retention=policy)


def _held_off(desk: Desk) -> None:
    desk.house.change_profile(schedule=Schedule(cron="0 2 * * *", windows=("02:00-02:01",)))


OVER = RestoreOptions(conflict=Conflict.OVERWRITE)
CASES = {
    "backup": Case(JobKind.BACKUP),
    "backup-of-an-absent-host": Case(JobKind.BACKUP, if_reachable(True)),
    "backup-held-off": Case(JobKind.BACKUP, prepare=_held_off, by=SCHEDULE),
    "restore": Case(JobKind.RESTORE, RestoreRequest(point="1", folder=OUT).payload()),
    "restore-to-host": Case(JobKind.RESTORE, RestoreRequest(point="1", options=OVER).payload()),
    "prune": Case(JobKind.PRUNE, prepare=_old_points),
    "undo": Case(JobKind.UNDO, UndoRequest(run="2", reason="r").payload()),
    "accept": Case(JobKind.ACCEPT, AcceptRequest(reason="r").payload(), prepare=_suspect),
    "forget": Case(JobKind.FORGET, ForgetRequest(path=b"docs/b", reason="r").payload()),
    "check": Case(JobKind.CHECK),
    "preview": Case(JobKind.PREVIEW),
}
WAITING = [name for name, case in CASES.items() if not case.kind.stands_aside]
WRITING = ["backup", "prune", "undo", "accept", "forget"]


def test_every_kind_of_job_is_among_the_cases() -> None:
    assert {case.kind for case in CASES.values()} == set(JobKind)


class Door:
    """The way to the PC; shut, nobody is reached."""

    def __init__(self, inner: MemoryTransport) -> None:
        self.inner = inner

    def shut(self) -> None:
        """The PC is off from now on."""
        self.inner._hosts = {}

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)


class Scene:
    """A desk with two points, changes on its PC since, and one job of a case."""

    def __init__(self, folder: Path, name: str) -> None:
        self.case = CASES[name]
        self.out = folder / OUT
        doors: list[Door] = []

        def wrapped(transport: Transport) -> Transport:
            doors.append(Door(transport))  # type: ignore[arg-type]  # the memory one
            return doors[0]  # type: ignore[return-value]  # it hands all on

        self.desk = Desk(folder, wrapped=wrapped)
        self.desk.write("a", "b")
        self.desk.back_up()
        self.desk.write("a", data=b"two", mtime_ns=T + 1)
        self.desk.back_up()
        self.case.prepare(self.desk)
        self.desk.write("a", data=b"three", mtime_ns=T + 2)
        self.queue = self.desk.house.database.queue
        payload = {**self.case.payload}
        if payload.get("folder"):
            payload["folder"] = str(self.out)
        self.job = self.desk.house.job("once", self.case.kind, payload, by=self.case.by)
        self.queue.enqueue(self.job)
        if name == "backup-of-an-absent-host":
            doors[0].shut()
        self.before = self.kept()

    def kept(self) -> object:
        """All that a job may change: the books, the store but for its locks, the PC, the folder."""
        with self.desk.house.database.units(read_only=True) as uow:
            books = [uow.points.list(DOCS), uow.runs.list(DOCS), uow.acts.list(DOCS)]
        places = ("current", ".history", ".receipts")
        roots = [self.desk.house.root / place for place in places]
        files = {path: path.read_bytes() for root in roots for path in root.rglob("*") if path.is_file()}
        return [list(one) for one in books], files, self.desk.world(), self.out.exists()

    def claimed(self) -> Claim:
        """Taken by a runner."""
        claim = self.queue.claim("runner", lease_seconds=LEASE, only=JobId("once"))
        assert claim is not None
        return claim

    def assert_ends_cancelled(self, claim: Claim, watcher: Hearing) -> None:
        """Carry the job out: it ends so, and nothing is another than before."""
        status, result = self.desk.house.worker.carry_out(claim, watcher)
        self.queue.finish(claim, status, result)
        assert (status, result.error_code) == (JobStatus.CANCELLED, "cancelled")
        assert self.kept() == self.before


@pytest.mark.parametrize("name", CASES)
def test_what_was_cancelled_while_its_runner_was_dead_changes_nothing(quick_dir: Path, name: str) -> None:
    scene = Scene(quick_dir, name)
    scene.claimed()
    assert scene.queue.request_cancel(JobId("once")).cancel_requested
    scene.desk.house.clock.advance(LEASE + 1)
    claim = scene.claimed()
    assert claim.job.claims == 2
    scene.assert_ends_cancelled(claim, Hearing(scene.queue, claim))


@pytest.mark.parametrize("name", WAITING)
def test_what_is_cancelled_while_it_waits_for_the_storage_changes_nothing(
    quick_dir: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bck_adapters.storage_fs.locks.LOCK_WAIT_SECONDS", 0.0)
    monkeypatch.setattr("bck_adapters.storage_fs.locks.TELL_SECONDS", 0.0)
    scene = Scene(quick_dir, name)
    scene.claimed()  # it waits before its first look too: an earlier runner may have done it
    scene.desk.house.clock.advance(LEASE + 1)
    claim = scene.claimed()
    watcher = Hearing(scene.queue, claim)
    watcher.on_wait = lambda: scene.queue.request_cancel(JobId("once"))
    with FsStorage(scene.desk.house.root).lock(REF, wait_seconds=0):
        scene.assert_ends_cancelled(claim, watcher)


@pytest.mark.parametrize("name", WRITING)
def test_a_cancel_that_was_answered_wins_though_the_runner_has_not_heard_of_it(
    quick_dir: Path, name: str
) -> None:
    scene = Scene(quick_dir, name)
    claim = scene.claimed()
    scene.queue.request_cancel(JobId("once"))
    scene.assert_ends_cancelled(claim, Hearing(scene.queue, claim, deaf=True))


def test_a_backup_that_is_cancelled_while_it_looks_for_its_host_is_not_offline(quick_dir: Path) -> None:
    """The schedule would ask for it once more."""
    scene = Scene(quick_dir, "backup-of-an-absent-host")
    claim = scene.claimed()
    watcher = Hearing(scene.queue, claim)
    looks = iter([False])
    watcher.is_cancelled = lambda: next(looks, True)  # type: ignore[method-assign]  # heard after the first look
    scene.assert_ends_cancelled(claim, watcher)
