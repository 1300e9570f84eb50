"""Recovery: what a crash, a kill or a power cut left is put in order before anything else happens."""

from bckcore.domain.run import ProfileRef, Run, RunKind, RunOutcome
from bckcore.domain.wording import counted
from bckcore.errors import StoreFullError, TransferInterruptedError
from bckcore.ports.clock import Clock
from bckcore.ports.storage import AttemptDirs, Storage
from bckcore.services.forgotten import finish_forgetting, may_be_unfinished
from bckcore.services.ledger import Closing, Ledger

_UNFOLDED = "What an interrupted attempt displaced stays where it is until there is room; it is found there."


class Recovery:
    """Heals one profile. The caller holds its storage lock; may be cut anywhere and repeated."""

    def __init__(self, *, storage: Storage, clock: Clock, ledger: Ledger) -> None:
        self._storage = storage
        self._clock = clock
        self._ledger = ledger

    def recover(self, ref: ProfileRef) -> list[str]:
        """Tidy the files, then close runs left open; a sentence for each thing that was done.

        Raises StorageError where :meth:`require_own_storage` does.
        """
        done = self.tidy(ref)
        self.require_own_storage(ref)
        finished, left_open = self._ledger.newest(ref)
        if may_be_unfinished(self._storage, ref, left_open.seq if left_open else finished):
            self._storage.settle(ref)  # a run may begin now, and then nobody removes again what comes back
        if left_open is not None:
            if left_open.kind is RunKind.UNDO or not left_open.job:  # adopted: it may have been an undo
                self._ledger.put_right(left_open)
            self._close(left_open)
            done.append(f"Closed run {left_open.seq}, which had been cut off.")
        return done

    def tidy(self, ref: ProfileRef, *, full: bool = False) -> list[str]:
        """Fold left attempts and enter receipts the database missed.

        All that a restore or a prune needs. A fold may take some room in the storage, and a full one must
        still be readable, and be pruned: with ``full``, for these two, what cannot be folded stays where it
        is. A restore finds it there; a prune moves only what is older. Else raises StoreFullError.
        """
        done = []
        for attempt in self._storage.unfolded(ref):
            try:
                kept, freed = self.fold(attempt)
            except StoreFullError as error:
                if not full:
                    raise
                done.append(f"{_UNFOLDED} {error.what}")
                break  # later attempts wait: the oldest entry of a run wins
            done.append(f"Folded what an interrupted attempt displaced: {counted(kept, 'file')} kept.")
            if freed:
                done.append("Half-transferred files were removed to make room for that.")
        if entered := self._ledger.catch_up(ref):
            done.append(f"Entered {entered} finished runs and acts that the database had missed.")
        adopted = self._ledger.adopt(ref)
        if adopted.again:
            what = counted(adopted.again, "increment")
            done.append(f"Counting {what} again that had been taken for merged or removed.")
        if adopted.opened:
            done.append(f"Found what run {adopted.opened.seq} displaced, which the database did not know.")
        finished, left_open = self._ledger.newest(ref)
        if removed := finish_forgetting(self._storage, ref, left_open.seq if left_open else finished):
            done.append(f"Removed {removed} stored files of a path that was forgotten on purpose.")
        return done

    def fold(self, attempt: AttemptDirs) -> tuple[int, bool]:
        """Fold it, if need be in the room that half-transferred files took.

        How many files were kept, and whether those were removed. Raises StoreFullError.
        """
        freed = False
        try:
            report = self._storage.fold(attempt, gives_back=True)
        except StoreFullError:
            self._storage.free_attempt_space(attempt.ref, attempt.source)
            freed = True
            report = self._storage.fold(attempt, gives_back=True)
        return report.moved + report.given_back, freed

    def require_own_storage(self, ref: ProfileRef) -> None:
        """Raise StorageError unless this is the storage that the database knows.

        An empty folder, where a disk is not mounted, must not pass for a storage without increments.
        """
        self._ledger.require_newest_receipt(ref)

    def _close(self, run: Run) -> None:
        error = TransferInterruptedError(
            "The run was cut off: its process or this server went down.",
            meaning="Everything it displaced is kept; no restore point was made.",
            advice="The next run goes on where it stopped.",
        )
        ended = run.ended(RunOutcome.FAILED, self._clock.now(), error)
        self._ledger.close(Closing(run=ended, counted=None, manifest=None, filters=()))
