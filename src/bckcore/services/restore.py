"""Restore: bring the files of a point back, exactly, into a folder on this server."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bckcore.domain.file_version import FileEntry
from bckcore.domain.ids import ProfileId, SourceName
from bckcore.domain.paths import RelPath
from bckcore.domain.push import PushOutcome, suffix_at
from bckcore.domain.restore import RestoreOptions
from bckcore.domain.restore_point import RestorePoint
from bckcore.domain.transfer import PathProblem, ProblemKind
from bckcore.ports.clock import Clock
from bckcore.ports.extraction import Placement
from bckcore.ports.restore_targets import ClaimedTarget, RestoreTargets
from bckcore.ports.storage import Storage
from bckcore.ports.transport import Watcher
from bckcore.ports.unit_of_work import UnitOfWorkFactory
from bckcore.services.recovery import Recovery
from bckcore.services.restorable import HeldPoint, Restorable
from bckcore.services.restore_report import NO_PLACE, NOT_THERE, RestoreReport, RestoreWork
from bckcore.services.stopping import require_wanted


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What a restore would do with one path."""

    source: SourceName
    path: RelPath
    entry: FileEntry | None
    """None: there is none to be had, see ``problem``."""
    outcome: PushOutcome | None
    """None: it would fail, see ``problem``."""
    problem: PathProblem | None = None


class RestoreService:
    """Carries out restores."""

    def __init__(
        self,
        *,
        units: UnitOfWorkFactory,
        storage: Storage,
        recovery: Recovery,
        targets: RestoreTargets,
        clock: Clock,
    ) -> None:
        self._units = units
        self._storage = storage
        self._restorable = Restorable(units=units, storage=storage, recovery=recovery)
        self._targets = targets
        self._clock = clock

    def points(self, profile: ProfileId) -> Sequence[RestorePoint]:
        """Points of a profile by number. Raises NotFoundError for an unknown profile."""
        with self._units(read_only=True) as uow:
            uow.profiles.get(profile)
            return uow.points.list(profile)

    def require_apart(self, file: Path) -> None:
        """Raise RefusedError if a file of that name would lie among the backups or the keys."""
        self._targets.require_apart(file)

    def check_request(
        self, profile: ProfileId, point: str, paths: Sequence[bytes], *, include_deleted: bool = False
    ) -> RestorePoint:
        """Raise what :meth:`restore` would raise for this request, before a job is made of it."""
        return self._restorable.check(profile, point, paths, include_deleted=include_deleted)

    def restore(
        self,
        profile_id: ProfileId,
        *,
        point: str,
        to: Path,
        paths: Sequence[bytes],
        watcher: Watcher,
        options: RestoreOptions | None = None,
    ) -> RestoreReport:
        """Write the chosen paths of a point to ``to``/<source>/… and say what could not be written.

        Asked again with ``options.resume`` after a cut or a cancel, it goes on. What a crash of a backup
        left is put in order first: files that it displaced may belong to the point.
        Raises NotFoundError (also when none of ``paths`` was there), InvalidInputError, ConflictError
        (folder not empty, and nobody said what to do then), StoreBusyError, StoreFullError (no room at the
        target), JobCancelledError; files written so far stay.
        """
        options = options or RestoreOptions()
        deleted = options.include_deleted
        with self._restorable.held(
            profile_id,
            point,
            paths,
            include_deleted=deleted,
            tell=lambda sentence: watcher.log(sentence, level="warning"),
        ) as held:
            require_wanted(watcher, "restore")
            work = RestoreWork(held.point, watcher, self._clock)
            with self._targets.claim(to, filled=options.into_filled) as target:
                self._written(held, target, options, work)
        return work.report(target.path)

    def _written(
        self, held: HeldPoint, target: ClaimedTarget, options: RestoreOptions, work: RestoreWork
    ) -> None:
        work.begin()
        work.missed(held.missing)
        suffix = suffix_at(self._clock.now())
        for name in held.selection:
            work.source = name
            self._storage.extract(
                held.profile.ref,
                name,
                held.wanted(name, work.blocked),
                held.increments,
                replace(_placement(target.path, name, options, suffix), handle=target.handle),
                work,
            )

    def foresee(
        self,
        profile_id: ProfileId,
        *,
        point: str,
        to: Path,
        paths: Sequence[bytes],
        options: RestoreOptions | None = None,
    ) -> Generator[Foreseen, None, None]:
        """What :meth:`restore` would do, path by path; writes and makes nothing in the target.

        Raises what it would raise. The profile's storage stays locked until the iterator ends.
        """
        options = options or RestoreOptions()
        deleted = options.include_deleted
        with self._restorable.held(profile_id, point, paths, include_deleted=deleted) as held:
            folder = self._targets.look(to, filled=options.into_filled)
            suffix = suffix_at(self._clock.now())
            yield from (_left_out(name, path, None, NOT_THERE) for name, path in held.missing)
            for name in held.selection:
                yield from self._foreseen(held, name, _placement(folder, name, options, suffix))

    def _foreseen(self, held: HeldPoint, name: SourceName, placement: Placement) -> Iterator[Foreseen]:
        blocked: list[RelPath] = []
        found = self._storage.examine(
            held.profile.ref, name, held.wanted(name, blocked.append), held.increments, placement
        )
        for placed in found:
            yield from (_left_out(name, path, PushOutcome.SKIPPED, NO_PLACE) for path in blocked)
            blocked.clear()
            yield Foreseen(name, placed.entry.path, placed.entry, placed.outcome, placed.problem)
        yield from (_left_out(name, path, PushOutcome.SKIPPED, NO_PLACE) for path in blocked)


def _left_out(name: SourceName, path: RelPath, outcome: PushOutcome | None, why: str) -> Foreseen:
    problem = PathProblem(kind=ProblemKind.NOT_RESTORED, path=path, message=why)
    return Foreseen(name, path, None, outcome, problem)


def _placement(folder: Path, name: SourceName, options: RestoreOptions, suffix: str) -> Placement:
    return Placement(
        folder=folder,
        below=name.encode("ascii"),
        conflict=options.conflict,
        suffix=suffix,
        resume=options.resume,
        verify=options.verify,
    )
