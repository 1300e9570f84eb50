"""Certainty: how far the runs of a history can be told where some of its records are damaged."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import sha256

from bckcore.domain.ids import JobId, RunId, new_run_id, run_id_time
from bckcore.domain.receipt import Receipt
from bckcore.domain.run import ProfileRef, Run, RunOutcome
from bckcore.errors import BckError, StorageError
from bckcore.ports.storage import Storage
from bckcore.services.chronicle import Entry, Use

LOST = "records-damaged"


class Strays:
    """Increments whose runs have no readable receipt, given to the runs that are lost, by time."""

    def __init__(self, increments: Sequence[RunId], receipts: dict[int, Receipt]) -> None:
        known = {receipt.run.id for receipt in receipts.values()}
        strangers = sorted(run for run in increments if run not in known)
        self._given: dict[int, RunId] = {}
        before = ""
        lost: list[int] = []
        for seq in range(1, max(receipts, default=0) + 1):
            if seq not in receipts:
                lost.append(seq)
                continue
            here = [run for run in strangers if before < run < receipts[seq].run.id]
            if len(here) > len(lost):
                raise _out_of_place(here)
            self._given.update(zip(lost, here, strict=False))
            before, lost = receipts[seq].run.id, []
        self.after_all = [run for run in strangers if run > before]
        """Those that began after the last readable receipt."""
        given = {*self._given.values(), *self.after_all}
        if left := [run for run in strangers if run not in given]:
            raise _out_of_place(left)
        self._receipts = receipts

    def of(self, seq: int) -> RunId:
        """The id of a lost run: that of its increment, or one made for it, always the same."""
        if seq in self._given:
            return self._given[seq]
        later = next(self._receipts[other].run for other in sorted(self._receipts) if other > seq)
        return stand_in_id(later.ref, seq, later.started)


class Certainty:
    """Goes through the runs in order and knows how far the live state is certain."""

    def __init__(
        self, storage: Storage, ref: ProfileRef, receipts: dict[int, Receipt], strays: Strays
    ) -> None:
        self._storage = storage
        self._ref = ref
        self._receipts = receipts
        self._strays = strays
        self._manifests = set(storage.record_numbers(ref).manifests)
        self._head: int | None = None
        self.whole = True
        """The live state is certain."""
        self.left_out: list[int] = []

    def entry(self, seq: int) -> Entry:
        """The entry of that run; to be asked for one after the other."""
        receipt = self._receipts.get(seq)
        if receipt is None:
            return self._lost(seq)
        return replace(self._told(receipt), problems=receipt.problems)

    def _told(self, receipt: Receipt) -> Entry:
        run, manifest = receipt.run, receipt.manifest
        if manifest is None:
            self.whole = receipt.head == self._head
            return Entry(run=run, counted=None, use=Use.PASS, proves=self.whole)
        anchors = manifest.base is None and not self.whole
        certain = manifest.base is None or manifest.base == self._head
        if not certain or not self._intact(manifest.seq, manifest.sha256):
            self.whole = False
            if receipt.counted is not None:
                self.left_out.append(run.seq)
            run = replace(run, made_point=False)
            return Entry(run=run, counted=None, use=Use.PASS, proves=False)
        self.whole, self._head = True, run.seq
        use = Use.ANCHOR if anchors else Use.APPLY
        return Entry(run=run, counted=receipt.counted, use=use, lines=manifest.lines)

    def _lost(self, seq: int) -> Entry:
        run = stand_in(self._ref, seq, self._strays.of(seq), self._started(seq))
        if self.whole and seq in self._manifests and (lines := self._readable(seq)) is not None:
            self._head = seq
            return Entry(run=run, counted=None, use=Use.APPLY, lines=lines)
        self.whole = False
        return Entry(run=run, counted=None, use=Use.PASS)

    def _started(self, seq: int) -> datetime:
        return next(self._receipts[later].run.started for later in sorted(self._receipts) if later > seq)

    def _intact(self, seq: int, digest: str) -> bool:
        try:
            return self._storage.manifest_digest(self._ref, seq) == digest
        except BckError:
            return False

    def _readable(self, seq: int) -> int | None:
        try:
            return sum(1 for _ in self._storage.read_manifest(self._ref, seq))
        except BckError:
            return None


def stand_in(ref: ProfileRef, seq: int, run_id: RunId, finished: datetime) -> Run:
    """A failed run in the place of one of which nothing but its increment is left."""
    return Run(
        id=run_id,
        profile=ref.profile,
        host=ref.host,
        job=JobId(""),
        seq=seq,
        started=run_id_time(run_id),
        finished=finished,
        outcome=RunOutcome.FAILED,
        error_code=LOST,
        error="The receipt of this run is lost. What it displaced is kept.",
    )


def stand_in_id(ref: ProfileRef, seq: int, at: datetime) -> RunId:
    """An id for a run that left nothing; the same for the same place in the history."""
    return new_run_id(at, sha256(f"{ref.host}/{ref.profile}/{seq}".encode()).digest()[:4])


def _out_of_place(runs: list[RunId]) -> StorageError:
    return StorageError(
        f"Nothing tells where in the history these increments belong: {', '.join(runs)}.",
        meaning="Placed wrongly, they would spoil points that are whole. Nothing was changed.",
        advice="Bring .receipts back from a copy of the backup storage.",
    )
