"""How a restore goes on, and the account of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bckcore.domain.file_version import EntryKind, FileEntry
from bckcore.domain.ids import SourceName
from bckcore.domain.paths import RelPath, display
from bckcore.domain.push import PushOutcome
from bckcore.domain.restore import RestoreCounts, Tally
from bckcore.domain.restore_point import RestorePoint
from bckcore.domain.transfer import PathProblem, Phase, ProblemKind, TransferProgress
from bckcore.errors import JobCancelledError
from bckcore.ports.clock import Clock
from bckcore.ports.extraction import Placed
from bckcore.ports.transport import Watcher

MOST_PROBLEMS = 1000
REPORT_EVERY_SECONDS = 0.5
NOT_THERE = "was not there at this restore point"
NO_PLACE = "was deleted before this restore point, and above it stands no folder any more"
_WRITTEN = frozenset({PushOutcome.CREATED, PushOutcome.REPLACED, PushOutcome.KEPT_BOTH})


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreReport:
    """What a restore did."""

    point: RestorePoint
    folder: Path
    files: int
    """Written, all but folders."""
    bytes: int
    """Of those."""
    counts: RestoreCounts
    problems: tuple[PathProblem, ...]
    """The first 1,000; paths begin with the source."""
    problem_count: int


class RestoreWork:
    """Counts, reports and stops one restore. The ExtractWatcher of it."""

    def __init__(self, point: RestorePoint, watcher: Watcher, clock: Clock) -> None:
        self._point = point
        self._watcher = watcher
        self._clock = clock
        self._started = self._reported = clock.monotonic()
        self._files = self._seen = self._bytes = self._moved = self._problem_count = 0
        self._problems: list[PathProblem] = []
        self._tally = Tally()
        self._last = ""
        self.source = SourceName("")

    def begin(self) -> None:
        """The folder is taken; from now on something may be written."""
        self._watcher.progress(TransferProgress(phase=Phase.RESTORING))

    def placed(self, placed: Placed) -> None:
        """One entry is written, or could not be."""
        entry = placed.entry
        self._tally.add(placed.outcome)
        if placed.problem is not None:
            self._note(placed.problem.path, placed.problem.message)
        elif entry.kind is not EntryKind.FOLDER:
            self._seen += 1
            if placed.outcome in _WRITTEN:
                self._files += 1
                self._bytes += entry.size
        self._look_up(entry)

    def moved(self, count: int) -> None:
        """Bytes of a file that may take long."""
        self._moved += count
        self._look_up(None)

    def missed(self, paths: Iterable[tuple[SourceName, RelPath]]) -> None:
        """These were asked for and were not there at the point."""
        for self.source, path in paths:
            self._tally.add(None)
            self._note(path, NOT_THERE)

    def blocked(self, path: RelPath) -> None:
        """A deleted path has no place."""
        self._tally.add(PushOutcome.SKIPPED)
        self._note(path, NO_PLACE)

    def _note(self, path: bytes, message: str) -> None:
        self._problem_count += 1
        if len(self._problems) < MOST_PROBLEMS:
            whole = f"{self.source}/".encode() + path
            self._problems.append(PathProblem(kind=ProblemKind.NOT_RESTORED, path=whole, message=message))
            kind = ProblemKind.NOT_RESTORED.value
            self._watcher.log(f"{kind}: {display(whole)}: {message}", level="warning")

    def _look_up(self, entry: FileEntry | None) -> None:
        """Now and then: is it to be stopped, and how far is it?"""
        now = self._clock.monotonic()
        if now - self._reported < REPORT_EVERY_SECONDS:
            return
        self._reported = now
        if self._watcher.is_cancelled():
            raise JobCancelledError(
                "The restore was cancelled; what it wrote so far stays.",
                advice="Resume it into the same folder when you like: bck restore … --resume",
            )
        if entry is not None:
            self._last = display(entry.path)
        total = self._point.counts.files
        self._watcher.progress(
            TransferProgress(
                phase=Phase.RESTORING,
                source=self.source,
                files_done=self._seen,
                bytes_done=self._moved,
                bytes_per_second=int(self._moved / max(now - self._started, 0.001)),
                percent=min(100, self._seen * 100 // total) if total else None,
                current_file=self._last,
            )
        )

    def report(self, folder: Path) -> RestoreReport:
        """What was done."""
        return RestoreReport(
            point=self._point,
            folder=folder,
            files=self._files,
            bytes=self._bytes,
            counts=self._tally.counts(),
            problems=tuple(self._problems),
            problem_count=self._problem_count,
        )
