"""What a restore to a host did: counted while it goes on, told to whoever watches, reported at the end."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from bckcore.domain.ids import SourceName
from bckcore.domain.paths import RelPath, display
from bckcore.domain.push import PushedPath, PushOutcome, PushReport
from bckcore.domain.restore_point import RestorePoint
from bckcore.domain.transfer import PathProblem, ProblemKind, TransferProgress
from bckcore.ports.storage import StagedBatch
from bckcore.ports.transport import Watcher

MOST_LISTED = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRestoreReport:
    """What a restore to a host did, or would do; ``counts`` are of all entries but folders."""

    point: RestorePoint
    targets: Mapping[SourceName, str]
    """Where on the host each source was brought."""
    dry_run: bool
    counts: Mapping[PushOutcome, int]
    """Every outcome has a number."""
    bytes_sent: int
    listed: tuple[tuple[SourceName, PushedPath], ...]
    """The first 1,000 paths, folders too, that did not stand there exactly so already."""
    problems: tuple[PathProblem, ...]
    """The first 1,000; paths begin with the source's name."""
    problem_count: int
    sets_owners: bool
    """False where the host's account may not give files away: what was restored belongs to it."""


@dataclass(slots=True)
class HostRestoreWork:
    """One restore while it goes on; the watcher of its pushes."""

    point: RestorePoint
    targets: Mapping[SourceName, str]
    dry_run: bool
    watcher: Watcher
    source: SourceName = field(default=SourceName(""))
    _counts: dict[PushOutcome, int] = field(default_factory=lambda: dict.fromkeys(PushOutcome, 0))
    _files: int = 0
    _bytes: int = 0
    _listed: list[tuple[SourceName, PushedPath]] = field(default_factory=list)
    _problems: list[PathProblem] = field(default_factory=list)
    _problem_count: int = 0
    _sets_owners: bool = True

    def missed(self, paths: Iterable[tuple[SourceName, RelPath]]) -> None:
        """These were asked for and were not there at the point."""
        for self.source, path in paths:
            message = "was not there at this restore point"
            self._note(PathProblem(kind=ProblemKind.NOT_RESTORED, path=path, message=message))

    def begin(self, source: SourceName, batch: StagedBatch) -> None:
        """A batch is ready to be pushed."""
        if source != self.source:
            verb = "Comparing" if self.dry_run else "Restoring"
            self.watcher.log(f"{verb} {source} with {self.targets[source]} on the host.")
        self.source = source
        for problem in batch.problems:
            self._note(problem)

    def take(self, report: PushReport, batch: StagedBatch) -> None:
        """A batch was pushed."""
        self._files += batch.files
        self._bytes += report.bytes_sent
        if self._sets_owners and not report.sets_owners:
            self._sets_owners = False
            self.watcher.log("The account on the host may not set owners: what is restored belongs to it.")
        for one in report.paths:
            if not one.is_folder:
                self._counts[one.outcome] += 1
            if one.outcome is not PushOutcome.SAME:
                self._list(one)
        for problem in report.problems:
            self._note(problem)
        self.progress(TransferProgress())

    def _list(self, one: PushedPath) -> None:
        if len(self._listed) < MOST_LISTED:
            self._listed.append((self.source, one))
            if self.dry_run:
                self.watcher.log(f"would be {one.outcome.value}: {self.source}/{display(one.path)}")

    def _note(self, problem: PathProblem) -> None:
        self._problem_count += 1
        if len(self._problems) < MOST_LISTED:
            path = self.source.encode() + b"/" + problem.path
            self._problems.append(replace(problem, path=path))
            self.watcher.log(f"{problem.kind.value}: {display(path)}: {problem.message}", level="warning")

    # --- the watcher of the pushes -----------------------------------------------------------------

    def progress(self, progress: TransferProgress) -> None:
        """How far the whole is, from how far one push is."""
        total = self.point.counts.files
        done = self._files + progress.files_done
        self.watcher.progress(
            replace(
                progress,
                phase="restoring",
                source=self.source,
                files_done=done,
                bytes_done=self._bytes + progress.bytes_done,
                percent=min(100, done * 100 // total) if total else None,
                eta_seconds=None,
            )
        )

    def log(self, line: str, *, level: str = "info") -> None:
        """Pass it on."""
        self.watcher.log(line, level=level)

    def is_cancelled(self) -> bool:
        """Ask whoever watches the restore."""
        return self.watcher.is_cancelled()

    def report(self) -> HostRestoreReport:
        """What was done."""
        return HostRestoreReport(
            point=self.point,
            targets=self.targets,
            dry_run=self.dry_run,
            counts=dict(self._counts),
            bytes_sent=self._bytes,
            listed=tuple(self._listed),
            problems=tuple(self._problems),
            problem_count=self._problem_count,
            sets_owners=self._sets_owners,
        )
