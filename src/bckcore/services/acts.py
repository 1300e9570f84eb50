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
from bckcore.ports.clock import Clock
from bckcore.ports.job_queue import Claim
from bckcore.ports.storage import Storage
from bckcore.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory


class Acts:
    """Records acts. The caller holds the profile's storage lock and has let Recovery tidy up under it."""

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

        Once storage has it, it stands: what keeps it from the database (a lost claim, a crash) only puts
        it off to the next start. Raises StoreFullError and StorageError before anything has changed.
        """
        known, after_seq, missed = self._before(ref)
        act = Act(
            profile=ref.profile,
            host=ref.host,
            number=known.number + 1 if known else 1,
            kind=kind,
            at=self._clock.now(),
            by=by,
            reason=reason,
            after_seq=after_seq,
            points=tuple(sorted(set(points))),
            paths=tuple(paths),
            expires=expires,
            previous=digest(encoded(known)) if known else "",
        )
        self._storage.write_act(act)
        with self._units() as uow:
            for one in (*missed, act):
                apply_act(uow, one)
            uow.commit(claim=claim)
        return act

    def _before(self, ref: ProfileRef) -> tuple[Act | None, int, list[Act]]:
        """The newest act, the number of the newest finished run, and the acts the database missed."""
        with self._units(read_only=True) as uow:
            last = uow.runs.last(ref.profile)
            known = uow.acts.last(ref.profile)
        found = [act for act, _ in self._storage.acts(ref, after=max(known - 1, 0))]
        missed = [act for act in found if act.number > known]
        after_seq = 0 if last is None else last.seq if last.outcome is not None else last.seq - 1
        return (found[-1] if found else None), after_seq, missed


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
    raise NotImplementedError("forgetting paths")


_EFFECTS: dict[ActKind, Callable[[UnitOfWork, Act], None]] = {
    ActKind.PRUNE: _prune,
    ActKind.HOLD: _hold,
    ActKind.RELEASE: _release,
    ActKind.FORGET: _forget,
}
