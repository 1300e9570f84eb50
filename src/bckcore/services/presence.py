"""Presence: take a host's word about itself, for some minutes."""

from dataclasses import dataclass
from datetime import timedelta

from bckcore.domain.ids import HostId
from bckcore.domain.presence import Presence
from bckcore.errors import InvalidInputError
from bckcore.ports.clock import Clock
from bckcore.ports.unit_of_work import UnitOfWorkFactory

USUAL_MINUTES, LONGEST_MINUTES = 10, 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """What a host says. None: it does not know."""

    awake: bool = True
    on_mains: bool | None = None
    unmetered: bool | None = None
    idle: bool | None = None
    minutes: int = USUAL_MINUTES
    """For how long it counts, unless another one comes."""


class PresenceService:
    """Thread-safe."""

    def __init__(self, *, units: UnitOfWorkFactory, clock: Clock) -> None:
        self._units = units
        self._clock = clock

    def heard(self, host: HostId, sign: Sign) -> Presence:
        """Keep a host's newest sign of life. Raises NotFoundError, InvalidInputError."""
        if not 1 <= sign.minutes <= LONGEST_MINUTES:
            raise InvalidInputError(f"A sign of life counts for 1 to {LONGEST_MINUTES} minutes.")
        now = self._clock.now()
        told = Presence(
            host=host,
            at=now,
            expires=now + timedelta(minutes=sign.minutes),
            since=now,
            awake=sign.awake,
            on_mains=sign.on_mains,
            unmetered=sign.unmetered,
            idle=sign.idle,
        )
        with self._units() as uow:
            uow.hosts.get(host)
            presence = told.following(uow.presences.get(host))
            uow.presences.put(presence)
            uow.commit()
        return presence
