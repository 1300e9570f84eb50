"""Holds: keep a restore point whatever the retention policy says, and let go of it again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bckcore.domain.act import ActKind
from bckcore.domain.hold import Hold
from bckcore.domain.ids import ProfileId
from bckcore.domain.restore_point import RestorePoint
from bckcore.errors import ConflictError, InvalidInputError, NotFoundError
from bckcore.ports.clock import Clock
from bckcore.ports.storage import Storage
from bckcore.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from bckcore.services.acts import Acts
from bckcore.services.points import chosen_point
from bckcore.services.recovery import Recovery

LONGEST_HOLD = timedelta(days=36_500)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPoint:
    """A hold, the point it is on, and whether it still holds."""

    hold: Hold
    point: RestorePoint
    active: bool
    """False once it has expired."""


class HoldService:
    """Thread-safe. It waits for no storage lock: a point can be held while a backup runs."""

    def __init__(
        self, *, units: UnitOfWorkFactory, storage: Storage, recovery: Recovery, clock: Clock
    ) -> None:
        self._units = units
        self._recovery = recovery
        self._clock = clock
        self._acts = Acts(units=units, storage=storage, clock=clock)

    def list(self, profile: ProfileId) -> Sequence[HeldPoint]:
        """All holds by number of their point, expired ones included. Raises NotFoundError."""
        with self._units(read_only=True) as uow:
            uow.profiles.get(profile)
            return self._held(uow, profile)

    def hold(
        self, profile_id: ProfileId, point: str, *, reason: str, owner: str, expires: datetime | None = None
    ) -> HeldPoint:
        """Keep a point, named as for a restore, until ``expires`` or a release; durable on return.

        An expired hold on it is replaced. Raises NotFoundError, InvalidInputError (no reason, an end
        that is past), ConflictError (it is held already), StorageError, StoreFullError.
        """
        with self._units(read_only=True) as uow:
            ref = uow.profiles.get(profile_id).ref
        self._recovery.require_own_storage(ref)
        with self._units() as uow:
            self._acts.caught_up(uow, ref)
            chosen = _chosen(uow, profile_id, point)
            wanted = Hold(
                profile=profile_id,
                seq=chosen.seq,
                reason=reason,
                owner=owner,
                created=self._clock.now(),
                expires=expires,
            )
            _require_sense(wanted, [one for one in self._held(uow, profile_id) if one.active])
            self._acts.record_in(
                uow, ref, ActKind.HOLD, by=owner, reason=reason, points=[chosen.seq], expires=expires
            )
            held = self._of_point(uow, chosen)
            uow.commit()
        return held

    def release(self, profile_id: ProfileId, point: str, *, by: str, reason: str = "") -> HeldPoint:
        """End the hold on a point; return what it was. The policy decides about the point from now on.

        Raises NotFoundError (no such point, or not held), StorageError, StoreFullError.
        """
        with self._units(read_only=True) as uow:
            ref = uow.profiles.get(profile_id).ref
        self._recovery.require_own_storage(ref)
        with self._units() as uow:
            self._acts.caught_up(uow, ref)
            held = self._of_point(uow, _chosen(uow, profile_id, point))
            self._acts.record_in(uow, ref, ActKind.RELEASE, by=by, reason=reason, points=[held.hold.seq])
            uow.commit()
        return held

    def _held(self, uow: UnitOfWork, profile: ProfileId) -> Sequence[HeldPoint]:
        now, points = self._clock.now(), {point.seq: point for point in uow.points.list(profile)}
        return [
            HeldPoint(hold=hold, point=points[hold.seq], active=hold.active(now))
            for hold in uow.holds.list(profile)
            if hold.seq in points
        ]

    def _of_point(self, uow: UnitOfWork, point: RestorePoint) -> HeldPoint:
        for held in self._held(uow, point.profile):
            if held.point.seq == point.seq:
                return held
        raise NotFoundError(
            f"Point {point.run_id} is not held.", advice=f"List the holds with: bck holds {point.profile}"
        )


def _require_sense(wanted: Hold, active: Sequence[HeldPoint]) -> None:
    """Raise unless the hold says something new about the time to come."""
    if wanted.expires is not None and not wanted.active(wanted.created):
        raise InvalidInputError(
            "The hold would end in the past.",
            advice="Give a later time, or none to hold until it is released.",
        )
    if wanted.expires is not None and wanted.expires - wanted.created > LONGEST_HOLD:
        raise InvalidInputError(
            f"A hold that ends lasts at most {LONGEST_HOLD.days} days.",
            advice="Give no end to hold until it is released.",
        )
    for one in active:
        if one.hold.seq == wanted.seq:
            raise ConflictError(
                f"Point {one.point.run_id} is already {one.hold.text}",
                advice=f"Release it first: bck release {wanted.profile} {one.point.run_id}",
            )


def _chosen(uow: UnitOfWork, profile: ProfileId, point: str) -> RestorePoint:
    zone = uow.profiles.get(profile).retention.time_zone
    return chosen_point(uow.points.list(profile), point, zone=zone)
