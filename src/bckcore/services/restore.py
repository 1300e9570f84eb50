"""Restore: find a point and bring its files back, exactly, into an empty folder on this server."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bckcore.domain.file_version import EntryKind, FileEntry
from bckcore.domain.ids import ProfileId, RunId, SourceName
from bckcore.domain.paths import ROOT, RelPath, display
from bckcore.domain.profile import Profile
from bckcore.domain.restore_point import RestorePoint
from bckcore.domain.transfer import PathProblem, ProblemKind, TransferProgress
from bckcore.errors import JobCancelledError
from bckcore.ports.clock import Clock
from bckcore.ports.storage import RestoreTargets, Storage
from bckcore.ports.transport import Watcher
from bckcore.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from bckcore.services.backup import LOCK_WAIT_SECONDS
from bckcore.services.points import chosen_point
from bckcore.services.recovery import Recovery
from bckcore.services.selection import entries_with_folders, selected_paths, there

MOST_PROBLEMS = 1000
REPORT_EVERY_SECONDS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreReport:
    """What a restore did; ``files`` are all entries but folders."""

    point: RestorePoint
    folder: Path
    files: int
    bytes: int
    problems: tuple[PathProblem, ...]
    """The first 1,000."""
    problem_count: int


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
        self._recovery = recovery
        self._targets = targets
        self._clock = clock

    def points(self, profile: ProfileId) -> Sequence[RestorePoint]:
        """Points of a profile by number. Raises NotFoundError for an unknown profile."""
        with self._units(read_only=True) as uow:
            uow.profiles.get(profile)
            return uow.points.list(profile)

    def check_request(self, profile: ProfileId, point: str, paths: Sequence[bytes]) -> RestorePoint:
        """Raise what :meth:`restore` would raise for this request, before a job is made of it."""
        with self._units(read_only=True) as uow:
            plan = uow.profiles.get(profile)
            chosen = chosen_point(uow.points.list(profile), point)
            selected_paths(plan, paths, uow.catalog.sources_at(profile, chosen.seq))
            return chosen

    def restore(
        self, profile_id: ProfileId, *, point: str, to: Path, paths: Sequence[bytes], watcher: Watcher
    ) -> RestoreReport:
        """Write the chosen paths of a point to ``to``/<source>/… and say what could not be written.

        What a crash left is put in order first: files that it displaced may belong to the point.
        Raises NotFoundError (also when none of ``paths`` was there), InvalidInputError, ConflictError
        (folder not empty), StoreBusyError, StoreFullError (no room at the target), JobCancelledError;
        files written so far stay.
        """
        with self._units(read_only=True) as uow:
            profile = uow.profiles.get(profile_id)
        with self._storage.lock(profile.ref, wait_seconds=LOCK_WAIT_SECONDS):
            for sentence in self._recovery.tidy(profile.ref):
                watcher.log(sentence, level="warning")
            with self._units(read_only=True) as uow:
                chosen = chosen_point(uow.points.list(profile_id), point)
                names = uow.catalog.sources_at(profile_id, chosen.seq)
                wanted = selected_paths(profile, paths, names) if paths else {name: [ROOT] for name in names}
                wanted, missing = there(uow.catalog, chosen, wanted)
                folder = self._targets.claim(to)
                work = _Extraction(chosen, watcher, self._clock)
                work.missed(missing)
                increments = [run.id for run in uow.runs.increments(profile_id, after_seq=chosen.seq)]
                for name, below in wanted.items():
                    self._extract(uow, profile, chosen, name, below, increments, folder, work)
        return work.report(folder)

    def _extract(
        self,
        uow: UnitOfWork,
        profile: Profile,
        point: RestorePoint,
        name: SourceName,
        below: list[RelPath],
        increments: list[RunId],
        folder: Path,
        work: "_Extraction",
    ) -> None:
        into = self._targets.claim(folder / name)
        entries = entries_with_folders(uow.catalog, point, name, below)
        work.source = name
        self._storage.extract(profile.ref, name, entries, increments, into, work.done)


class _Extraction:
    """Counts, reports and stops one restore."""

    def __init__(self, point: RestorePoint, watcher: Watcher, clock: Clock) -> None:
        self._point = point
        self._watcher = watcher
        self._clock = clock
        self._started = self._reported = clock.monotonic()
        self._files = self._bytes = self._problem_count = 0
        self._problems: list[PathProblem] = []
        self.source = SourceName("")

    def done(self, entry: FileEntry, problem: PathProblem | None) -> None:
        """One entry is written, or could not be."""
        if problem is not None:
            self._note(problem)
        elif entry.kind is not EntryKind.FOLDER:
            self._files += 1
            self._bytes += entry.size
        now = self._clock.monotonic()
        if now - self._reported >= REPORT_EVERY_SECONDS:
            self._reported = now
            self._report_progress(entry, now)

    def _note(self, problem: PathProblem) -> None:
        self._problem_count += 1
        if len(self._problems) < MOST_PROBLEMS:
            self._problems.append(problem)
            where = f"{self.source}/{display(problem.path)}"
            self._watcher.log(f"{problem.kind.value}: {where}: {problem.message}", level="warning")

    def _report_progress(self, entry: FileEntry, now: float) -> None:
        if self._watcher.is_cancelled():
            raise JobCancelledError("The restore was cancelled; what it wrote so far stays.")
        total = self._point.counts.files
        self._watcher.progress(
            TransferProgress(
                phase="restoring",
                source=self.source,
                files_done=self._files,
                bytes_done=self._bytes,
                bytes_per_second=int(self._bytes / max(now - self._started, 0.001)),
                percent=min(100, self._files * 100 // total) if total else None,
                current_file=display(entry.path),
            )
        )

    def missed(self, paths: Iterable[tuple[SourceName, RelPath]]) -> None:
        """These were asked for and were not there at the point."""
        for self.source, path in paths:
            message = "was not there at this restore point"
            self._note(PathProblem(kind=ProblemKind.NOT_RESTORED, path=path, message=message))

    def report(self, folder: Path) -> RestoreReport:
        """What was done."""
        return RestoreReport(
            point=self._point,
            folder=folder,
            files=self._files,
            bytes=self._bytes,
            problems=tuple(self._problems),
            problem_count=self._problem_count,
        )
