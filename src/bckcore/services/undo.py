"""Undo: a forward run that brings ``current`` back to the state before a run (law L9).

What gives way moves into the undo's own increment, and a new point is made; earlier points, increments and
manifests stay. So an undo can be undone, and a crash in it is healed like that of a backup.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from bckcore.domain.difference import Difference, DifferenceKind, difference
from bckcore.domain.file_version import FileEntry
from bckcore.domain.ids import ProfileId, RunId, SourceName
from bckcore.domain.job import LATEST
from bckcore.domain.manifest import Change, ChangeOp
from bckcore.domain.paths import display
from bckcore.domain.profile import Profile
from bckcore.domain.restore_point import RestorePoint
from bckcore.domain.run import ChangeCounts, ProfileRef, Run, RunKind
from bckcore.domain.transfer import PathProblem, Phase, TransferProgress
from bckcore.domain.wording import counted
from bckcore.errors import BckError, JobCancelledError
from bckcore.ports.catalog import Catalog, SourceState
from bckcore.ports.job_queue import Claim
from bckcore.ports.put_back import StepBack
from bckcore.ports.storage import AttemptDirs, Storage
from bckcore.ports.transport import Watcher
from bckcore.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from bckcore.services.aim import aimed_at, run_to_undo
from bckcore.services.done_before import Ended
from bckcore.services.forward import ForwardRuns, Outcome
from bckcore.services.history_requests import UndoRequest
from bckcore.services.ledger import Ledger
from bckcore.services.recovery import Recovery
from bckcore.services.stopping import require_wanted
from bckcore.services.tally import Tally
from bckcore.services.wanted import known_states

BATCH = 2000
SHOWN = 1000
"""Changes that a plan names one by one; problems that a log names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoPlan:
    """What an undo would do."""

    goal: RestorePoint
    undone: tuple[Run, ...]
    """Runs after the goal that made a difference, by number."""
    changes: tuple[Difference, ...]
    """From what stands there now to what would; the first 1,000."""
    kinds: Mapping[DifferenceKind, int]
    """How many paths, folders included, differ in which way."""
    counts: ChangeCounts

    @property
    def change_count(self) -> int:
        """How many paths differ."""
        return sum(self.kinds.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Aim:
    """Everything one undo works with."""

    goal: RestorePoint
    undone: tuple[Run, ...]
    live_seq: int
    prior: dict[SourceName, SourceState]
    """Every source that has a path now or had one at the goal."""
    increments: tuple[RunId, ...]


class UndoService:
    """Thread-safe: one call per profile at a time, the storage lock sees to it."""

    def __init__(
        self,
        *,
        units: UnitOfWorkFactory,
        storage: Storage,
        ledger: Ledger,
        recovery: Recovery,
        forward: ForwardRuns,
    ) -> None:
        self._units = units
        self._storage = storage
        self._ledger = ledger
        self._recovery = recovery
        self._forward = forward

    def check(self, profile_id: ProfileId, request: UndoRequest) -> RestorePoint:
        """The point that :meth:`undo` would go back to.

        Raises NotFoundError for an unknown profile, run or point, ConflictError where the state before the
        run is no longer kept.
        """
        with self._units(read_only=True) as uow:
            return aimed_at(uow, uow.profiles.get(profile_id), request)[0]

    def settled(self, profile_id: ProfileId, request: UndoRequest) -> UndoRequest:
        """The same, for later: ``latest`` is the run that is so now, whatever runs meanwhile.

        Raises NotFoundError.
        """
        if request.run != LATEST:
            return request
        with self._units(read_only=True) as uow:
            run = run_to_undo(uow, uow.profiles.get(profile_id), request.run)
        return replace(request, run=run.id)

    def plan(self, profile_id: ProfileId, request: UndoRequest) -> UndoPlan:
        """What :meth:`undo` would do now, as far as the catalog knows; changes nothing.

        Raises what :meth:`check` raises.
        """
        with self._units(read_only=True) as uow:
            profile = uow.profiles.get(profile_id)
            aim = _aim(uow, profile, request)
            tallies, shown, kinds = [], list[Difference](), Counter[DifferenceKind]()
            for name, prior in aim.prior.items():
                tally = Tally(prior=prior)
                tallies.append(tally)
                for step in _steps(uow.catalog, profile.id, name, aim):
                    change = _change(name, step, step.wanted)
                    told = difference(name, step.live, step.wanted)
                    if change is not None and told is not None:
                        tally.note(change, step.live)
                        kinds[told.kind] += 1
                        shown += [told] if len(shown) < SHOWN else []
        return UndoPlan(
            goal=aim.goal,
            undone=aim.undone,
            changes=tuple(shown),
            kinds=kinds,
            counts=sum((tally.counts for tally in tallies), ChangeCounts()),
        )

    def undo(self, claim: Claim, watcher: Watcher) -> Ended:
        """Carry out the claimed job; return the run, over, and the error that ended it, if one did.

        Raises what :meth:`plan` raises, StoreBusyError, StorageError, what keeps the run from being written
        down, JobCancelledError where no run was begun, and LeaseLostError; the next start then puts things in
        order.
        """
        with self._units(read_only=True) as uow:
            profile = uow.profiles.get(claim.job.profile)
        request = UndoRequest.of(claim.job)
        with self._storage.lock(profile.ref):
            for sentence in self._recovery.recover(profile.ref):
                watcher.log(sentence, level="warning")
            if (before := self._forward.done_before(claim, watcher)) is not None:
                return before
            require_wanted(watcher, "undo")
            with self._units(read_only=True) as uow:
                aim = _aim(uow, profile, request)
            run = self._forward.begin(RunKind.UNDO, profile, claim, disturbing=aim.prior)
            watcher.log(f"Run {run.seq} undoes {_named(aim.undone)}: back to point {aim.goal.run_id}.")
            work = _Work(self._units, self._storage, self._ledger, profile, aim, run, watcher)
            note = _note(claim, request, aim)
            ended = self._forward.carry_out(
                run,
                work.do,
                note=note,
                claim=claim,
                watcher=watcher,
                put_right=lambda: self._ledger.put_right(run),
            )
        if ended[1] is None:
            watcher.log(_summary(ended[0]))
        return ended


class _Work:
    """One undo, between the beginning of its run and its end."""

    def __init__(
        self,
        units: UnitOfWorkFactory,
        storage: Storage,
        ledger: Ledger,
        profile: Profile,
        aim: _Aim,
        run: Run,
        watcher: Watcher,
    ) -> None:
        self._units = units
        self._storage = storage
        self._ledger = ledger
        self._profile = profile
        self._aim = aim
        self._run = run
        self._watcher = watcher
        self._problems: dict[SourceName, int] = dict.fromkeys(aim.prior, 0)

    def do(self) -> Outcome:
        """Put back source by source, then tell what has changed."""
        with self._units(read_only=True) as uow:
            for name in self._aim.prior:
                self._put_back(uow.catalog, name)
            self._watcher.progress(TransferProgress(phase=Phase.CATALOGUING))
            tallies = {name: Tally(prior=prior) for name, prior in self._aim.prior.items()}
            manifest = self._ledger.spool(self._run, self._changes(uow.catalog, tallies))
        return Outcome(
            manifest=manifest,
            states=tuple(
                tally.state(interrupted=bool(self._problems[name])) for name, tally in tallies.items()
            ),
            counts=sum((tally.counts for tally in tallies.values()), ChangeCounts()),
            problems=sum(self._problems.values()),
        )

    def _put_back(self, catalog: Catalog, name: SourceName) -> None:
        attempt = self._storage.begin_attempt(self._run.ref, self._run.id, name)
        try:
            report = self._storage.put_back(
                attempt,
                self._watched(name, _steps(catalog, self._profile.id, name, self._aim)),
                self._aim.increments,
                trusted=not self._aim.prior[name].interrupted,
                on_problem=lambda problem: self._note_problem(name, problem),
            )
        except BckError:
            self._fold(attempt)
            raise
        self._storage.fold(attempt)
        copied = f"; {report.copied} bytes had to be copied" if report.copied else ""
        self._watcher.log(
            f"{name}: {counted(report.put, 'file')} put back, {report.displaced} moved aside{copied}."
        )

    def _fold(self, attempt: AttemptDirs) -> None:
        try:
            self._storage.fold(attempt)
        except BckError as error:  # what ended the work is told; the next start folds what is left
            self._watcher.log(f"An attempt folder is left for later: {error}", level="warning")

    def _watched(self, name: SourceName, steps: Iterable[StepBack]) -> Iterator[StepBack]:
        for number, step in enumerate(steps):
            if number % BATCH == 0:
                if self._watcher.is_cancelled():
                    raise JobCancelledError(
                        "The undo was cancelled.",
                        meaning="Everything is as it was before; nothing was undone.",
                        advice="Start it again when you like.",
                    )
                self._watcher.progress(TransferProgress(phase=Phase.UNDOING, source=name, files_done=number))
            yield step

    def _note_problem(self, name: SourceName, problem: PathProblem) -> None:
        self._problems[name] += 1
        if self._problems[name] <= SHOWN:
            where = f"{name}/{display(problem.path)}"
            self._watcher.log(f"{problem.kind.value}: {where}: {problem.message}", level="warning")

    def _changes(self, catalog: Catalog, tallies: dict[SourceName, Tally]) -> Iterator[Change]:
        """Every difference between the state before and what stands in ``current`` now."""
        for name, tally in tallies.items():
            steps = _steps(catalog, self._profile.id, name, self._aim)
            differing = (step for step in steps if step.live != step.wanted)
            while batch := list(islice(differing, BATCH)):
                for step, stands in self._stands(name, batch):
                    change = _change(name, step, stands)
                    if change is not None:
                        yield tally.note(change, step.live)

    def _stands(
        self, name: SourceName, batch: Sequence[StepBack]
    ) -> Iterator[tuple[StepBack, FileEntry | None]]:
        """What stands in ``current``, with the digest that belongs to it."""
        ref: ProfileRef = self._run.ref
        wanted = [step.path for step in batch if step.wanted is not None]
        found = dict(self._storage.stat(ref, name, wanted))
        for step in batch:
            yield step, _with_digest(found.get(step.path), step)


def _with_digest(stands: FileEntry | None, step: StepBack) -> FileEntry | None:
    for known in (step.wanted, step.live):
        if stands is not None and known is not None and stands == known.without_digest():
            return replace(stands, digest=known.digest)
    return stands


def _steps(catalog: Catalog, profile: ProfileId, source: SourceName, aim: _Aim) -> Iterator[StepBack]:
    """Every path that is live or was there at the goal, by path; two streams merged."""
    states_of = known_states(catalog, profile, source)
    live = catalog.entries(profile, aim.live_seq, source)
    goal = catalog.entries(profile, aim.goal.seq, source)
    now, wanted = next(live, None), next(goal, None)
    while now is not None or wanted is not None:
        if wanted is None or (now is not None and now.path < wanted.path):
            yield StepBack(now, None, states_of)
            now = next(live, None)
        elif now is None or wanted.path < now.path:
            yield StepBack(None, wanted, states_of)
            wanted = next(goal, None)
        else:
            yield StepBack(now, wanted, states_of)
            now, wanted = next(live, None), next(goal, None)


def _change(source: SourceName, step: StepBack, stands: FileEntry | None) -> Change | None:
    """What becomes of the path, where ``stands`` is what stands there afterwards."""
    live = step.live
    if step.wanted is None or stands is None:
        return Change(source, ChangeOp.GONE, live) if live is not None else None
    if live is None:
        return Change(source, ChangeOp.ADDED, stands)
    same = stands.same_content(live)
    if same and stands.without_digest() == live.without_digest():
        return None
    return Change(source, ChangeOp.ATTRIBUTES if same else ChangeOp.CONTENT, stands)


def _aim(uow: UnitOfWork, profile: Profile, request: UndoRequest) -> _Aim:
    goal, undone, live_seq = aimed_at(uow, profile, request)
    states = uow.catalog.source_states(profile.id)
    names = {
        *uow.catalog.sources_at(profile.id, goal.seq),
        *uow.catalog.sources_at(profile.id, live_seq),
    }
    increments = uow.runs.increments(profile.id, after_seq=goal.seq)
    return _Aim(
        goal=goal,
        undone=undone,
        live_seq=live_seq,
        prior={name: states.get(name, SourceState(source=name)) for name in sorted(names)},
        increments=tuple(run.id for run in increments),
    )


def _named(runs: Sequence[Run]) -> str:
    if not runs:
        return "no run, for none made a difference"
    if len(runs) == 1:
        return f"run {runs[0].seq}"
    return f"runs {runs[0].seq} to {runs[-1].seq}"


def _note(claim: Claim, request: UndoRequest, aim: _Aim) -> str:
    done = f"{claim.job.requested_by} undid {_named(aim.undone)}, back to point {aim.goal.run_id}"
    return f"{done}: {request.reason}" if request.reason else f"{done}."


def _summary(run: Run) -> str:
    """An undo's end in one line of the job's log."""
    outcome = run.outcome.value if run.outcome else "is open"
    if not run.made_point:
        return f"Run {run.seq} {outcome}: nothing differed; no point was made."
    counts = run.counts
    changes = f"{counts.added} added, {counts.changed} changed, {counts.gone} gone"
    return (
        f"Run {run.seq} {outcome}: {changes}; restore point {run.id}. The PC was not touched: "
        "the next backup stores what it has now as a new point."
    )
