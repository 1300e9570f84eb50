"""Salvage: what is still certain of a history whose records are damaged, and what is not.

A manifest tells changes against an earlier one. Where one is lost, the points from there on are not
certain until the next full manifest says again what there was; points before it are. A receipt that is
lost alone costs its own point only. A lost act may have been a prune: of the points it may have taken,
those stay whose own increment stands, which prune would have moved away.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from bckcore.domain.act import Act, ActKind, digest, encoded
from bckcore.domain.ids import RunId
from bckcore.domain.manifest import FULL_EVERY
from bckcore.domain.receipt import Receipt
from bckcore.domain.restore_point import Counted, RestorePoint
from bckcore.domain.run import ProfileRef
from bckcore.errors import NotFoundError, StorageError
from bckcore.ports.clock import Clock
from bckcore.ports.storage import Storage
from bckcore.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from bckcore.services.acts import Acts
from bckcore.services.certainty import LOST, Certainty, Strays, stand_in, stand_in_id
from bckcore.services.chronicle import Entry, Event, Use

BY = "rebuild from damaged records"


@dataclass(frozen=True, slots=True, kw_only=True)
class _LostAct:
    """An act that is lost, and the newest run it may have come after."""

    number: int
    up_to_seq: int


class Salvage:
    """One profile's. Call :meth:`prepare`, enter :meth:`events`, call :meth:`finish`; under the lock."""

    def __init__(self, *, units: UnitOfWorkFactory, storage: Storage, clock: Clock, ref: ProfileRef) -> None:
        self._units = units
        self._storage = storage
        self._clock = clock
        self._ref = ref
        self._entries: list[Entry] = []
        self._acts: list[Act] = []
        self._lost_acts: list[_LostAct] = []
        self._known_acts = 0
        self._left_out: list[int] = []
        self._lost_receipts: list[int] = []

    def prepare(self) -> None:
        """Find out what is certain, and make storage ready to go on; the database is not touched.

        Unreadable records after the last readable one are set aside, and where the newest state is not
        certain, or runs after that one left increments, receipts of failed runs are written: the next
        run then compares every path and writes a full manifest. Raises StoreFullError, StorageError.
        """
        receipts = self._receipts()
        self._read_acts(receipts)
        strays = Strays(self._storage.increments(self._ref), receipts)
        certainty = Certainty(self._storage, self._ref, receipts, strays)
        self._entries = [certainty.entry(seq) for seq in range(1, max(receipts, default=0) + 1)]
        self._left_out = certainty.left_out
        self._lost_receipts = [seq for seq in range(1, max(receipts, default=0)) if seq not in receipts]
        self._set_aside(max(receipts, default=0))
        last = receipts.get(max(receipts, default=0))
        if strays.after_all or not (certainty.whole or _says_lost(last)):
            self._go_on(last, strays.after_all, certain=certainty.whole)

    def events(self) -> Iterator[Event]:
        """What is certain, in true order."""
        acts = iter(self._acts)
        act = next(acts, None)
        for entry in self._entries:
            while act is not None and act.after_seq < entry.run.seq:
                yield act
                act = next(acts, None)
            yield entry
        if act is not None:
            yield act
            yield from acts

    def finish(self) -> list[str]:
        """Leave out the points that a lost act may have taken; say what is lost."""
        notes = []
        if self._lost_receipts:
            told = ", ".join(map(str, self._lost_receipts))
            notes.append(f"Left out, because their receipts are lost: runs {told} and the points they made.")
        if self._left_out:
            told = ", ".join(map(str, self._left_out))
            notes.append(f"Left out, because what tells their files is damaged: points {told}.")
        with self._units(read_only=True) as uow:
            doubtful = self._doubtful(uow)
        if doubtful:
            lost = ", ".join(str(act.number) for act in self._lost_acts)
            Acts(units=self._units, storage=self._storage, clock=self._clock).record(
                self._ref,
                ActKind.PRUNE,
                by=BY,
                reason=f"Acts {lost} are lost and may have pruned them.",
                points=[point.seq for point in doubtful],
            )
        if self._lost_acts:
            told = ", ".join(str(lost.number) for lost in self._lost_acts)
            notes.append(f"Acts {told} are lost: see with 'bck points' whether holds have to be set again.")
        if doubtful:
            told = ", ".join(str(point.seq) for point in doubtful)
            notes.append(f"Left out, because a lost act may have pruned them: points {told}.")
        return notes

    # --- what is there -----------------------------------------------------------------------------

    def _receipts(self) -> dict[int, Receipt]:
        numbers = self._storage.record_numbers(self._ref).receipts
        return {seq: receipt for seq in numbers if (receipt := self._receipt(seq)) is not None}

    def _receipt(self, seq: int) -> Receipt | None:
        try:
            return self._storage.read_receipt(self._ref, seq)[0]
        except (StorageError, NotFoundError):
            return None

    def _read_acts(self, receipts: dict[int, Receipt]) -> None:
        numbers = self._storage.record_numbers(self._ref).acts
        found: dict[int, Act] = {}
        for number in numbers:
            try:
                found[number] = self._storage.read_act(self._ref, number)[0]
            except (StorageError, NotFoundError):
                continue
        last = max([*found, *(receipt.acts for receipt in receipts.values())], default=0)
        lost = [number for number in range(1, last + 1) if number not in found]
        lost += [number for number in numbers if number > last]
        for number in lost:
            later = [found[other].after_seq for other in found if other > number]
            later += [seq - 1 for seq, receipt in receipts.items() if receipt.acts >= number]
            up_to = min(later, default=max(receipts, default=0))
            self._lost_acts.append(_LostAct(number=number, up_to_seq=up_to))
        self._acts = [found[number] for number in sorted(found)]
        self._known_acts = last

    # --- what storage needs to go on -----------------------------------------------------------------

    def _go_on(self, last: Receipt | None, runs: list[RunId], *, certain: bool) -> None:
        seq = last.run.seq if last else 0
        runs = runs or [stand_in_id(self._ref, seq + 1, self._clock.now())]
        depth = (last.depth if last else 0) if certain else FULL_EVERY
        previous = self._storage.read_receipt(self._ref, seq)[1] if last else ""
        for run_id in runs:
            seq += 1
            run = stand_in(self._ref, seq, run_id, self._clock.now())
            receipt = Receipt(
                run=run,
                counted=None,
                manifest=None,
                head=last.head if last else None,
                depth=depth,
                filters=(),
                previous=previous,
            )
            previous = self._storage.write_receipt(receipt)
            self._entries.append(Entry(run=run, counted=None, use=Use.PASS))

    def _set_aside(self, newest: int) -> None:
        """Free the numbers that come next of what stands there unreadable; fill those that receipts know."""
        numbers = self._storage.record_numbers(self._ref)
        for seq in (seq for seq in numbers.receipts if seq > newest):
            self._storage.set_aside(self._ref, receipt=seq)
        last = self._acts[-1].number if self._acts else 0
        for number in (number for number in numbers.acts if number > last):
            self._storage.set_aside(self._ref, act=number)
        for lost in self._lost_acts:
            if last < lost.number <= self._known_acts:
                self._fill(lost)

    def _fill(self, lost: _LostAct) -> None:
        """An act without effect in the place of a lost one, so that the next can build on it."""
        before = self._acts[-1] if self._acts else None
        act = Act(
            profile=self._ref.profile,
            host=self._ref.host,
            number=lost.number,
            kind=ActKind.RELEASE,
            at=self._clock.now(),
            by=BY,
            reason="The record of what was done here is lost.",
            after_seq=max(lost.up_to_seq, before.after_seq if before else 0),
            previous=digest(encoded(before)) if before else "",
        )
        self._storage.write_act(act)
        self._acts.append(act)

    def _doubtful(self, uow: UnitOfWork) -> list[RestorePoint]:
        if not self._lost_acts:
            return []
        points = uow.points.list(self._ref.profile)
        up_to = max(lost.up_to_seq for lost in self._lost_acts)
        counted = [point for point in points if point.counted is Counted.COUNTED and point.seq <= up_to]
        newest = counted[-1].seq if counted else 0  # prune never takes the newest good point
        standing = set(self._storage.increments(self._ref))
        first = self._lost_acts[0].number
        holds = [act for act in self._acts if act.kind is ActKind.HOLD and act.number > first]
        certain = {newest, *(seq for act in holds for seq in act.points)}
        runs = {run.seq: run.id for run in uow.runs.list(self._ref.profile)}
        doubtful: list[RestorePoint] = []
        for point in points:
            # Prune moves away the own increment of a point that it takes. The first of all points may have
            # none; but had it gone, the increment after it would have been the first to be freed.
            own = point.run_id in standing
            own = own or (point is points[0] and runs.get(point.seq + 1) in standing)
            if point.seq <= up_to and point.seq not in certain and not own:
                doubtful.append(point)
        return doubtful


def _says_lost(receipt: Receipt | None) -> bool:
    return receipt is not None and receipt.run.error_code == LOST and receipt.depth >= FULL_EVERY
