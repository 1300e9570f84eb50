"""Prune: decide which points go, then merge or free the increments that only they needed (law L5).

Let I_k be what run k displaced; points *before* k need it. The increment of a run that is no kept
point is merged into the next newer one, its own entries winning; if no kept point lies before it, it
is freed. First the decision is durable in storage, then the database forgets the points, then increments
move, and only when all that is on the disk the database hears which stand no more: cut anywhere, also by the
power, and run again, the same rule goes on where it stopped. To do a step twice changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from bckcore.domain.act import ActKind
from bckcore.domain.events import PointsPruned
from bckcore.domain.ids import ProfileId, RunId
from bckcore.domain.job import JobKind
from bckcore.domain.profile import Profile
from bckcore.domain.retention import RetentionDecision, RetentionPolicy
from bckcore.domain.run import ProfileRef, Run
from bckcore.domain.transfer import Phase, TransferProgress
from bckcore.domain.wording import counted
from bckcore.errors import JobCancelledError
from bckcore.ports.clock import Clock
from bckcore.ports.job_queue import Claim
from bckcore.ports.storage import Storage
from bckcore.ports.transport import Watcher
from bckcore.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from bckcore.services.acts import Acts
from bckcore.services.hooks import Hooks
from bckcore.services.recovery import Recovery
from bckcore.services.stopping import require_wanted

NOBODY = "retention"
"""Who asked, in the record of a prune that followed a backup."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneReport:
    """What a prune decided and did."""

    decisions: tuple[RetentionDecision, ...]
    merged: int = 0
    freed: int = 0
    bytes_freed: int = 0
    """What the files that went took up on the disk; in a plan, what would come free."""

    @property
    def forgotten(self) -> tuple[RetentionDecision, ...]:
        """The decisions against a point."""
        return tuple(decision for decision in self.decisions if not decision.keep)

    @property
    def kept(self) -> tuple[int, ...]:
        """Numbers of the points that stay."""
        return tuple(decision.point.seq for decision in self.decisions if decision.keep)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """What becomes of one increment: merged into a newer one, or freed."""

    run: RunId
    into: RunId | None


