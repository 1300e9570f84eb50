"""Prune: decide which points go, then merge or free the increments that only they needed (law L5).

Let I_k be what run k displaced; points *before* k need it. The increment of a run that is no kept
point is merged into the next newer one, its own entries winning; if no kept point lies before it, it
is freed. First the database forgets the points, then increments move: cut anywhere and run again,
the same rule goes on where it stopped.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bckcore.domain.events import PointsPruned
from bckcore.domain.ids import ProfileId
from bckcore.domain.profile import Profile
from bckcore.domain.retention import RetentionDecision
from bckcore.domain.run import Run
from bckcore.domain.transfer import TransferProgress
from bckcore.errors import JobCancelledError
from bckcore.ports.clock import Clock
from bckcore.ports.job_queue import Claim
from bckcore.ports.storage import Storage
from bckcore.ports.transport import Watcher
from bckcore.ports.unit_of_work import UnitOfWorkFactory
from bckcore.services.backup import LOCK_WAIT_SECONDS
from bckcore.services.hooks import Hooks
from bckcore.services.recovery import Recovery


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneReport:
    """What a prune decided and did."""

    decisions: tuple[RetentionDecision, ...]
    merged: int = 0
    freed: int = 0

    @property
    def forgotten(self) -> tuple[RetentionDecision, ...]:
        """The decisions against a point."""
        return tuple(decision for decision in self.decisions if not decision.keep)


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

    def plan(self, profile: ProfileId) -> PruneReport:
        """What :meth:`prune` would decide now; changes nothing. Raises NotFoundError."""
        with self._units(read_only=True) as uow:
            policy = uow.profiles.get(profile).retention
            return PruneReport(decisions=policy.evaluate(uow.points.list(profile), now=self._clock.now()))

    def prune(self, profile_id: ProfileId, watcher: Watcher, *, claim: Claim | None = None) -> PruneReport:
        """Forget what the policy does not keep. May be cut anywhere and repeated.

        Raises NotFoundError, StoreBusyError, StorageError, JobCancelledError between two increments.
        """
        with self._units(read_only=True) as uow:
            profile = uow.profiles.get(profile_id)
        with self._storage.lock(profile.ref, wait_seconds=LOCK_WAIT_SECONDS):
            self._recovery.tidy(profile.ref)
            self._recovery.require_own_storage(profile.ref)
            plan = self._forgotten(profile, claim)
            kept = [decision.point.seq for decision in plan.decisions if decision.keep]
            try:
                merged, freed = self._tidied(profile, kept, watcher, claim)
            finally:  # the points are forgotten, whatever stops the rest
                if plan.forgotten:
                    self._hooks.points_pruned(PointsPruned(profile=profile.id, decisions=plan.decisions))
        return PruneReport(decisions=plan.decisions, merged=merged, freed=freed)

    def _forgotten(self, profile: Profile, claim: Claim | None) -> PruneReport:
        plan = self.plan(profile.id)
        if plan.forgotten:
            with self._units() as uow:
                for decision in plan.forgotten:
                    uow.points.forget(profile.id, decision.point.seq)
                kept = [decision.point.seq for decision in plan.decisions if decision.keep]
                uow.catalog.compact(profile.id, kept)
                uow.commit(claim=claim)
        return plan

    def _tidied(
        self, profile: Profile, kept: Sequence[int], watcher: Watcher, claim: Claim | None
    ) -> tuple[int, int]:
        with self._units(read_only=True) as uow:
            runs = uow.runs.increments(profile.id)
        merged = freed = 0
        for place, run in enumerate(runs):
            if watcher.is_cancelled():
                raise JobCancelledError("Pruning was cancelled between two increments; nothing is half done.")
            watcher.progress(TransferProgress(phase="pruning", percent=place * 100 // len(runs)))
            if not any(seq < run.seq for seq in kept):
                self._storage.free(profile.ref, run.id)
                freed += 1
            elif run.seq not in kept and place + 1 < len(runs):
                self._storage.merge(profile.ref, run.id, runs[place + 1].id)
                merged += 1
            else:
                continue
            self._removed(run, claim)
        return merged, freed

    def _removed(self, run: Run, claim: Claim | None) -> None:
        with self._units() as uow:
            uow.runs.increment_removed(run.id)
            uow.commit(claim=claim)
