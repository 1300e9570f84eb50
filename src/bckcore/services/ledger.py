"""Ledger: how a run is written down - manifest, then receipt, then catalog - and healed after a crash.

Storage is the truth: the manifest and the receipt are durable before the database hears of them. A
crash in between leaves a receipt that the database does not know; :meth:`Ledger.catch_up` applies it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from bckcore.domain.file_version import EntryKind
from bckcore.domain.ids import ProfileId, SourceName
from bckcore.domain.manifest import FULL_EVERY, Change, ChangeOp, ManifestInfo
from bckcore.domain.receipt import Receipt
from bckcore.domain.restore_point import Counted, RestorePoint
from bckcore.domain.run import ProfileRef, Run, RunOutcome
from bckcore.errors import StorageError
from bckcore.ports.catalog import Catalog, SourceState
from bckcore.ports.job_queue import Claim
from bckcore.ports.storage import Storage
from bckcore.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from bckcore.services.fingerprint import fingerprint

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


class Ledger:
    """Writes runs down. The caller holds the profile's storage lock."""

    def __init__(self, *, units: UnitOfWorkFactory, storage: Storage) -> None:
        self._units = units
        self._storage = storage

    def last(self, ref: ProfileRef, before: int) -> tuple[Receipt, str] | None:
        """The receipt of run ``before - 1`` and its digest."""
        for receipt, digest in self._storage.receipts(ref, after_seq=before - 2):
            if receipt.run.seq == before - 1:
                return receipt, digest
        return None

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
        """Write the receipt, then the database. With a claim, the database only while it holds."""
        self._storage.write_receipt(self._receipt(closing))
        with self._units() as uow:
            if closing.manifest is not None:
                changes = self._storage.read_manifest(closing.run.ref, closing.run.seq)
                uow.catalog.apply(closing.run.profile, closing.run.seq, changes)
            for state in closing.states:
                uow.catalog.save_source_state(closing.run.profile, state)
            self._enter(uow, closing)
            uow.commit(claim=claim)

    def catch_up(self, ref: ProfileRef) -> int:
        """Enter receipts that a crash kept from the database; return how many."""
        finished, left_open = self.newest(ref)
        entered = 0
        for receipt, _ in self._storage.receipts(ref, after_seq=finished):
            if left_open is None or receipt.run.seq != left_open.seq:
                raise _older_database(receipt)
            self._replay(receipt)
            entered += 1
        return entered

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
        """Raise StorageError unless storage holds the receipt of the newest finished run.

        It was durable before the database heard of that run, so this is another storage, or damaged.
        """
        finished, _ = self.newest(ref)
        if finished and self.last(ref, finished + 1) is None:
            raise _other_storage(ref, finished)

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
            note=closing.note,
        )

    def _replay(self, receipt: Receipt) -> None:
        run = receipt.run
        with self._units() as uow:
            if receipt.manifest is not None:
                changes = self._storage.read_manifest(run.ref, run.seq)
                uow.catalog.apply(run.profile, run.seq, changes)
                present = uow.catalog.sources_at(run.profile, run.seq)
                for name in {*uow.catalog.source_states(run.profile), *present}:
                    state = counted_state(uow.catalog, run.profile, run.seq, name)
                    uow.catalog.save_source_state(run.profile, state)
            closing = Closing(
                run=run, counted=receipt.counted, manifest=receipt.manifest, filters=receipt.filters
            )
            self._enter(uow, closing)
            uow.commit()

    def _enter(self, uow: UnitOfWork, closing: Closing) -> None:
        run = closing.run
        uow.runs.update(run)
        if closing.counted is not None:
            uow.points.add(_point(run, closing.counted))
        elif run.outcome is RunOutcome.SUCCEEDED and run.finished is not None:
            newest = uow.points.newest(run.profile)
            if newest is not None:
                uow.points.verified(run.profile, newest.seq, run.finished)


def counted_state(catalog: Catalog, profile: ProfileId, seq: int, source: SourceName) -> SourceState:
    """Count a source's state anew from its entries at point ``seq``.

    It stays marked as interrupted: the next run compares every path once more.
    """
    files = size = 0
    for entry in catalog.entries(profile, seq, source):
        files += entry.kind is not EntryKind.FOLDER
        size += entry.size
    total, paths = fingerprint(entry.path for entry in catalog.entries(profile, seq, source))
    return SourceState(source=source, fingerprint=total, paths=paths, files=files, bytes=size)


def _other_storage(ref: ProfileRef, seq: int) -> StorageError:
    return StorageError(
        f"The storage holds no receipt of run {seq} of {ref.profile}, which the database knows.",
        meaning="Its disk is not mounted, it is another storage, or files are missing. Nothing was changed.",
        advice="Bring the right storage back, or make a profile with another name.",
    )


def _older_database(receipt: Receipt) -> StorageError:
    return StorageError(
        f"The database knows nothing of run {receipt.run.seq} of {receipt.run.profile} in storage.",
        meaning="The database is older than the storage, or new. Nothing was changed.",
        advice="Put the right database back, or make a profile with another name.",
    )


def _point(run: Run, counted: Counted) -> RestorePoint:
    if run.finished is None or run.outcome is None:
        raise StorageError(f"Run {run.id} is not over and cannot be a restore point.")
    return RestorePoint(
        profile=run.profile,
        run_id=run.id,
        seq=run.seq,
        outcome=run.outcome,
        counted=counted,
        started=run.started,
        finished=run.finished,
        verified_at=run.finished,
        counts=run.counts,
    )
