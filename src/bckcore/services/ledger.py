"""Ledger: how a run is written down - manifest, then receipt, then catalog - and healed after a crash.

Storage is the truth: the manifest and the receipt are durable before the database hears of them. A
crash in between leaves a receipt that the database does not know; :meth:`Ledger.catch_up` applies it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from bckcore.domain.ids import JobId, ProfileId, RunId, SourceName, run_id_time
from bckcore.domain.manifest import FULL_EVERY, Change, ChangeOp, ManifestInfo
from bckcore.domain.receipt import Receipt
from bckcore.domain.restore_point import Counted
from bckcore.domain.run import ProfileRef, Run
from bckcore.domain.run_problem import RunProblem
from bckcore.errors import NotFoundError, StorageError
from bckcore.ports.catalog import SourceState
from bckcore.ports.job_queue import Claim
from bckcore.ports.storage import Storage
from bckcore.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from bckcore.services.chronicle import broken, events
from bckcore.services.kinship import Kinship
from bckcore.services.putting_right import put_right
from bckcore.services.replay import Replay, enter_run

FULL_AT_MOST = 200_000
"""A full manifest keeps the changed paths in memory; with more changes it waits for the next run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """A run that is over, and what must be entered with it."""

    run: Run
    counted: Counted | None
    manifest: ManifestInfo | None
    filters: tuple[str, ...]
    states: tuple[SourceState, ...] = ()
    note: str = ""
    problems: tuple[RunProblem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopted:
    """What stood in history and was not counted."""

    again: int = 0
    """Increments that had been taken for merged or freed."""
    opened: Run | None = None
    """The run without a receipt."""


class Ledger:
    """Writes runs down. The caller holds the profile's storage lock."""

    def __init__(self, *, units: UnitOfWorkFactory, storage: Storage) -> None:
        self._units = units
        self._storage = storage
        self._replay = Replay(units=units, storage=storage)
        self._kinship = Kinship(units=units, storage=storage)

    def last(self, ref: ProfileRef, before: int) -> tuple[Receipt, str] | None:
        """The receipt of run ``before - 1`` and its digest; None for the first run.

        Raises StorageError if it is missing or damaged: what comes after builds on it.
        """
        if before <= 1:
            return None
        try:
            return self._storage.read_receipt(ref, before - 1)
        except NotFoundError:
            raise broken(ref, f"Receipt {before - 1:06d} is missing.") from None

    def spool(self, run: Run, changes: Iterator[Change]) -> ManifestInfo | None:
        """Stream the changes into the run's manifest; None, and no file, when there are none."""
        first = next(changes, None)
        if first is None:
            return None
        base, depth = self._base(run)
        info = self._write(run, base, chain((first,), changes))
        if base is None or depth < FULL_EVERY or info.lines > FULL_AT_MOST:
            return info
        return self._write(run, None, self._completed(run, base))

    def close(self, closing: Closing, *, claim: Claim | None = None) -> None:
        """Write the receipt, then the database. With a claim, both only while it holds.

        Nothing of the run is visible in the database before the receipt stands: the unit is committed last.
        """
        receipt = self._receipt(closing)
        self._storage.settle(closing.run.ref)  # outside the unit: it may take long, and writers would wait
        with self._units() as uow:
            if closing.manifest is not None:
                changes = self._storage.read_manifest(closing.run.ref, closing.run.seq)
                uow.catalog.apply(closing.run.profile, closing.run.seq, changes)
            for state in closing.states:
                uow.catalog.save_source_state(closing.run.profile, state)
            enter_run(uow, closing.run, closing.counted, problems=closing.problems)
            uow.hold(claim)
            self._storage.write_receipt(receipt, settled=True)
            uow.commit(claim=claim)

    def catch_up(self, ref: ProfileRef) -> int:
        """Enter what storage tells and the database does not know; return how many runs and acts.

        That is what a crash kept from it, or what happened since the backup copy was made that the
        database was brought back from. Raises StorageError where the two contradict each other and where
        the records are not whole, ConflictError where the database knows no run at all.
        """
        finished, left_open = self.newest(ref)
        with self._units(read_only=True) as uow:
            acts = uow.acts.last(ref.profile)
        if not self._kinship.require(ref, finished, left_open):
            self._replay.recount(ref)
            return 0
        entered = self._replay.enter(events(self._storage, ref, after_seq=finished, after_act=acts))
        self._replay.settle(ref)
        return entered

    def adopt(self, ref: ProfileRef) -> Adopted:
        """Enter what stands in history and is not counted among the increments; points before it need it.

        An increment that was taken for merged or freed counts again: a power cut may bring it back, and as
        the older one it is asked first. A run without a receipt was open when the database was lost: it is
        entered as open, and closed like any run that was cut off. Only one such run can be: no run starts
        before the one before it has its receipt. Raises StorageError if there are more. Attempts are to be
        folded by then.
        """
        with self._units(read_only=True) as uow:
            counting = {run.id for run in uow.runs.increments(ref.profile)}
            others = [run for run in self._storage.increments(ref) if run not in counting]
            owners = {run: _owner(uow, run) for run in others}
            last = uow.runs.last(ref.profile)
        again = [run for run in others if owners[run] == ref.profile]
        strangers = [run for run in others if owners[run] is None]
        if len(strangers) > 1 or (strangers and last is not None and last.outcome is None):
            raise _no_receipts(ref, strangers)
        if again:
            self._count_again(again)
        opened = _opened(ref, strangers[0], last.seq + 1 if last else 1) if strangers else None
        if opened is not None:
            self._open(opened)
        return Adopted(again=len(again), opened=opened)

    def _count_again(self, runs: Sequence[RunId]) -> None:
        with self._units() as uow:
            for run in runs:
                uow.runs.increment_stands(run)
            uow.commit()

    def _open(self, run: Run) -> None:
        with self._units() as uow:
            uow.runs.add(run)
            for state in uow.catalog.source_states(run.profile).values():
                uow.catalog.save_source_state(run.profile, replace(state, interrupted=True))
            uow.commit()

    def put_right(self, run: Run) -> None:
        """Bring ``current`` back to what the catalog says after an undo that was cut off."""
        put_right(self._units, self._storage, run)

    def newest(self, ref: ProfileRef) -> tuple[int, Run | None]:
        """Number of the newest finished run (0: none), and the run that is open, if one is.

        Only the newest can be open: no run starts before :class:`Recovery` has closed the one before.
        """
        with self._units(read_only=True) as uow:
            last = uow.runs.last(ref.profile)
        if last is None or last.outcome is not None:
            return (last.seq if last else 0), None
        return last.seq - 1, last

    def require_newest_receipt(self, ref: ProfileRef) -> None:
        """Raise StorageError unless storage holds the newest receipt and act that the database knows.

        They were durable before the database heard of them, so this is another storage, or damaged.
        """
        self._kinship.require_newest(ref, self.newest(ref)[0])

    def _base(self, run: Run) -> tuple[int | None, int]:
        before = self.last(run.ref, run.seq)
        if before is None or before[0].head is None:
            return None, 0
        return before[0].head, before[0].depth + 1

    def _write(self, run: Run, base: int | None, changes: Iterable[Change]) -> ManifestInfo:
        return self._storage.write_manifest(run.ref, seq=run.seq, base=base, changes=changes)

    def _completed(self, run: Run, base: int) -> Iterator[Change]:
        """The run's changes, then a ``=`` line for every live path that it did not touch."""
        touched: set[tuple[SourceName, bytes]] = set()
        for change in self._storage.read_manifest(run.ref, run.seq):
            touched.add((change.source, change.entry.path))
            yield change
        with self._units(read_only=True) as uow:
            for source in uow.catalog.sources_at(run.profile, base):
                for entry in uow.catalog.entries(run.profile, base, source):
                    if (source, entry.path) not in touched:
                        yield Change(source, ChangeOp.SAME, entry)

    def _receipt(self, closing: Closing) -> Receipt:
        before = self.last(closing.run.ref, closing.run.seq)
        previous, head, depth = "", None, 0
        if before is not None:
            previous, head, depth = before[1], before[0].head, before[0].depth
        if closing.manifest is not None:
            head = closing.manifest.seq
            depth = 0 if closing.manifest.base is None else depth + 1
        return Receipt(
            run=closing.run,
            counted=closing.counted,
            manifest=closing.manifest,
            head=head,
            depth=depth,
            filters=closing.filters,
            previous=previous,
            acts=self._newest_act(closing.run),
            note=closing.note,
            problems=closing.problems,
        )

    def _newest_act(self, run: Run) -> int:
        with self._units(read_only=True) as uow:
            return uow.acts.last(run.profile)


def _owner(uow: UnitOfWork, run: RunId) -> ProfileId | None:
    """The profile of that run; None for one that the database does not know."""
    try:
        return uow.runs.get(run).profile
    except NotFoundError:
        return None


def _opened(ref: ProfileRef, run: RunId, seq: int) -> Run:
    return Run(id=run, profile=ref.profile, host=ref.host, job=JobId(""), seq=seq, started=run_id_time(run))


def _no_receipts(ref: ProfileRef, runs: Sequence[RunId]) -> StorageError:
    return StorageError(
        f"There is no receipt of {', '.join(runs)}, whose increment of {ref.profile} stands in the storage.",
        meaning="At most the newest run can lack its receipt; others were lost. Nothing was changed.",
        advice="Bring .receipts back from a copy of the backup storage, then start again. "
        "Without a copy: bck catalog rebuild --accept-damage.",
    )
