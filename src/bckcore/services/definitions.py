"""Definitions: hosts and profiles kept beside the receipts, and brought back from there."""

from dataclasses import replace

from bckcore.domain.host import Host
from bckcore.domain.ids import SourceName
from bckcore.domain.plan import Plan, decoded, encoded
from bckcore.domain.profile import Profile
from bckcore.domain.run import ProfileRef
from bckcore.domain.source import Source
from bckcore.errors import ConflictError, NotFoundError, StorageError
from bckcore.ports.clock import Clock
from bckcore.ports.storage import Storage
from bckcore.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory

UNKNOWN = "/unknown"
"""Below it stand sources of which only the name is known. No host allows it, so no backup reads it."""


class Definitions:
    """Writes a profile's plan to storage, and makes profiles from plans. Under the storage lock."""

    def __init__(self, *, units: UnitOfWorkFactory, storage: Storage, clock: Clock) -> None:
        self._units = units
        self._storage = storage
        self._clock = clock

    def keep(self, profile: Profile, host: Host) -> None:
        """Write the plan, if it differs from the one that stands there. Raises StoreFullError.

        Owners are left out: accounts are not in the storage, so a name there would be anybody's.
        """
        raw = encoded(Plan(host=replace(host, owners=()), profile=profile))
        if self._storage.read_plan(profile.ref) != raw:
            self._storage.write_plan(profile.ref, raw)

    def require_free(self, ref: ProfileRef) -> None:
        """Raise ConflictError if the database has a profile of that name on another host."""
        with self._units(read_only=True) as uow:
            profile = _profile(uow, ref)
        if profile is not None and profile.host != ref.host:
            raise ConflictError(
                f"The storage has a {ref.profile} of {ref.host}; this database has one of {profile.host}.",
                meaning="Both cannot bear the same name in one database. Nothing was changed.",
                advice=f"Keep the one on {profile.host} here, and rebuild the other in another BCK_HOME.",
            )

    def bring_back(self, ref: ProfileRef) -> list[str]:
        """Add host and profile where the database lacks them, switched off; tell what to look at."""
        with self._units() as uow:
            if _profile(uow, ref) is not None:
                return []
            plan, notes = self._plan(uow, ref)
            if plan is None:
                return notes
            if _host(uow, ref) is None:
                uow.hosts.add(plan.host)
                where = plan.host.address or f"transport {plan.host.transport}"
                notes.append(f"The host {ref.host} was added as it was ({where}).")
            uow.profiles.add(replace(plan.profile, enabled=False))
            uow.commit()
        look = f"Look at it (bck profile show {ref.profile}), then: bck profile set {ref.profile} --enable."
        return [*notes, f"The profile {ref.profile} was added, switched off. {look}"]

    def _plan(self, uow: UnitOfWork, ref: ProfileRef) -> tuple[Plan | None, list[str]]:
        raw = self._storage.read_plan(ref)
        try:
            plan = decoded(raw) if raw is not None else None
        except StorageError as error:
            plan, notes = None, [f"The plan of {ref.profile} is passed over: {error.what}"]
        else:
            notes = []
        if plan is not None and plan.profile.ref == ref and plan.host.id == ref.host:
            return plan, notes
        names = tuple(uow.catalog.source_states(ref.profile))
        if not names:
            return None, [*notes, f"Nothing tells what {ref.profile} is to back up: add it by hand."]
        notes.append(
            f"Nothing tells where the sources of {ref.profile} lie on {ref.host}: {', '.join(names)}. "
            f"Restores work; before a backup can run: bck host set {ref.host} --address … --allow …, and "
            f"bck profile set {ref.profile} --source NAME=PATH for each."
        )
        return self._guessed(ref, names), notes

    def _guessed(self, ref: ProfileRef, names: tuple[SourceName, ...]) -> Plan:
        sources = tuple(Source(name=name, path=f"{UNKNOWN}/{name}") for name in names)
        profile = Profile(id=ref.profile, host=ref.host, sources=sources, created=self._clock.now())
        return Plan(host=Host(id=ref.host, address=""), profile=profile)


def _profile(uow: UnitOfWork, ref: ProfileRef) -> Profile | None:
    try:
        return uow.profiles.get(ref.profile)
    except NotFoundError:
        return None


def _host(uow: UnitOfWork, ref: ProfileRef) -> Host | None:
    try:
        return uow.hosts.get(ref.host)
    except NotFoundError:
        return None
