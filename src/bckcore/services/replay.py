"""Replay: enter into the database what storage tells, event by event, as it was entered live."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

from bckcore.domain.act import Act
from bckcore.domain.file_version import EntryKind
from bckcore.domain.ids import ProfileId, SourceName
from bckcore.domain.manifest import Change
from bckcore.domain.restore_point import Counted, RestorePoint
from bckcore.domain.run import ProfileRef, Run, RunKind, RunOutcome
from bckcore.domain.run_problem import RunProblem
from bckcore.errors import NotFoundError, StorageError
from bckcore.ports.catalog import UNCOUNTED, Catalog, SourceState
from bckcore.ports.storage import Storage
from bckcore.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from bckcore.services.acts import apply_act
from bckcore.services.anchor import anchoring
from bckcore.services.chronicle import Entry, Event, Use
from bckcore.services.device_starts import too_soon
from bckcore.services.fingerprint import fingerprint
from bckcore.services.old_problems import drop_of

LINES_AT_ONCE = 20_000
EVENTS_AT_ONCE = 500
Told = Callable[[int], None]
"""Called after each transaction with how many events have been entered so far."""


class Replay:
    """Enters events. The caller holds the profile's storage lock."""

    def __init__(self, *, units: UnitOfWorkFactory, storage: Storage) -> None:
        self._units = units
        self._storage = storage

    def enter(self, events: Iterable[Event], told: Told = lambda _: None) -> int:
        """Enter the events, a bounded number in each transaction; return how many there were.

        Cut anywhere, the database holds a beginning of the history, and the rest can be entered later.
        Source states are left uncounted: call :meth:`settle` at the end.
        """
        entered = 0
        for batch in _batches(events):
            with self._units() as uow:
                for event in batch:
                    self._enter(uow, event)
                for profile in {_owner(event) for event in batch}:
                    drop_of(uow, profile)
                uow.commit()
            entered += len(batch)
            told(entered)
        return entered

    def settle(self, ref: ProfileRef) -> None:
        """Count what was left uncounted, and note which increments stand no more. Safe to repeat."""
        self.recount(ref)
        self._note_removed(ref)

    def recount(self, ref: ProfileRef) -> None:
        """Count every source state that is uncounted; nothing to do costs one small query."""
        with self._units(read_only=True) as uow:
            states = uow.catalog.source_states(ref.profile)
            last = uow.runs.last(ref.profile)
            seq = last.seq if last else 0
            counted = [
                counted_state(uow.catalog, ref.profile, seq, name)
                for name, state in states.items()
                if state.paths == UNCOUNTED
            ]
        if counted:
            with self._units() as uow:
                for state in counted:
                    uow.catalog.save_source_state(ref.profile, state)
                uow.commit()

    def _note_removed(self, ref: ProfileRef) -> None:
        """Increments that were merged away or freed, as far as that can be told.

        One that never held anything looks the same. It must go on counting where its run is a kept
        point, or what comes from before that point could be merged to behind it.
        """
        standing = set(self._storage.increments(ref))
        with self._units(read_only=True) as uow:
            kept = {point.seq for point in uow.points.list(ref.profile)}
            gone = [
                run.id
                for run in uow.runs.increments(ref.profile)
                if run.id not in standing and run.outcome is not None and not _needed(run.seq, kept)
            ]
        if not gone:
            return
        self._storage.settle(ref)  # what a prune that was cut off moved may not be on the disk yet
        with self._units() as uow:
            for removed in gone:
                uow.runs.increment_removed(removed)
            uow.commit()

    def _enter(self, uow: UnitOfWork, event: Event) -> None:
        if isinstance(event, Act):
            apply_act(uow, event)
        else:
            self._enter_entry(uow, event)

    def _enter_entry(self, uow: UnitOfWork, entry: Entry) -> None:
        run = entry.run
        touched: set[SourceName] = set()
        if entry.use is not Use.PASS:
            anchored = entry.use is Use.ANCHOR
            read = anchoring(uow.catalog, self._storage, run) if anchored else self._changes(run)
            uow.catalog.apply(run.profile, run.seq, _noting(read, touched))
        states = uow.catalog.source_states(run.profile)
        for name in sorted({*states, *touched}):
            state = replace(states.get(name, SourceState(source=name)), interrupted=True)
            if name in touched:
                state = SourceState(source=name, paths=UNCOUNTED)
            uow.catalog.save_source_state(run.profile, state)
        enter_run(uow, run, entry.counted, proves=entry.proves, problems=entry.problems)

    def _changes(self, run: Run) -> Iterator[Change]:
        return self._storage.read_manifest(run.ref, run.seq)


def enter_run(
    uow: UnitOfWork,
    run: Run,
    counted: Counted | None,
    *,
    proves: bool = True,
    problems: Sequence[RunProblem] = (),
) -> None:
    """Enter a run that is over, with its point, or with what it proved of the newest one."""
    try:
        uow.runs.get(run.id)
    except NotFoundError:
        uow.runs.add(run)
    else:
        uow.runs.update(run)
    if problems:
        uow.runs.keep_problems(run.profile, run.seq, problems)
    if counted is not None:
        uow.points.add(_point(run, counted))
    elif proves and run.outcome is RunOutcome.SUCCEEDED and run.kind is RunKind.BACKUP:
        _prove_newest(uow, run)


def _prove_newest(uow: UnitOfWork, run: Run) -> None:
    newest = uow.points.newest(run.profile)
    if newest is None or run.finished is None:
        return
    unproved = newest.counted in (Counted.WEAK, Counted.EXTRA)  # everything was read now: it is as this says
    if unproved and not too_soon(uow.points.list(run.profile), run.started):
        uow.points.add(replace(newest, counted=Counted.COUNTED))
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


def _needed(seq: int, kept: AbstractSet[int]) -> bool:
    return seq in kept and min(kept) < seq


def _noting(changes: Iterator[Change], touched: set[SourceName]) -> Iterator[Change]:
    for change in changes:
        touched.add(change.source)
        yield change


def _owner(event: Event) -> ProfileId:
    return event.profile if isinstance(event, Act) else event.run.profile


def _batches(events: Iterable[Event]) -> Iterator[Sequence[Event]]:
    batch: list[Event] = []
    lines = 0
    for event in events:
        batch.append(event)
        lines += event.lines if isinstance(event, Entry) else 0
        if lines >= LINES_AT_ONCE or len(batch) >= EVENTS_AT_ONCE:
            yield batch
            batch, lines = [], 0
    if batch:
        yield batch


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
