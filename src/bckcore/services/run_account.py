"""RunAccount: one run, with what it could not read or store."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bckcore.domain.act import Act, ActKind
from bckcore.domain.ids import ProfileId, RunId
from bckcore.domain.job import LATEST
from bckcore.domain.paths import is_below, rel_path
from bckcore.domain.problem_reason import Reason
from bckcore.domain.run import ProfileRef, Run
from bckcore.domain.run_problem import RunProblem
from bckcore.errors import InvalidInputError, NotFoundError, StorageError
from bckcore.ports.records import RecordStore
from bckcore.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory


@dataclass(frozen=True, slots=True, kw_only=True)
class RunAccount:
    """``problems`` are the first of those that ``run.problem_count`` counts; forgotten paths are left out."""

    run: Run
    problems: tuple[RunProblem, ...]
    held: bool = True
    """False where nobody here can tell them: the run is old, and its receipt, which can, is not at hand."""

    @property
    def reasons(self) -> Mapping[Reason, int]:
        """How many of ``problems`` have each reason, the most frequent first."""
        return dict(Counter(one.explanation.reason for one in self.problems).most_common())

    def part(
        self, *, after: int, limit: int, reason: Reason | None = None
    ) -> tuple[Sequence[tuple[int, RunProblem]], int | None]:
        """At most ``limit`` problems, numbered from 1, after a known number; the ``after`` of the next."""
        numbered = enumerate(self.problems, start=1)
        wanted = [
            (number, one)
            for number, one in numbered
            if number > after and reason in (None, one.explanation.reason)
        ]
        part = wanted[:limit]
        return part, part[-1][0] if len(wanted) > limit else None


def account(units: UnitOfWorkFactory, records: RecordStore, profile: ProfileId, wanted: str) -> RunAccount:
    """The run of that number or name, or ``latest``. Raises NotFoundError.

    What the database no longer has of an old run is read from its receipt.
    """
    with units(read_only=True) as uow:
        uow.profiles.get(profile)
        run = _chosen(uow, profile, wanted)
        if run is None:
            raise NotFoundError(
                f"Profile {profile} has no run {wanted[:200]!r}.",
                advice="'latest', a run's number or its name will do; 'bck run list' lists them.",
            )
        problems = uow.runs.problems(profile, run.seq)
        acts = uow.acts.list(profile) if run.problem_count else ()
    if run.problem_count and not problems:
        problems = _of_the_receipt(records, run)
    told = tuple(_without_forgotten(acts, run, problems))
    return RunAccount(run=run, problems=told, held=bool(problems) or not run.problem_count)


def _of_the_receipt(records: RecordStore, run: Run) -> Sequence[RunProblem]:
    """None, where this machine has no storage with it, or it cannot be read: a check says so aloud."""
    try:
        receipt, _ = records.read_receipt(ProfileRef(host=run.host, profile=run.profile), run.seq)
    except (NotFoundError, StorageError):
        return ()
    return receipt.problems if receipt.run.id == run.id else ()


def _chosen(uow: UnitOfWork, profile: ProfileId, wanted: str) -> Run | None:
    if wanted == LATEST:
        return uow.runs.last(profile)
    if wanted.isascii() and wanted.isdigit() and len(wanted) < 10:
        found = uow.runs.list(profile, after_seq=int(wanted) - 1, limit=1)
        return next((run for run in found if run.seq == int(wanted)), None)
    try:
        run = uow.runs.get(RunId(wanted))
    except NotFoundError:
        return None
    return run if run.profile == profile else None


def _without_forgotten(acts: Sequence[Act], run: Run, problems: Sequence[RunProblem]) -> Sequence[RunProblem]:
    """People asked not to see any more what was removed on purpose after the run."""
    forgotten = [
        place
        for act in acts
        if act.kind is ActKind.FORGET and act.after_seq >= run.seq
        for place in act.paths
    ]
    if not forgotten:
        return problems
    return [
        problem
        for problem in problems
        if not any(source == problem.source and _below(problem.path, path) for source, path in forgotten)
    ]


def _below(path: bytes, folder: bytes) -> bool:
    try:
        return is_below(rel_path(path), rel_path(folder))
    except InvalidInputError:
        return False
