"""Accept: a person looked at a suspect run, and what it missed is gone from now on.

A forward run like any other: it writes the deletions into a manifest and makes a counted point. Earlier
points keep the files, and the bytes stay where they are.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from bckcore.domain.file_version import EntryKind, FileEntry
from bckcore.domain.ids import ProfileId, SourceName
from bckcore.domain.manifest import Change, ChangeOp
from bckcore.domain.paths import RelPath
from bckcore.domain.profile import Profile
from bckcore.domain.run import ChangeCounts, Run, RunKind, RunOutcome
from bckcore.errors import ConflictError, NotFoundError
from bckcore.ports.catalog import Catalog, SourceState
from bckcore.ports.job_queue import Claim
from bckcore.ports.storage import Storage
from bckcore.ports.transport import Watcher
from bckcore.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from bckcore.services.aim import named_run
from bckcore.services.done_before import Ended
from bckcore.services.forward import ForwardRuns, Outcome
from bckcore.services.history_requests import AcceptRequest
from bckcore.services.ledger import Ledger
from bckcore.services.recovery import Recovery
from bckcore.services.stopping import require_wanted
from bckcore.services.tally import Tally

BATCH = 2000
_LOOKED = (RunOutcome.SUCCEEDED, RunOutcome.PARTIAL, RunOutcome.SUSPECT)


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptPlan:
    """What accepting would mark as gone."""

    run: Run
    missing: tuple[tuple[SourceName, FileEntry], ...]
    """The topmost paths; a folder stands for all below it."""


class AcceptService:
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

    def plan(self, profile_id: ProfileId, request: AcceptRequest) -> AcceptPlan:
        """What :meth:`accept` would do now; changes nothing.

        Raises NotFoundError for an unknown profile or run, ConflictError for a run that is not suspect, that
        a newer one has overtaken, or that did not write down what it missed.
        """
        with self._units(read_only=True) as uow:
            profile = uow.profiles.get(profile_id)
            run = _suspect_run(uow, profile, request)
        missing = tuple(
            (change.source, change.entry) for change in self._lines(run) if change.op is ChangeOp.MISSING
        )
        if not missing:
            raise ConflictError(
                f"Run {run.seq} did not write down what it missed: an older version of this program made it.",
                advice=f"Look once more and accept at once: bck backup {profile.id} --accept-missing.",
            )
        return AcceptPlan(run=run, missing=missing)

    def _lines(self, run: Run) -> Iterator[Change]:
        try:
            yield from self._storage.read_manifest(run.ref, run.seq)
        except NotFoundError:
            return

    def accept(self, claim: Claim, watcher: Watcher) -> Ended:
        """Carry out the claimed job; return the run, over, and the error that ended it, if one did.

        Raises what :meth:`plan` raises, StoreBusyError, StorageError, what keeps the run from being written
        down, JobCancelledError where no run was begun, and LeaseLostError; the next start then puts things in
        order.
        """
        with self._units(read_only=True) as uow:
            profile = uow.profiles.get(claim.job.profile)
        request = AcceptRequest.of(claim.job)
        with self._storage.lock(profile.ref):
            for sentence in self._recovery.recover(profile.ref):
                watcher.log(sentence, level="warning")
            if (before := self._forward.done_before(claim, watcher)) is not None:
                return before
            require_wanted(watcher, "acceptance")
            plan = self.plan(profile.id, request)
            run = self._forward.begin(RunKind.ACCEPT, profile, claim)
            by = claim.job.requested_by
            watcher.log(f"Run {run.seq} takes what run {plan.run.seq} missed as deleted, as {by} asked.")
            note = f"{by} accepted run {plan.run.seq}: {request.reason}"
            ended = self._forward.carry_out(
                run, lambda: self._work(run, plan, watcher), note=note, claim=claim, watcher=watcher
            )
        if ended[1] is None:
            watcher.log(_summary(ended[0]))
        return ended

    def _work(self, run: Run, plan: AcceptPlan, watcher: Watcher) -> Outcome:
        by_source: dict[SourceName, list[FileEntry]] = {}
        for name, entry in plan.missing:
            by_source.setdefault(name, []).append(entry)
        with self._units(read_only=True) as uow:
            states = uow.catalog.source_states(run.profile)
            tallies = {
                name: Tally(prior=states.get(name, SourceState(source=name)))
                for name in sorted({*states, *by_source})
            }
            gone = _gone(uow.catalog, run, by_source, tallies)
            manifest = self._ledger.spool(run, _watched(gone, watcher))
        return Outcome(
            manifest=manifest,
            states=tuple(
                tallies[name].state(interrupted=tallies[name].prior.interrupted) for name in by_source
            ),
            counts=sum((tally.counts for tally in tallies.values()), ChangeCounts()),
        )


def _gone(
    catalog: Catalog,
    run: Run,
    missing: dict[SourceName, list[FileEntry]],
    tallies: dict[SourceName, Tally],
) -> Iterator[Change]:
    """An end for every path that is live at or below what is missing."""
    for name, entries in missing.items():
        folders = [entry.path for entry in entries if entry.kind is EntryKind.FOLDER]
        others = [entry.path for entry in entries if entry.kind is not EntryKind.FOLDER]
        for entry in _live(catalog, run, name, folders, others):
            yield tallies[name].note(Change(name, ChangeOp.GONE, entry), entry)


def _watched(changes: Iterator[Change], watcher: Watcher) -> Iterator[Change]:
    for change in changes:
        require_wanted(watcher, "acceptance")
        yield change


def _live(
    catalog: Catalog, run: Run, source: SourceName, folders: Sequence[RelPath], others: Sequence[RelPath]
) -> Iterator[FileEntry]:
    if folders:  # none at all would mean everything
        yield from catalog.entries(run.profile, run.seq, source, folders)
    remaining = iter(others)
    while batch := list(islice(remaining, BATCH)):
        found = catalog.live(run.profile, source, batch)
        yield from (found[path] for path in sorted(found))


def _suspect_run(uow: UnitOfWork, profile: Profile, request: AcceptRequest) -> Run:
    looked = [run for run in uow.runs.list(profile.id) if run.outcome in _LOOKED]
    if not looked:
        raise ConflictError(f"No run of {profile.id} has ended yet.", advice="Run a backup first.")
    newest = looked[-1]
    run = named_run(uow, profile, request.run) if request.run else newest
    if run.outcome is not RunOutcome.SUSPECT:
        raise ConflictError(
            f"Run {run.seq} of {profile.id} is not suspect: there is nothing to accept.",
            advice=f"See how runs ended: bck run list {profile.id}",
        )
    if run.seq != newest.seq:
        raise ConflictError(
            f"Run {newest.seq} ({newest.kind.value}) came after run {run.seq}, so that one is out of date.",
            advice=f"Accept the newest suspect run, or look once more: bck backup {profile.id}",
        )
    return run


def _summary(run: Run) -> str:
    counts = run.counts
    if not run.made_point:
        return f"Run {run.seq}: nothing of what was missing is part of the state any more; no point was made."
    return (
        f"Run {run.seq} {run.outcome.value if run.outcome else 'is open'}: {counts.gone} files count as "
        f"deleted, {counts.files} remain; restore point {run.id}. Earlier points keep them."
    )
