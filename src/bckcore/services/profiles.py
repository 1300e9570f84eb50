"""Profiles: create, change, switch off."""

from collections.abc import Sequence
from dataclasses import replace

from bckcore.domain.ids import ProfileId
from bckcore.domain.profile import Profile
from bckcore.domain.retention_rules import zone_of
from bckcore.ports.clock import Clock
from bckcore.ports.transport import PathFilterFactory
from bckcore.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from bckcore.services.filtering import filter_of


class ProfileService:
    """Thread-safe."""

    def __init__(self, *, units: UnitOfWorkFactory, filters: PathFilterFactory, clock: Clock) -> None:
        self._units = units
        self._filters = filters
        self._clock = clock

    def add(self, profile: Profile) -> Profile:
        """Save a new profile and return it.

        Raises ConflictError, NotFoundError (host), PathNotAllowedError, InvalidInputError (filters, a
        time zone that this system does not know).
        """
        zone_of(profile.retention.time_zone)
        with self._units() as uow:
            self._check(uow, profile)
            saved = replace(profile, created=self._clock.now())
            uow.profiles.add(saved)
            uow.commit()
        return saved

    def change(self, profile: Profile) -> Profile:
        """Replace a profile's plan. Its host stays: another one would be another set of files."""
        with self._units() as uow:
            before = uow.profiles.get(profile.id)
            if profile.retention.time_zone != before.retention.time_zone:
                zone_of(profile.retention.time_zone)
            saved = replace(profile, host=before.host, created=before.created)
            self._check(uow, saved)
            uow.profiles.update(saved)
            uow.commit()
        return saved

    def _check(self, uow: UnitOfWork, profile: Profile) -> None:
        host = uow.hosts.get(profile.host)
        for source in profile.sources:
            host.require_allowed(source.path)
        filter_of(profile, host, self._filters)

    def get(self, profile: ProfileId) -> Profile:
        """Raises NotFoundError."""
        with self._units(read_only=True) as uow:
            return uow.profiles.get(profile)

    def list(self) -> Sequence[Profile]:
        """All profiles by name."""
        with self._units(read_only=True) as uow:
            return uow.profiles.list()
