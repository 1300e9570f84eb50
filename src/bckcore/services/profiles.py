"""Profiles: create, change, switch off."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from bckcore.domain.ids import ProfileId
from bckcore.domain.profile import Profile
from bckcore.domain.retention_rules import zone_of
from bckcore.errors import RefusedError
from bckcore.ports.clock import Clock
from bckcore.ports.transport import PathFilterFactory
from bckcore.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from bckcore.services.definitions import UNKNOWN


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

    def change(self, profile: Profile, *, repoint: Collection[str] = ()) -> Profile:
        """Replace a profile's plan. Its host stays: another one would be another set of files.

        Raises RefusedError where a source that was backed up would lead to another folder and is not named
        in ``repoint``.
        """
        with self._units() as uow:
            before = uow.profiles.get(profile.id)
            if profile.retention.time_zone != before.retention.time_zone:
                zone_of(profile.retention.time_zone)
            saved = replace(profile, host=before.host, created=before.created)
            self._check(uow, saved)
            if uow.runs.last(profile.id) is not None:
                _require_same_folders(before, saved, repoint)
            uow.profiles.update(saved)
            uow.commit()
        return saved

    def _check(self, uow: UnitOfWork, profile: Profile) -> None:
        host = uow.hosts.get(profile.host)
        for source in profile.sources:
            host.require_allowed(source.path)
        self._filters(profile.excludes)

    def get(self, profile: ProfileId) -> Profile:
        """Raises NotFoundError."""
        with self._units(read_only=True) as uow:
            return uow.profiles.get(profile)

    def list(self) -> Sequence[Profile]:
        """All profiles by name."""
        with self._units(read_only=True) as uow:
            return uow.profiles.list()


def _require_same_folders(before: Profile, after: Profile, repoint: Collection[str]) -> None:
    """A name stands for one folder, from its first run on; where that was lost, anybody may say it anew."""
    places = {source.name: source.path for source in before.sources}
    for source in after.sources:
        old = places.get(source.name, source.path)
        if old == source.path or source.name in repoint or old.startswith(f"{UNKNOWN}/"):
            continue
        raise RefusedError(
            f"The source {source.name} of {after.id} is the folder {old}; {source.path} is another one.",
            meaning=f"The next backup would take all of {old} that is not in {source.path} for deleted, and "
            "mix both histories. Nothing was changed.",
            advice=f"Take a new name for the new folder: NAME={source.path}. If the same folder was moved: "
            f"bck profile set {after.id} … --repoint {source.name}",
        )
