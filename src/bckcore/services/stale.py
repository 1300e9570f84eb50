"""Stale: which entries of a point a run carried on from an earlier one, because it could not read them."""

from collections.abc import Iterable, Sequence

from bckcore.domain.file_version import EntryKind, FileVersion
from bckcore.domain.ids import SourceName
from bckcore.domain.paths import RelPath, parents
from bckcore.domain.run import Run
from bckcore.domain.run_problem import RunProblem
from bckcore.domain.transfer import ProblemKind


class Stale:
    """Tells it of the entries of the point that ``run`` made."""

    def __init__(self, run: Run, problems: Sequence[RunProblem]) -> None:
        named = [problem for problem in problems if problem.named]
        self._seq = run.seq
        self._files: set[tuple[SourceName, bytes]] = set()
        self._folders: set[tuple[SourceName, bytes]] = set()
        for problem in named:
            alone = problem.kind is ProblemKind.UNREADABLE
            (self._files if alone else self._folders).add((problem.source, problem.path))
        self.unnamed = max(0, run.problem_count - len(named))
        """Problems that name no path, or are not kept by name: more than what is marked may be stale."""

    def among(self, versions: Iterable[FileVersion]) -> frozenset[tuple[SourceName, RelPath]]:
        """Those of them that are stale, by source and path."""
        return frozenset((one.source, one.entry.path) for one in versions if self.holds(one))

    def holds(self, version: FileVersion) -> bool:
        """True if the run could not read the path, or a folder that it lies in, and found nothing new.

        A folder that could not be listed is stale itself, for what it holds.
        """
        source, path = version.source, version.entry.path
        if version.since_seq >= self._seq:
            return version.entry.kind is EntryKind.FOLDER and (source, path) in self._folders
        if (source, path) in self._files:
            return True
        return bool(self._folders) and any((source, one) in self._folders for one in (path, *parents(path)))
