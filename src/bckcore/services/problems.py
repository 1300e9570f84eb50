"""Problems: which paths a backup run could not read or store, from what transport and ingest say."""

from collections.abc import Iterator, Sequence
from itertools import chain

from bckcore.domain.ids import ProfileId
from bckcore.domain.paths import ROOT, RelPath, display
from bckcore.domain.profile import Profile
from bckcore.domain.run_problem import RunProblem, first_of, run_problem
from bckcore.domain.transfer import PathProblem, ProblemKind
from bckcore.domain.wording import counted
from bckcore.errors import ContentForgedError
from bckcore.ports.storage import Withdrawn
from bckcore.ports.transport import Watcher
from bckcore.services.ingest import SourceIngest
from bckcore.services.pull import Pulled

NOT_STORED = "the new content could not be stored"
HARMED = "the stored copy was no longer what had been backed up; it is set aside, the PC's took its place"
FORGED = "the PC sent other bytes under the size, time and digest of those it had sent before; both are kept"


def told_lost(
    ingests: Sequence[SourceIngest], pulled: Sequence[Pulled], watcher: Watcher
) -> list[list[RelPath]]:
    """What only the ingest noticed, source by source, told in the log."""
    lost = [_unreported(ingest, one) for ingest, one in zip(ingests, pulled, strict=True)]
    for path in chain.from_iterable(lost):
        watcher.log(f"not-stored: {display(path)}: {NOT_STORED}", level="error")
    return lost


def tell_harmed(harmed: Sequence[Sequence[RelPath]], watcher: Watcher) -> None:
    """Copies in the storage that were found harmed, source by source, told in the log."""
    for path in chain.from_iterable(harmed):
        watcher.log(f"harmed: {display(path)}: {HARMED}", level="error")


def tell_forged(
    profile: ProfileId, forged: Sequence[Sequence[RelPath]], watcher: Watcher
) -> ContentForgedError | None:
    """Good copies that the PC tried to have taken for harmed, told in the log; the error of such a run."""
    paths = list(chain.from_iterable(forged))
    for path in paths:
        watcher.log(f"forged: {display(path)}: {FORGED}", level="error")
    if not paths:
        return None
    error = ContentForgedError(
        f"The PC sent {counted(len(paths), 'file')} that nobody had asked for, with bytes made to look like "
        "those it had sent before.",
        meaning="No honest PC does that: somebody has taken it over. All that was kept before stays as it "
        "was; the newest state holds what the PC sent.",
        advice=f"Take the PC off the network and look at it. Which files: bck run problems {profile} latest. "
        "Restore from a point before this run.",
    )
    watcher.log(str(error), level="error")
    return error


def tell_empty(
    profile: Profile, ingests: Sequence[SourceIngest], pulled: Sequence[Pulled], watcher: Watcher
) -> None:
    """Sources that were read without trouble and hold not one file: so meant, or not the right folder."""
    for ingest, one in zip(ingests, pulled, strict=True):
        if not (ingest.counts.files or ingest.suspect or one.report.problem_count):
            watcher.log(
                f"There is no file in {one.source.path} to be backed up. Nothing is wrong if it is empty so "
                "far; else another folder is meant, or everything is left out by a rule. What is read: "
                f"bck backup {profile.id} --dry-run. Another folder: bck profile set {profile.id} --source …",
                level="warning",
            )


def _unreported(ingest: SourceIngest, one: Pulled) -> list[RelPath]:
    """Paths whose new content could not be stored, without those that the transport named itself."""
    named = {problem.path for problem in one.report.problems if problem.kind is ProblemKind.NOT_STORED}
    return [path for path in ingest.lost if path not in named]


Paths = Sequence[Sequence[RelPath]]
"""Of each source."""


def count_of(pulled: Sequence[Pulled], lost: Paths = (), withdrawn: Sequence[Withdrawn] = ()) -> int:
    """How many paths had a problem; ``lost`` and ``withdrawn``: those that only we noticed."""
    noticed = sum(map(len, lost)) + sum(len(one.aside) + len(one.forged) for one in withdrawn)
    more = sum(one.said.problem_count - len(one.said.problems) for one in pulled)
    return sum(one.report.problem_count for one in pulled) + more + noticed


def vanished_of(pulled: Sequence[Pulled]) -> int:
    """How many of them are paths that disappeared while they were read: a note, and nothing amiss.

    A source that went away as a whole is no such thing.
    """
    return sum(len(one.report.vanished - {ROOT}) for one in pulled)


def kept_of(
    pulled: Sequence[Pulled], lost: Paths = (), withdrawn: Sequence[Withdrawn] = ()
) -> tuple[RunProblem, ...]:
    """The first of them, source by source, for the run's receipt."""
    none: Paths = [()] * len(pulled)
    return first_of(_all(pulled, lost or none, withdrawn or [Withdrawn()] * len(pulled)))


def _all(pulled: Sequence[Pulled], lost: Paths, withdrawn: Sequence[Withdrawn]) -> Iterator[RunProblem]:
    for one, paths, bad in zip(pulled, lost, withdrawn, strict=True):
        found = chain(
            _named(ProblemKind.FORGED, bad.forged, FORGED),
            _named(ProblemKind.HARMED, bad.aside, HARMED),
            one.report.problems,
            _named(ProblemKind.NOT_STORED, paths, NOT_STORED),
        )
        yield from (run_problem(one.source.name, problem) for problem in found)


def _named(kind: ProblemKind, paths: Sequence[RelPath], message: str) -> Iterator[PathProblem]:
    return (PathProblem(kind=kind, path=path, message=message) for path in paths)