class PruneService:
    """Keeps a profile's restore points to its retention policy."""

    def __init__(
        self,
        *,
        units: UnitOfWorkFactory,
        storage: Storage,
        recovery: Recovery,
        hooks: Hooks,
        clock: Clock,
    ) -> None:
        self._units = units
        self._storage = storage
        self._recovery = recovery
        self._hooks = hooks
        self._clock = clock
        self._acts = Acts(units=units, storage=storage, clock=clock)

    def plan(self, profile_id: ProfileId) -> PruneReport:
        """What :meth:`prune` would do now; changes nothing. Raises NotFoundError, StorageError.

        While a backup of the profile runs, ``bytes_freed`` may be off by what that run displaces.
        """
        with self._units(read_only=True) as uow:
            profile = uow.profiles.get(profile_id)
            plan = self._decided(uow, profile_id)
            steps = _steps(plan.kept, uow.runs.increments(profile_id))
        return replace(plan, bytes_freed=self._weighed(profile.ref, steps))

    def prune(self, profile_id: ProfileId, watcher: Watcher, *, claim: Claim | None = None) -> PruneReport:
        """Forget what the policy does not keep. May be cut anywhere and repeated.

        Raises NotFoundError, StoreBusyError, StorageError, InvalidInputError (the policy's time zone is
        not known here), JobCancelledError: before the points are forgotten, nothing has happened then, or
        between two increments.
        """
        with self._units(read_only=True) as uow:
            profile = uow.profiles.get(profile_id)
        with self._storage.lock(profile.ref):
            require_wanted(watcher, "pruning of old points")
            for sentence in self._recovery.tidy(profile.ref, full=True):
                watcher.log(sentence, level="warning")
            self._recovery.require_own_storage(profile.ref)
            plan = self._forgotten(profile, claim)
            try:
                return self._tidied(profile, plan, watcher, claim)
            finally:  # the points are forgotten, whatever stops the rest
                if plan.forgotten:
                    self._hooks.points_pruned(PointsPruned(profile=profile.id, decisions=plan.decisions))

    def _decided(self, uow: UnitOfWork, profile: ProfileId) -> PruneReport:
        policy = uow.profiles.get(profile).retention
        points, holds = uow.points.list(profile), uow.holds.list(profile)
        return PruneReport(decisions=policy.evaluate(points, now=self._clock.now(), holds=holds))

    def _forgotten(self, profile: Profile, claim: Claim | None) -> PruneReport:
        """Decide and write it down within one unit, so that no hold can come in between."""
        with self._units() as uow:
            self._acts.caught_up(uow, profile.ref)
            plan = self._decided(uow, profile.id)
            if plan.forgotten:
                uow.hold(claim, wanted=True)
                self._acts.record_in(
                    uow,
                    profile.ref,
                    ActKind.PRUNE,
                    by=_asked_by(claim),
                    reason=_account(uow.profiles.get(profile.id).retention, plan.forgotten),
                    points=[decision.point.seq for decision in plan.forgotten],
                )
            uow.commit(claim=claim)
        return plan

    def _weighed(self, ref: ProfileRef, steps: Sequence[_Step]) -> int:
        return self._storage.weigh(ref, [(step.run, step.into) for step in steps]) if steps else 0

    def _tidied(
        self, profile: Profile, plan: PruneReport, watcher: Watcher, claim: Claim | None
    ) -> PruneReport:
        with self._units(read_only=True) as uow:
            steps = _steps(plan.kept, uow.runs.increments(profile.id))
        _require_continued(watcher)
        bytes_freed = self._weighed(profile.ref, steps)
        for place, step in enumerate(steps):
            _require_continued(watcher)
            watcher.progress(TransferProgress(phase=Phase.PRUNING, percent=place * 100 // len(steps)))
            if step.into is None:
                self._storage.free(profile.ref, step.run)
            else:
                self._storage.merge(profile.ref, step.run, step.into)
        self._removed(profile.ref, steps, claim)
        self._aside_dropped(profile.ref, plan, watcher)
        merged = sum(step.into is not None for step in steps)
        return replace(plan, merged=merged, freed=len(steps) - merged, bytes_freed=bytes_freed)

    def _aside_dropped(self, ref: ProfileRef, plan: PruneReport, watcher: Watcher) -> None:
        """What runs before the oldest kept point found harmed: nothing from so long ago is kept any more."""
        oldest = next((one.point for one in plan.decisions if one.keep), None)
        if oldest is not None and (gone := self._storage.drop_aside(ref, oldest.run_id)):
            watcher.log(
                f"Removed {counted(gone, 'harmed file')} that runs before the oldest kept point "
                f"({oldest.seq}) had set aside."
            )

    def _removed(self, ref: ProfileRef, steps: Sequence[_Step], claim: Claim | None) -> None:
        """Once for all steps: a power cut before it undoes at worst what the next prune does again."""
        if not steps:
            return
        self._storage.settle(ref)
        with self._units() as uow:
            for step in steps:
                uow.runs.increment_removed(step.run)
            uow.commit(claim=claim)


def _require_continued(watcher: Watcher) -> None:
    if watcher.is_cancelled():
        raise JobCancelledError(
            "Pruning was cancelled between two increments; nothing is half done.",
            meaning="Points that it had forgotten by then stay forgotten; every point that is left is whole.",
            advice="The next prune frees what is left.",
        )


def _steps(kept: Sequence[int], runs: Sequence[Run]) -> list[_Step]:
    """What becomes of the increments of ``runs`` (by number) when only the points ``kept`` stay."""
    staying, oldest = set(kept), min(kept, default=None)
    steps = []
    for run, newer in zip_longest(runs, runs[1:]):
        if oldest is None or run.seq <= oldest:
            steps.append(_Step(run=run.id, into=None))
        elif run.seq not in staying and newer is not None:
            steps.append(_Step(run=run.id, into=newer.id))
    return steps


def _asked_by(claim: Claim | None) -> str:
    return claim.job.requested_by if claim is not None and claim.job.kind is JobKind.PRUNE else NOBODY


def _account(policy: RetentionPolicy, forgotten: Sequence[RetentionDecision]) -> str:
    """Why the points went, for the record: the policy, then a line for each point."""
    lines = [
        f"{decision.point.seq} {decision.point.run_id}: {'; '.join(decision.reasons)}"
        for decision in forgotten
    ]
    return "\n".join([policy.text, *lines])
