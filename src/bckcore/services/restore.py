"""Restore: find a point and bring its files back, exactly, into an empty folder on this server."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bckcore.domain.file_version import EntryKind, FileEntry
from bckcore.domain.ids import ProfileId, RunId, SourceName
from bckcore.domain.paths import ROOT, RelPath, display, is_below, parents, rel_path
from bckcore.domain.profile import Profile
from bckcore.domain.restore_point import RestorePoint
from bckcore.domain.transfer import PathProblem, ProblemKind, TransferProgress
from bckcore.errors import InvalidInputError, JobCancelledError, NotFoundError
from bckcore.ports.catalog import Catalog
from bckcore.ports.clock import Clock
from bckcore.ports.storage import RestoreTargets, Storage
from bckcore.ports.transport import Watcher
from bckcore.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from bckcore.services.backup import LOCK_WAIT_SECONDS
from bckcore.services.recovery import Recovery

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


def chosen_point(points: Sequence[RestorePoint], wanted: str) -> RestorePoint:
    """The point that ``wanted`` names: ``latest``, a run id, a number, or a time (ISO 8601).

    A time without zone is UTC; it means the newest point not younger. Raises NotFoundError.
    """
    if not points:
        raise NotFoundError("This profile has no restore point yet.", advice="Run a backup first.")
    if wanted == "latest":
        return points[-1]
    for point in points:
        if wanted in (point.run_id, str(point.seq)):
            return point
    try:
        at = datetime.fromisoformat(wanted)
    except ValueError:
        at = None
    if at is not None:
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        if before := [point for point in points if point.finished <= at]:
            return before[-1]
    raise NotFoundError(
        f"There is no restore point {wanted!r}.",
        advice="List them with 'bck points'; 'latest', a point's name or number, or a time will do.",
    )


def selected_paths(
    profile: Profile, texts: Sequence[bytes], at_point: Iterable[SourceName] = ()
) -> dict[SourceName, list[RelPath]]:
    """What to restore of each source. Texts are ``SOURCE``, ``SOURCE/path`` or the full path on the host.

    ``at_point``: sources of the restore point; one that the profile has dropped goes by its name.
    None at all means everything. Raises InvalidInputError for a path in no source.
    """
    if not texts:
        return {source.name: [ROOT] for source in profile.sources}
    prefixes = [*_prefixes(profile), *((name, name.encode("ascii")) for name in at_point)]
    chosen: dict[SourceName, list[RelPath]] = {}
    for text in texts:
        name, path = _located(profile, prefixes, text)
        chosen.setdefault(name, []).append(path)
    return chosen


def _prefixes(profile: Profile) -> Iterator[tuple[SourceName, bytes]]:
    for source in profile.sources:
        yield source.name, source.path.rstrip("/").encode("utf-8", "surrogateescape")
        yield source.name, source.name.encode("ascii")


def _located(
    profile: Profile, prefixes: Iterable[tuple[SourceName, bytes]], text: bytes
) -> tuple[SourceName, RelPath]:
    wanted = text.rstrip(b"/")
    for name, prefix in prefixes:
        if text and wanted == prefix:
            return name, ROOT
        if wanted.startswith(prefix + b"/"):
            return name, rel_path(wanted[len(prefix) + 1 :])
    names = ", ".join(source.name for source in profile.sources)
    raise InvalidInputError(
        f"{display(text)} is in no source of {profile.id}.",
        advice=f"Begin with a source name ({names}) or give the full path on the PC.",
    )


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
                wanted, missing = _there(uow.catalog, chosen, wanted)
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


def entries_with_folders(
    catalog: Catalog, point: RestorePoint, source: SourceName, below: Sequence[RelPath]
) -> Iterator[FileEntry]:
    """What lies at or below ``below`` at the point, and the folders above it, by path."""
    if ROOT in below:
        yield from catalog.entries(point.profile, point.seq, source)
        return
    tops = [path for path in set(below) if not any(is_below(path, other) for other in below if other != path)]
    above = sorted({folder for path in tops for folder in parents(path)} - {ROOT})
    folders = [entry for path in above if (entry := _at_point(catalog, point, source, path))]
    found = catalog.entries(point.profile, point.seq, source, tops)
    pending = iter(folders)
    folder = next(pending, None)
    for entry in found:
        while folder is not None and folder.path < entry.path:
            yield folder
            folder = next(pending, None)
        yield entry


def _at_point(catalog: Catalog, point: RestorePoint, source: SourceName, path: RelPath) -> FileEntry | None:
    for version in catalog.versions(point.profile, source, path):
        if version.since_seq <= point.seq and (version.until_seq is None or point.seq < version.until_seq):
            return version.entry
    return None


Selection = dict[SourceName, list[RelPath]]


def _there(
    catalog: Catalog, point: RestorePoint, wanted: Selection
) -> tuple[Selection, list[tuple[SourceName, RelPath]]]:
    """Of what is wanted: what was there at the point, and what not. Raises NotFoundError if nothing was."""
    found: Selection = {}
    missing: list[tuple[SourceName, RelPath]] = []
    for name, paths in wanted.items():
        for path in paths:
            if _at_point(catalog, point, name, path) is None:
                missing.append((name, path))
            else:
                found.setdefault(name, []).append(path)
    if not found and missing:
        raise NotFoundError(
            f"None of these paths existed at restore point {point.run_id}.", advice="Choose another point."
        )
    return found, missing


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
