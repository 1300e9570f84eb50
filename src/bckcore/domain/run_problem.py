"""RunProblem: a path that a run could not read or store. Its receipt keeps it, the database for a while."""

from collections.abc import Iterable
from dataclasses import dataclass

from bckcore.domain.ids import SourceName
from bckcore.domain.problem_reason import Explanation, explained
from bckcore.domain.transfer import PathProblem, ProblemKind

MOST_KEPT = 1000
MOST_TEXT = 512 * 1024
"""Bytes of paths and messages together: a receipt stays small, whatever a hostile host reports."""
RUNS_WITH_PROBLEMS = 50
"""Of a profile: so many of the newest runs keep theirs in the database, and every run whose point is kept."""
LONGEST_MESSAGE = 500
_END = 100
"""Of a longer message, so much of its end is kept: there stands why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunProblem:
    """One path, or something that the transport said of a whole source."""

    source: SourceName
    kind: ProblemKind
    path: bytes
    """Relative to the source where known, else as the transport named it; empty where it named none."""
    message: str
    """The program's own words, escaped for display; at most 500 characters."""

    @property
    def named(self) -> bool:
        """True if ``path`` lies in the source, so that what it is about can be told."""
        return self.kind is not ProblemKind.UNKNOWN and bool(self.path) and not self.path.startswith(b"/")

    @property
    def explanation(self) -> Explanation:
        """What it comes from, and what to do."""
        return explained(self.kind, self.message)


def run_problem(source: SourceName, problem: PathProblem) -> RunProblem:
    """The problem of a source, its message cut to what is kept."""
    message = problem.message
    if len(message) > LONGEST_MESSAGE:
        message = f"{message[: LONGEST_MESSAGE - _END - 1]}…{message[-_END:]}"
    return RunProblem(source=source, kind=problem.kind, path=problem.path, message=message)


def first_of(problems: Iterable[RunProblem]) -> tuple[RunProblem, ...]:
    """As many, from the first, as are kept."""
    kept: list[RunProblem] = []
    room = MOST_TEXT
    for problem in problems:
        room -= len(problem.path) + len(problem.message)
        if len(kept) == MOST_KEPT or room < 0:
            break
        kept.append(problem)
    return tuple(kept)
