"""Forward runs: undo and accept are entered as a backup is - a run, a manifest, a receipt and a point.

So earlier points and increments stay as they are, and what such a run did can itself be undone.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from bckcore.domain.events import RunFinished
from bckcore.domain.ids import SourceName, new_run_id
from bckcore.domain.manifest import ManifestInfo
from bckcore.domain.profile import Profile
from bckcore.domain.restore_point import Counted
from bckcore.domain.run import ChangeCounts, Run, RunKind, RunOutcome
from bckcore.errors import BckError, JobCancelledError, LeaseLostError
from bckcore.ports.catalog import SourceState
from bckcore.ports.clock import Clock
from bckcore.ports.job_queue import Claim
from bckcore.ports.transport import Watcher
from bckcore.ports.unit_of_work import UnitOfWorkFactory
from bckcore.services.done_before import Ended, done_before
from bckcore.services.hooks import Hooks
from bckcore.services.ledger import Closing, Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the work of a forward run came to."""

    manifest: ManifestInfo | None
    states: tuple[SourceState, ...]
    counts: ChangeCounts
    problems: int = 0


class ForwardRuns:
    """Begins and closes them. The caller holds the profile's storage lock, and has recovered the profile."""

    def __init__(
        self,
        *,
        units: UnitOfWorkFactory,
        ledger: Ledger,
        hooks: Hooks,
        clock: Clock,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._units = units
        self._ledger = ledger
        self._hooks = hooks
        self._clock = clock
        self._random_bytes = random_bytes

    def done_before(self, claim: Claim, watcher: Watcher) -> Ended | None:
        """What :func:`~bckcore.services.done_before.done_before` finds."""
        return done_before(self._units, self._hooks, claim, watcher)

    def begin(
        self, kind: RunKind, profile: Profile, claim: Claim, *, disturbing: Iterable[SourceName] = ()
    ) -> Run:
        """Enter a new run. Until it ends, ``current`` may differ from the catalog in ``disturbing``.

        Raises JobCancelledError for a job that is to stop; there is no run then.
        """
        with self._units() as uow:
            last = uow.runs.last(profile.id)
            now = self._clock.now()
            run = Run(
                id=new_run_id(now, self._random_bytes(4)),
                profile=profile.id,
                host=profile.host,
                job=claim.job.id,
                seq=last.seq + 1 if last else 1,
                started=now,
                kind=kind,
            )
            uow.runs.add(run)
            states = uow.catalog.source_states(profile.id)
            for name in disturbing:
                state = states.get(name, SourceState(source=name))
                uow.catalog.save_source_state(profile.id, replace(state, interrupted=True))
            uow.hold(claim, wanted=True)
            uow.commit(claim=claim)
        return run

    def carry_out(
        self,
        run: Run,
        work: Callable[[], Outcome],
        *,
        note: str,
        claim: Claim,
        watcher: Watcher,
        put_right: Callable[[], None] = lambda: None,
    ) -> Ended:
        """Do the work and close the run, whatever its end. Raises what keeps it from being written down.

        ``put_right`` takes back what failed work had done. Where that fails too, the run is left open, and
        the next start goes on with it.
        """
        try:
            outcome = work()
        except LeaseLostError:
            raise
        except BckError as error:
            self._put_right(put_right, error, watcher)
            return self._failed(run, error, note, claim, watcher), error
        # What fails from here on leaves the run open: whether its receipt stands, the next start finds out.
        ended = self._finished(run, outcome, note, claim)
        self._hooks.run_finished(RunFinished(run=ended))
        return ended, None

    def _put_right(self, put_right: Callable[[], None], error: BckError, watcher: Watcher) -> None:
        try:
            put_right()
        except BckError as worse:
            watcher.log(f"What was begun is taken back at the next start: {worse}", level="warning")
            raise error from worse

    def _finished(self, run: Run, outcome: Outcome, note: str, claim: Claim) -> Run:
        made = outcome.manifest is not None
        # A point that is not whole must not push out one that is (law L5).
        counted = Counted.WEAK if outcome.problems else Counted.COUNTED
        run = replace(run, made_point=made, counts=outcome.counts, problem_count=outcome.problems)
        ended = run.ended(RunOutcome.PARTIAL if outcome.problems else RunOutcome.SUCCEEDED, self._clock.now())
        closing = Closing(
            run=ended,
            counted=counted if made else None,
            manifest=outcome.manifest,
            filters=(),
            states=outcome.states,
            note=note,
        )
        self._ledger.close(closing, claim=claim)
        return ended

    def _failed(self, run: Run, error: BckError, note: str, claim: Claim, watcher: Watcher) -> Run:
        cancelled = isinstance(error, JobCancelledError)
        ended = run.ended(RunOutcome.CANCELLED if cancelled else RunOutcome.FAILED, self._clock.now(), error)
        watcher.log(str(error), level="warning" if cancelled else "error")
        closing = Closing(run=ended, counted=None, manifest=None, filters=(), note=note)
        self._ledger.close(closing, claim=claim)
        self._hooks.run_finished(RunFinished(run=ended))
        return ended
