"""Problems: which paths a backup run could not read or store, from what transport and ingest say."""

from collections.abc import Iterator, Sequence
from itertools import chain

from bckcore.domain.paths import RelPath, display
from bckcore.domain.run_problem import RunProblem, first_of, run_problem
from bckcore.domain.transfer import PathProblem, ProblemKind
from bckcore.ports.transport import Watcher
from bckcore.services.ingest import SourceIngest
from bckcore.services.pull import Pulled

NOT_STORED = "the new content could not be stored"


def told_lost(
    ingests: Sequence[SourceIngest], pulled: Sequence[Pulled], watcher: Watcher
) -> list[list[RelPath]]:
    """What only the ingest noticed, source by source, told in the log."""
    lost = [_unreported(ingest, one) for ingest, one in zip(ingests, pulled, strict=True)]
    for path in chain.from_iterable(lost):
        watcher.log(f"not-stored: {display(path)}: {NOT_STORED}", level="error")
    return lost


def _unreported(ingest: SourceIngest, one: Pulled) -> list[RelPath]:
    """Paths whose new content could not be stored, without those that the transport named itself."""
    named = {problem.path for problem in one.report.problems if problem.kind is ProblemKind.NOT_STORED}
    return [path for path in ingest.lost if path not in named]


def count_of(pulled: Sequence[Pulled], lost: Sequence[Sequence[RelPath]] = ()) -> int:
    """How many paths had a problem; ``lost``: those of each source that only the ingest noticed."""
    return sum(one.report.problem_count for one in pulled) + sum(map(len, lost))


def kept_of(pulled: Sequence[Pulled], lost: Sequence[Sequence[RelPath]] = ()) -> tuple[RunProblem, ...]:
    """The first of them, source by source, for the run's receipt."""
    return first_of(_all(pulled, lost or [()] * len(pulled)))


def _all(pulled: Sequence[Pulled], lost: Sequence[Sequence[RelPath]]) -> Iterator[RunProblem]:
    for one, paths in zip(pulled, lost, strict=True):
        for problem in one.report.problems:
            yield run_problem(one.source.name, problem)
        for path in paths:
            problem = PathProblem(kind=ProblemKind.NOT_STORED, path=path, message=NOT_STORED)
            yield run_problem(one.source.name, problem)
