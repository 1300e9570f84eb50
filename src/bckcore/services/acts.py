"""Acts: the one place that writes down what is done to a history on purpose, and gives it its effect.

Storage first, then the database, as with runs: an act that a crash kept from the database is entered by
:meth:`bckcore.services.ledger.Ledger.catch_up`, and by a rebuild, with the very same effect.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from bckcore.domain.act import Act, ActKind, digest, encoded
from bckcore.domain.hold import Hold
from bckcore.domain.ids import SourceName
from bckcore.domain.paths import RelPath
from bckcore.domain.run import ProfileRef
from bckcore.errors import StorageError, StoreBusyError
from bckcore.ports.catalog import UNCOUNTED, SourceState
from bckcore.ports.clock import Clock
from bckcore.ports.job_queue import Claim
from bckcore.ports.storage import Storage
from bckcore.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory


class Acts:
    """Records acts. For one that moves files the caller holds the profile's storage lock."""

    def __init__(self, *, units: UnitOfWorkFactory, storage: Storage, clock: Clock) -> None:
        self._units = units
        self._storage = storage
        self._clock = clock

    def record(
        self,
        ref: ProfileRef,
        kind: ActKind,
        *,
        by: str,
        reason: str,
        points: Sequence[int] = (),
        paths: Sequence[tuple[SourceName, RelPath]] = (),
        expires: datetime | None = None,
        claim: Claim | None = None,
    ) -> Act:
        """Write the act durably, then give it its effect in the database, in one unit of work.

        With a claim, only if that holds and its job is still wanted, else LeaseLostError or JobCancelledError
        and nothing is written. Once storage has it, it stands: a crash that keeps it from the database only
        puts it off to the next start.
        Raises StoreFullError and StorageError before anything has changed.
        """
        with self._units() as uow:
            uow.hold(claim, wanted=True)
            act = self.record_in(
                uow, ref, kind, by=by, reason=reason, points=points, paths=paths, expires=expires
            )
            uow.commit(claim=claim)
        return act

    def record_in(
        self,
        uow: UnitOfWork,
        ref: ProfileRef,
        kind: ActKind,
        *,
        by: str,
        reason: str,
        points: Sequence[int] = (),
        paths: Sequence[tuple[SourceName, RelPath]] = (),
        expires: datetime | None = None,
    ) -> Act:
        """The same inside a writing unit, which the caller commits right afterwards.

        A writing unit excludes every other writer: what was decided inside it still holds, and no number
        is taken twice, also without the storage lock. What the database refuses never gets into storage.
        """
        known = self.caught_up(uow, ref)
        act = Act(
            profile=ref.profile,
            host=ref.host,
            number=known.number + 1 if known else 1,
            kind=kind,
            at=self._clock.now(),
            by=by,
            reason=reason,
            after_seq=_newest_finished(uow, ref),
            points=tuple(sorted(set(points))),
            paths=tuple(paths),
            expires=expires,
            previous=digest(encoded(known)) if known else "",
        )
        apply_act(uow, act)
        uow.hold()  # for the claim, if there is one, that the thread works under: see Fence
        self._storage.write_act(act)
        return act

    def caught_up(self, uow: UnitOfWork, ref: ProfileRef) -> Act | None:
        """Enter the acts that the database missed; return the newest. Raises StorageError."""
        known = uow.acts.last(ref.profile)
        found = [act for act, _ in self._storage.acts(ref, after=max(known - 1, 0))]
        if known and (not found or found[0].number != known):
            raise StorageError(
                f"The storage holds no act {known} of {ref.profile}, which the database knows.",
                meaning="It is another storage, or files are missing. Nothing was changed.",
                advice="Bring the right storage back.",
            )
        newest = _newest_finished(uow, ref)
        for act in found:
            if act.after_seq > newest:
                raise _behind(ref)
            if act.number > known:
                apply_act(uow, act)
        if self._storage.record_numbers(ref).receipts[-1:] > (newest,):
            raise _behind(ref)
        return found[-1] if found else None


def _behind(ref: ProfileRef) -> StoreBusyError:
    """An act must not come before a run that storage has: replayed, it would have another effect."""
    return StoreBusyError(
        f"The database does not know everything yet that the storage tells of {ref.profile}.",
        meaning="A run is just being entered, or a rebuild is going on. Nothing was changed.",
        advice="Try again in a moment. If it stays so, the next backup or restore brings it up to date.",
    )


def _newest_finished(uow: UnitOfWork, ref: ProfileRef) -> int:
    last = uow.runs.last(ref.profile)
    return 0 if last is None else last.seq if last.outcome is not None else last.seq - 1


def apply_act(uow: UnitOfWork, act: Act) -> None:
    """Enter the act and its effect; live and in replay alike. The same act again changes nothing."""
    uow.acts.add(act)
    _EFFECTS[act.kind](uow, act)


def _prune(uow: UnitOfWork, act: Act) -> None:
    for seq in act.points:
        uow.points.forget(act.profile, seq)
        uow.holds.remove(act.profile, seq)
    uow.catalog.compact(act.profile, [point.seq for point in uow.points.list(act.profile)])


def _hold(uow: UnitOfWork, act: Act) -> None:
    for seq in act.points:
        uow.holds.put(
            Hold(
                profile=act.profile,
                seq=seq,
                reason=act.reason,
                owner=act.by,
                created=act.at,
                expires=act.expires,
            )
        )


def _release(uow: UnitOfWork, act: Act) -> None:
    for seq in act.points:
        uow.holds.remove(act.profile, seq)


def _forget(uow: UnitOfWork, act: Act) -> None:
    """What was known before the act goes; whoever starts next counts the sources anew (Replay.recount)."""
    for source, path in act.paths:
        uow.catalog.drop_below(act.profile, source, path, up_to_seq=act.after_seq)
        uow.catalog.save_source_state(act.profile, SourceState(source=source, paths=UNCOUNTED))


_EFFECTS: dict[ActKind, Callable[[UnitOfWork, Act], None]] = {
    ActKind.PRUNE: _prune,
    ActKind.HOLD: _hold,
    ActKind.RELEASE: _release,
    ActKind.FORGET: _forget,
}
