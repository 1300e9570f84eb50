"""Profiles: create, change, switch off, remove."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from bckcore.domain.ids import ProfileId
from bckcore.domain.job import JobStatus
from bckcore.domain.profile import Profile
from bckcore.domain.retention_rules import zone_of
from bckcore.domain.run import ProfileRef
from bckcore.domain.source import require_disjoint
from bckcore.errors import ConflictError, RefusedError
from bckcore.ports.clock import Clock
from bckcore.ports.job_queue import JobQueue
from bckcore.ports.transport import PathFilterFactory
from bckcore.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from bckcore.services.definitions import UNKNOWN
from bckcore.services.filtering import filter_of
from bckcore.services.own_ground import Borders

_UNFINISHED = (JobStatus.QUEUED, JobStatus.RUNNING)
_MANY = 100_000
"""More jobs than ever wait at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptHistory:
    """What there is of a profile beside its plan, in database and storage."""

    ref: ProfileRef
    runs: int
    points: int

    @property
    def places(self) -> tuple[str, ...]:
        """Where it lies below the storage's root; empty if nothing was ever backed up."""
        below = f"{self.ref.host}/{self.ref.profile}"
        return (f"current/{below}", f".history/*/{below}", f".receipts/{below}") if self.runs else ()

    @property
    def way_back(self) -> str:
        """What to do to have it back; empty if there is nothing."""
        if not self.runs:
            return ""
        return (
            f"A profile {self.ref.profile} of {self.ref.host} that is made anew goes on with this history; "
            f"'bck catalog rebuild --profile {self.ref.profile} --yes' brings it back as it was, "
            "switched off. Without a profile nothing is pruned."
        )


class ProfileService:
    """Thread-safe."""

    def __init__(
        self,
        *,
        units: UnitOfWorkFactory,
        filters: PathFilterFactory,
        borders: Borders,
        queue: JobQueue,
        clock: Clock,
    ) -> None:
        self._units = units
        self._filters = filters
        self._borders = borders
        self._queue = queue
        self._clock = clock

    def add(self, profile: Profile) -> Profile:
        """Save a new profile and return it. The history of a removed one of that name goes on.

        Raises ConflictError, also where that history is another host's, NotFoundError (host),
        PathNotAllowedError (outside the host's allow-list, or on this machine around what is the
        installation's own), InvalidInputError (filters, a time zone that this system does not know).
        """
        zone_of(profile.retention.time_zone)
        with self._units() as uow:
            self._check(uow, profile)
            saved = replace(profile, created=self._clock.now())
            uow.profiles.add(saved)
            uow.schedule_states.remove(saved.id)  # older programs left that of a removed one
            _require_own_history(uow, saved)
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

    def remove(self, profile_id: ProfileId) -> KeptHistory:
        """Forget a profile's plan; what is stored of it, and known of that, stays and is told.

        Nothing is pruned any more. :meth:`add` takes the history up again; what its schedule remembered goes:
        the runs tell which due moments are answered. Raises NotFoundError, and
        ConflictError while a job of the profile is queued or running. A job that is asked for at this very
        moment may find no profile and fail.
        """
        for job in self._queue.list(status=_UNFINISHED, limit=_MANY):
            if job.profile == profile_id:
                raise ConflictError(
                    f"A {job.kind.value} of {profile_id} is {job.status.value}: job {job.id}.",
                    advice=f"Wait for it, or stop it (bck cancel {job.id}); then remove the profile.",
                )
        with self._units() as uow:
            kept = _history(uow, uow.profiles.get(profile_id).ref)
            uow.profiles.remove(profile_id)
            uow.schedule_states.remove(profile_id)
            uow.commit()
        return kept

    def history(self, profile: ProfileId) -> KeptHistory:
        """What there is of a profile by now. Raises NotFoundError."""
        with self._units(read_only=True) as uow:
            return _history(uow, uow.profiles.get(profile).ref)

    def _check(self, uow: UnitOfWork, profile: Profile) -> None:
        host = uow.hosts.get(profile.host)
        for source in profile.sources:
            host.require_allowed(source.path)
            self._borders.require_source(host, source.path)
        require_disjoint(profile.sources, host.platform)
        filter_of(profile, host, self._filters)

    def get(self, profile: ProfileId) -> Profile:
        """Raises NotFoundError."""
        with self._units(read_only=True) as uow:
            return uow.profiles.get(profile)

    def list(self) -> Sequence[Profile]:
        """All profiles by name."""
        with self._units(read_only=True) as uow:
            return uow.profiles.list()


def _history(uow: UnitOfWork, ref: ProfileRef) -> KeptHistory:
    last = uow.runs.last(ref.profile)
    points = len(uow.points.list(ref.profile))
    return KeptHistory(ref=ref, runs=last.seq if last else 0, points=points)


def _require_own_history(uow: UnitOfWork, profile: Profile) -> None:
    """Raise ConflictError if runs of that name are another host's: they would be one history of two PCs."""
    last = uow.runs.last(profile.id)
    if last is not None and last.host != profile.host:
        raise ConflictError(
            f"There was a profile {profile.id} of {last.host}, whose backups are still there.",
            meaning=f"One of {profile.host} cannot go on with another host's history. Nothing was changed.",
            advice=f"Take another name, or make the profile for {last.host}.",
        )


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
