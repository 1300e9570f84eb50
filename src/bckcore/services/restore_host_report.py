"""What a restore to a host did: counted while it goes on, told to whoever watches, reported at the end."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from bckcore.domain.ids import SourceName
from bckcore.domain.paths import RelPath, display
from bckcore.domain.push import PushedPath, PushOutcome, PushReport
from bckcore.domain.restore_point import RestorePoint
from bckcore.domain.transfer import PathProblem, Phase, ProblemKind, TransferProgress
from bckcore.errors import JobCancelledError
from bckcore.ports.clock import Clock
from bckcore.ports.extraction import Wanted
from bckcore.ports.storage import StagedBatch
from bckcore.ports.transport import Watcher
from bckcore.services.browsed import full_path
from bckcore.services.restore_report import (
    MOST_PROBLEMS,
    NO_PLACE,
    NOT_THERE,
    REPORT_EVERY_SECONDS,
)

MOST_LISTED = 1_000
_WRITTEN = frozenset({PushOutcome.CREATED, PushOutcome.REPLACED, PushOutcome.KEPT_BOTH})


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRestoreReport:
    """What a restore to a host did, or would do."""

    point: RestorePoint
    targets: Mapping[SourceName, str]
    """Where on the host each source was brought."""
    dry_run: bool
    files: int
    """Created, replaced, or restored beside what was there: all but folders."""
    counts: Mapping[PushOutcome, int]
    """Of paths, folders included; those that only lead to what was asked for count if they were made."""
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
    clock: Clock
    source: SourceName = field(default=SourceName(""))
    _counts: dict[PushOutcome, int] = field(default_factory=lambda: dict.fromkeys(PushOutcome, 0))
    _written: int = 0
    _reported: float = 0.0
    _files: int = 0
    _bytes: int = 0
    _listed: list[tuple[SourceName, PushedPath]] = field(default_factory=list)
    _problems: list[PathProblem] = field(default_factory=list)
    _problem_count: int = 0
    _sets_owners: bool = True

    def missed(self, paths: Iterable[tuple[SourceName, RelPath]]) -> None:
        """These were asked for and were not there at the point."""
        for self.source, path in paths:
            self._note(PathProblem(kind=ProblemKind.NOT_RESTORED, path=path, message=NOT_THERE))

    def blocked(self, path: RelPath) -> None:
        """A deleted path has no place."""
        self._note(PathProblem(kind=ProblemKind.NOT_RESTORED, path=path, message=NO_PLACE))

    def begin(self, source: SourceName) -> None:
        """From now on it is this source's turn."""
        self.source = source
        verb = "Comparing" if self.dry_run else "Restoring"
        self.watcher.log(f"{verb} {source} with {self.targets[source]} on the host.")

    def followed(self, wanted: Iterable[Wanted]) -> Iterator[Wanted]:
        """The same, with a look now and then whether the work is to stop."""
        for one in wanted:
            self.moved(0)
            yield one

    def moved(self, _count: int) -> None:
        """Files are being got ready for a push."""
        now = self.clock.monotonic()
        if now - self._reported >= REPORT_EVERY_SECONDS:
            self._reported = now
            if self.is_cancelled():
                raise JobCancelledError("The restore was cancelled; what the host had received stays there.")
            self.progress(TransferProgress())

    def take(self, report: PushReport, batch: StagedBatch) -> None:
        """A batch was pushed."""
        self._files += batch.files
        self._bytes += report.bytes_sent
        if self._sets_owners and not report.sets_owners:
            self._sets_owners = False
            self.watcher.log("The account on the host may not set owners: what is restored belongs to it.")
        for one in report.paths:
            self._counts[one.outcome] += 1
            self._written += one.outcome in _WRITTEN and not one.is_folder
            if one.outcome is not PushOutcome.SAME:
                self._list(one)
        for problem in (*batch.problems, *report.problems):
            self._note(problem)
        self.progress(TransferProgress())

    def _list(self, one: PushedPath) -> None:
        if len(self._listed) < MOST_LISTED:
            self._listed.append((self.source, one))
            if self.dry_run:
                self.watcher.log(f"would be {one.outcome.value}: {display(full_path(self.source, one.path))}")

    def _note(self, problem: PathProblem) -> None:
        self._problem_count += 1
        if len(self._problems) < MOST_PROBLEMS:
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
                phase=Phase.RESTORING,
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
            files=self._written,
            counts=dict(self._counts),
            bytes_sent=self._bytes,
            listed=tuple(self._listed),
            problems=tuple(self._problems),
            problem_count=self._problem_count,
            sets_owners=self._sets_owners,
        )
