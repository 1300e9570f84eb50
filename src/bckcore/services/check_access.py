"""Access of a check to a profile: the lock for a moment at a time, progress, and the wish to stop."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from bckcore.domain.check import CheckCounts
from bckcore.domain.ids import SourceName
from bckcore.domain.run import ProfileRef
from bckcore.domain.transfer import Phase, TransferProgress
from bckcore.errors import ConflictError, JobCancelledError, StorageError, StoreBusyError
from bckcore.ports.clock import Clock
from bckcore.ports.storage import Storage
from bckcore.ports.transport import Watcher
from bckcore.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from bckcore.services.check_judge import View
from bckcore.services.recovery import Recovery

LOCK_WAIT_SECONDS = 0.5
REPORT_EVERY_SECONDS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Database and storage of a profile while its lock is held."""

    uow: UnitOfWork
    ref: ProfileRef

    def view(self, source: SourceName) -> View:
        """What the database says of a source."""
        profile = self.ref.profile
        state = self.uow.catalog.source_states(profile).get(source)
        return View(
            kept=tuple(point.seq for point in self.uow.points.list(profile)),
            increments={run.id: run.seq for run in self.uow.runs.increments(profile)},
            settled=state is not None and not state.interrupted,
        )


@dataclass(kw_only=True)
class Access:
    """One check's way to its profile."""

    storage: Storage
    units: UnitOfWorkFactory
    recovery: Recovery
    ref: ProfileRef
    watcher: Watcher
    clock: Clock
    untidy: str = ""
    """Why what a crash left could not be put in order; empty where it could."""
    _told_busy: bool = field(default=False, init=False)
    _reported: float = field(default=0.0, init=False)

    def pause(self) -> None:
        """Raise JobCancelledError if the check must stop."""
        if self.watcher.is_cancelled():
            raise JobCancelledError("The check was cancelled.", meaning="It had changed nothing.")

    @contextmanager
    def held(self) -> Iterator[Moment]:
        """Database and storage in one state, what a crash left put in order, as before every restore.

        Waits as long as a backup holds the lock. Raises JobCancelledError.
        """
        with ExitStack() as stack:
            while not self._locked(stack):
                pass
            self._tidy()
            uow = stack.enter_context(self.units(read_only=True))
            yield Moment(uow=uow, ref=self.ref)

    def _locked(self, stack: ExitStack) -> bool:
        self.pause()
        try:
            stack.enter_context(self.storage.lock(self.ref, wait_seconds=LOCK_WAIT_SECONDS))
        except StoreBusyError:
            self._tell_busy()
            return False
        return True

    def _tell_busy(self) -> None:
        if not self._told_busy:
            self._told_busy = True
            self.watcher.log("The check waits while another job works on this profile.")

    def _tidy(self) -> None:
        if self.untidy:
            return
        try:
            for sentence in self.recovery.tidy(self.ref):
                self.watcher.log(sentence, level="warning")
        except (StorageError, ConflictError) as error:
            self.untidy = error.what

    def progress(self, source: str, counts: CheckCounts) -> None:
        """Say how far it is, a few times a second at most."""
        now = self.clock.monotonic()
        if now - self._reported >= REPORT_EVERY_SECONDS:
            self._reported = now
            progress = TransferProgress(
                phase=Phase.CHECKING, source=source, files_done=counts.files, bytes_done=counts.bytes_read
            )
            self.watcher.progress(progress)
