"""Restorable: a point of a profile, held still so that its files can be read."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from bckcore.domain.ids import ProfileId, RunId, SourceName
from bckcore.domain.paths import ROOT, RelPath
from bckcore.domain.profile import Profile
from bckcore.domain.restore_point import RestorePoint
from bckcore.ports.extraction import Wanted
from bckcore.ports.storage import ProfileLock, Storage
from bckcore.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from bckcore.services.points import chosen_point
from bckcore.services.recovery import Recovery
from bckcore.services.selection import Selection, selected_paths, there
from bckcore.services.wanted import WantedPaths

Blocked = Callable[[RelPath], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPoint:
    """What was asked for of a point. Valid as long as it is held."""

    profile: Profile
    point: RestorePoint
    selection: Selection
    missing: list[tuple[SourceName, RelPath]]
    """Asked for, and not there."""
    increments: list[RunId]
    """To be handed to the storage with what :meth:`wanted` gives."""
    include_deleted: bool
    paths: WantedPaths
    lock: ProfileLock
    """For every process that works on what is held."""

    def wanted(self, source: SourceName, blocked: Blocked) -> Iterator[Wanted]:
        """What is wanted of one source, by path; see :class:`WantedPaths`."""
        below = self.selection[source]
        if self.include_deleted:
            return self.paths.with_deleted(source, below, blocked)
        return self.paths.at_point(source, below)


class Restorable:
    """Finds points and holds them."""

    def __init__(self, *, units: UnitOfWorkFactory, storage: Storage, recovery: Recovery) -> None:
        self._units = units
        self._storage = storage
        self._recovery = recovery

    def check(
        self, profile_id: ProfileId, point: str, paths: Sequence[bytes], *, include_deleted: bool = False
    ) -> RestorePoint:
        """Raise what :meth:`held` would raise for this request before it waits for the lock."""
        with self._units(read_only=True) as uow:
            profile = uow.profiles.get(profile_id)
            chosen = _chosen(uow, profile, point)
            _selected(uow, profile, chosen, paths, include_deleted=include_deleted)
            return chosen

    @contextmanager
    def held(
        self,
        profile_id: ProfileId,
        point: str,
        paths: Sequence[bytes],
        *,
        include_deleted: bool = False,
        tell: Callable[[str], None] = lambda _sentence: None,
        wait_seconds: float | None = None,
    ) -> Iterator[HeldPoint]:
        """The point, with the profile's storage lock held: nothing of it can be moved meanwhile.

        What a crash left is put in order first, for files that it displaced may belong to the point; a
        sentence for each thing goes to ``tell``. Raises NotFoundError (also when none of ``paths`` was
        there), InvalidInputError, StoreBusyError.
        """
        with self._units(read_only=True) as uow:
            profile = uow.profiles.get(profile_id)
        with self._storage.lock(profile.ref, wait_seconds=wait_seconds) as lock:
            for sentence in self._recovery.tidy(profile.ref, full=True):
                tell(sentence)
            with self._units(read_only=True) as uow:
                chosen = _chosen(uow, profile, point)
                wanted = _selected(uow, profile, chosen, paths, include_deleted=include_deleted)
                found, missing = there(uow.catalog, chosen, wanted, or_before=include_deleted)
                runs = uow.runs.increments(profile_id, after_seq=0 if include_deleted else chosen.seq)
                yield HeldPoint(
                    profile=profile,
                    point=chosen,
                    selection=found,
                    missing=missing,
                    increments=[run.id for run in runs],
                    include_deleted=include_deleted,
                    paths=WantedPaths(uow.catalog, chosen, [run.seq for run in runs]),
                    lock=lock,
                )


def _selected(
    uow: UnitOfWork,
    profile: Profile,
    point: RestorePoint,
    paths: Sequence[bytes],
    *,
    include_deleted: bool,
) -> Selection:
    names = list(uow.catalog.sources_at(profile.id, point.seq))
    if include_deleted:
        before = (name for name in uow.catalog.source_states(profile.id) if name not in names)
        names += [name for name in before if any(uow.catalog.deleted(profile.id, point.seq, name))]
    if paths:
        return selected_paths(profile, paths, names)
    return {name: [ROOT] for name in sorted(names)}


def _chosen(uow: UnitOfWork, profile: Profile, point: str) -> RestorePoint:
    return chosen_point(uow.points.list(profile.id), point, zone=profile.retention.time_zone)
