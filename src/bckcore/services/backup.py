"""Back up: carry out one backup job from lock to restore point."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from bckcore.domain.estimate import RunBase, base_of
from bckcore.domain.events import HostUnreachable, RunFinished
from bckcore.domain.host import Host
from bckcore.domain.ids import ProfileId, SourceName, new_run_id
from bckcore.domain.job import Job
from bckcore.domain.manifest import Change, ChangeOp
from bckcore.domain.profile import Profile
from bckcore.domain.restore_point import Counted
from bckcore.domain.run import Attempt, ChangeCounts, Run, RunOutcome
from bckcore.domain.run_problem import RunProblem
from bckcore.domain.secret import Secret
from bckcore.domain.transfer import Phase, TransferProgress
from bckcore.domain.wording import counted
from bckcore.errors import (
    BckError,
    ConflictError,
    FilesMissingError,
    HostUnreachableError,
    JobCancelledError,
    LeaseLostError,
    MuchUnreadError,
    StoreFullError,
    VetoedError,
)
from bckcore.ports.catalog import Catalog, SourceState
from bckcore.ports.clock import Clock
from bckcore.ports.job_queue import Claim
from bckcore.ports.storage import ProfileLock, Storage
from bckcore.ports.transport import PathFilterFactory, PullReport, Watcher
from bckcore.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from bckcore.services.definitions import Definitions
from bckcore.services.device_starts import is_by_device, too_soon
from bckcore.services.done_before import Ended, done_before
from bckcore.services.filtering import filter_of, sieve_of
from bckcore.services.held_off import require_start_allowed
from bckcore.services.hooks import Hooks
from bckcore.services.ingest import SourceIngest
from bckcore.services.ledger import Closing, Ledger
from bckcore.services.missing import acceptance, accepts_missing, much_unread, suspicion
from bckcore.services.problems import (
    count_of,
    kept_of,
    tell_empty,
    tell_forged,
    tell_harmed,
    told_lost,
    vanished_of,
)
from bckcore.services.pull import Pulled, Puller, log_report
from bckcore.services.quota import QuotaWatcher
from bckcore.services.recovery import Recovery
from bckcore.services.run_progress import RunProgress
from bckcore.services.schedule_jobs import needs_reachable
from bckcore.services.stopping import require_wanted
from bckcore.services.time_limit import time_of_run
from bckcore.services.whole_sources import Reading, dropped, reading_of, require_something_read

COMPARED_RUNS = 20
"""So many runs back one is looked for whose times tell of this one."""
Problems = tuple[RunProblem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """Everything one run works with."""

    profile: Profile
    host: Host
    run: Run
    prior: dict[SourceName, SourceState]
    base: RunBase
    accepted_by: str
    """Who takes missing paths as gone, however many; empty when nobody does."""
    password: Secret[str] | None
    """Of the account on the host, where one came with the job."""


class BackupService:
    """Carries out backup jobs. Thread-safe: one call per profile at a time, the storage lock sees to it."""

    def __init__(  # noqa: PLR0913  # one keyword per part it works with
        self,
        *,
        units: UnitOfWorkFactory,
        storage: Storage,
        puller: Puller,
        ledger: Ledger,
        recovery: Recovery,
        filters: PathFilterFactory,
        hooks: Hooks,
        clock: Clock,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._units = units
        self._storage = storage
        self._puller = puller
        self._ledger = ledger
        self._recovery = recovery
        self._filters = filters
        self._hooks = hooks
        self._clock = clock
        self._random_bytes = random_bytes
        self._definitions = Definitions(units=units, storage=storage, clock=clock)

    def back_up(self, claim: Claim, watcher: Watcher, password: Secret[str] | None = None) -> Ended:
        """Run the claimed job to its end; return the run, over, and the error that ended it, if one did.

        ``password`` is what came with the job to enter the host.

        Raises only what keeps a run from starting at all (HostUnreachableError of a job that looks for its
        host first, HeldOffError of one of the schedule, JobCancelledError, NotFoundError,
        PathNotAllowedError, InvalidInputError for the filters, StoreBusyError, StorageError), what keeps it
        from being written down (StoreFullError, TransientError of the database) and LeaseLostError; the next
        start then puts things in order.
        """
        with self._units(read_only=True) as uow:
            profile = uow.profiles.get(claim.job.profile)
            host = uow.hosts.get(profile.host)
        if claim.job.claims > 1 and (ended := self._done_before(profile, claim, watcher)) is not None:
            return ended
        require_wanted(watcher, "backup")
        for source in profile.sources:
            host.require_allowed(source.path)
        filter_of(profile, host, self._filters)
        require_start_allowed(self._units, claim.job, self._clock.now())
        if needs_reachable(claim.job):
            self._puller.require_reachable(host, watcher, password)
        with self._storage.lock(profile.ref) as lock:
            self._recovered(profile, watcher)
            require_wanted(watcher, "backup")  # again: it may have waited
            require_start_allowed(self._units, claim.job, self._clock.now())
            plan = self._planned(claim, profile, host, password)
            shown = RunProgress(watcher, base=plan.base, clock=self._clock)
            run, error = self._carried_out(plan, claim, lock, shown)
        self._hooks.run_finished(RunFinished(run=run))
        return run, error

    def _recovered(self, profile: Profile, watcher: Watcher) -> None:
        for sentence in self._recovery.recover(profile.ref):
            watcher.log(sentence, level="warning")

    def _done_before(self, profile: Profile, claim: Claim, watcher: Watcher) -> Ended | None:
        with self._storage.lock(profile.ref):
            self._recovered(profile, watcher)
            return done_before(self._units, self._hooks, claim, watcher)

    def _planned(self, claim: Claim, profile: Profile, host: Host, password: Secret[str] | None) -> _Plan:
        with self._units() as uow:
            last = uow.runs.last(profile.id)
            seq = last.seq + 1 if last else 1
            now = self._clock.now()
            run = Run(
                id=new_run_id(now, self._random_bytes(4)),
                profile=profile.id,
                host=host.id,
                job=claim.job.id,
                seq=seq,
                started=now,
            )
            prior = dict(uow.catalog.source_states(profile.id))
            held = {one.name: prior[one.name].paths if one.name in prior else 0 for one in profile.sources}
            base = base_of(held, uow.runs.list(profile.id, after_seq=max(0, seq - 1 - COMPARED_RUNS)))
            uow.runs.add(run)
            for source in profile.sources:
                state = prior.setdefault(source.name, SourceState(source=source.name))
                uow.catalog.save_source_state(profile.id, replace(state, interrupted=True))
            uow.hold(claim, wanted=True)
            uow.commit(claim=claim)
        accepted_by = claim.job.requested_by if accepts_missing(claim.job) else ""
        return _Plan(
            profile=profile,
            host=host,
            run=run,
            prior=prior,
            base=base,
            accepted_by=accepted_by,
            password=password,
        )

    def _carried_out(self, plan: _Plan, claim: Claim, lock: ProfileLock, watcher: Watcher) -> Ended:
        run, attempts = plan.run, list[Attempt]()
        pulled: list[Pulled] = []
        limit = time_of_run(plan.profile, self._clock)
        try:
            watcher.log(f"Run {run.seq} of {plan.profile.id} started on {plan.host.id}.")
            if reason := self._hooks.run_starting(run, plan.profile):
                raise VetoedError(f"A plugin refused the run: {reason}")
            self._definitions.keep(plan.profile, plan.host)
            watch = QuotaWatcher(plan.host, watcher, storage=self._storage, clock=self._clock)
            for source in plan.profile.sources:
                if watcher.is_cancelled():
                    raise JobCancelledError("The job was cancelled.")
                one = self._puller.pull(
                    run,
                    plan.profile,
                    plan.host,
                    source,
                    lock=lock,
                    watcher=watch,
                    note=attempts.append,
                    limit=limit,
                    password=plan.password,
                )
                pulled.append(one)
                log_report(one, watcher)
            require_something_read([_reading(one.report) for one in pulled])
            return self._finished(plan, tuple(attempts), pulled, claim, watcher)
        except LeaseLostError:
            raise
        except BckError as error:
            run = replace(run, attempts=tuple(attempts), problem_count=count_of(pulled))
            return self._failed(run, kept_of(pulled), error, claim, watcher), error
        finally:
            if pulled:
                watcher.progress(TransferProgress(phase=Phase.FOLDING))
            for one in pulled:
                self._fold(one, watcher)

    def _fold(self, one: Pulled, watcher: Watcher) -> None:
        try:
            self._storage.fold(one.attempt)
        except BckError as error:  # the run's end stands; the next start folds what is left
            watcher.log(f"An attempt folder is left for later: {error}", level="warning")

    def _failed(self, run: Run, problems: Problems, error: BckError, claim: Claim, watcher: Watcher) -> Run:
        cancelled = isinstance(error, JobCancelledError)
        outcome = RunOutcome.CANCELLED if cancelled else RunOutcome.FAILED
        now = self._clock.now()
        if isinstance(error, HostUnreachableError):
            self._hooks.host_unreachable(HostUnreachable(host=run.host, at=now, why=error.what))
        ended = run.ended(outcome, now, error)
        watcher.log(str(error), level="warning" if cancelled else "error")
        if isinstance(error, StoreFullError):
            self._make_room(claim.job.profile, watcher)
        closing = Closing(run=ended, counted=None, manifest=None, filters=(), problems=problems)
        try:
            self._ledger.close(closing, claim=claim)
        except ConflictError:  # it ended well and its receipt stands; the next start enters that
            raise error from None
        return ended

    def _make_room(self, profile_id: ProfileId, watcher: Watcher) -> None:
        """Give up half-transferred files: they would keep a full storage full for ever."""
        with self._units(read_only=True) as uow:
            profile = uow.profiles.get(profile_id)
        for source in profile.sources:
            self._storage.free_attempt_space(profile.ref, source.name)
        watcher.log("Half-transferred files were removed to make room.", level="warning")

    def _finished(
        self, plan: _Plan, attempts: tuple[Attempt, ...], pulled: list[Pulled], claim: Claim, watcher: Watcher
    ) -> Ended:
        watcher.progress(TransferProgress(phase=Phase.CATALOGUING))
        with self._units(read_only=True) as uow:
            ingests = [self._ingest(plan, one, uow) for one in pulled]
            changes = self._all_changes(plan, ingests, uow)
            manifest = self._ledger.spool(plan.run, changes)
        lost = told_lost(ingests, pulled, watcher)
        ref, run_id = plan.profile.ref, plan.run.id
        withdrawn = [self._storage.withdraw(ref, run_id, one.source, one.harmed) for one in ingests]
        tell_harmed([one.aside for one in withdrawn], watcher)
        forged = tell_forged(ref.profile, [one.forged for one in withdrawn], watcher)
        problems = count_of(pulled, lost, withdrawn)
        amiss = problems > vanished_of(pulled) or any(ingest.unread for ingest in ingests)
        outcome = _outcome(ingests, amiss=amiss)
        missing = _told_missing(plan, ingests, watcher)
        error: BckError | None = forged or missing  # of two, the alarm
        if outcome is RunOutcome.PARTIAL:
            error = error or _told_unread(plan, ingests, watcher)
        counts = sum((ingest.counts for ingest in ingests), ChangeCounts())
        run = replace(plan.run, attempts=attempts, problem_count=problems, counts=counts)
        made = any(ingest.changed for ingest in ingests) or bool(dropped(plan.profile, plan.prior))
        run = replace(run, made_point=made).ended(outcome, self._clock.now(), error)
        counted = self._weight(_counted(ingests, outcome), run, claim.job) if made else None
        states = (*(ingest.state for ingest in ingests), *_dropped_states(plan))
        closing = Closing(
            run=run,
            counted=counted,
            manifest=manifest,
            filters=plan.profile.rules,
            states=states,
            problems=kept_of(pulled, lost, withdrawn),
        )
        self._ledger.close(closing, claim=claim)
        tell_empty(plan.profile, ingests, pulled, watcher)
        watcher.log(_summary(run))
        for one in pulled:
            self._freed(plan, one, watcher)
        return run, error

    def _weight(self, counted: Counted, run: Run, job: Job) -> Counted:
        if counted is not Counted.COUNTED or not is_by_device(job):
            return counted
        with self._units(read_only=True) as uow:
            return Counted.EXTRA if too_soon(uow.points.list(run.profile), run.started) else counted

    def _freed(self, plan: _Plan, one: Pulled, watcher: Watcher) -> None:
        try:
            self._storage.free_attempt_space(plan.profile.ref, one.source.name)
        except BckError as error:  # the run's end stands; the next one frees them
            watcher.log(f"Partial files are left for later: {error}", level="warning")

    def _ingest(self, plan: _Plan, one: Pulled, uow: UnitOfWork) -> SourceIngest:
        prior = plan.prior[one.source.name]
        return SourceIngest(
            catalog=uow.catalog,
            storage=self._storage,
            ref=plan.profile.ref,
            source=one.source.name,
            prior=prior,
            report=one.report,
            compare_all=prior.interrupted or one.retried,
            sieve=sieve_of(plan.profile, plan.host, self._filters, one.said),
            accept_missing=bool(plan.accepted_by),
        )

    def _all_changes(self, plan: _Plan, ingests: list[SourceIngest], uow: UnitOfWork) -> Iterator[Change]:
        for ingest in ingests:
            yield from ingest.changes()
        yield from _dropped_sources(plan, uow.catalog)


def _dropped_sources(plan: _Plan, catalog: Catalog) -> Iterator[Change]:
    """A source that the profile no longer has leaves the state; its files stay in storage."""
    for state in dropped(plan.profile, plan.prior):
        for entry in catalog.unseen(plan.profile.id, state.source, ()):
            yield Change(state.source, ChangeOp.EXCLUDED, entry)


def _dropped_states(plan: _Plan) -> Iterator[SourceState]:
    return (SourceState(source=state.source) for state in dropped(plan.profile, plan.prior))


def _reading(report: PullReport) -> Reading:
    return reading_of(report.listing.paths(), report.unlisted, report.problems)


def _summary(run: Run) -> str:
    """A run's end in one line of the job's log."""
    counts = run.counts
    done = f"Run {run.seq} {run.outcome.value if run.outcome else 'is open'}: {counted(counts.files, 'file')}"
    if not run.made_point:
        return f"{done}, no difference to the newest restore point."
    changes = f"{counts.added} added, {counts.changed} changed, {counts.gone} gone"
    return f"{done}, {changes}; restore point {run.id}."


def _told_missing(plan: _Plan, ingests: list[SourceIngest], watcher: Watcher) -> FilesMissingError | None:
    """Say in the log what is missing beyond measure; the error of the run if nobody accepts it."""
    missing = [ingest.missing for ingest in ingests if ingest.missing]
    if plan.accepted_by:
        for one in missing:
            watcher.log(acceptance(one, by=plan.accepted_by), level="warning")
        return None
    if not missing:
        return None
    error = suspicion(plan.profile.id, missing)
    watcher.log(str(error), level="warning")
    return error


def _told_unread(plan: _Plan, ingests: list[SourceIngest], watcher: Watcher) -> MuchUnreadError | None:
    """Say in the log that too little could be read for a good backup."""
    if not any(ingest.weak for ingest in ingests):
        return None
    error = much_unread(plan.profile.id)
    watcher.log(str(error), level="warning")
    return error


def _outcome(ingests: list[SourceIngest], *, amiss: bool) -> RunOutcome:
    if any(ingest.suspect for ingest in ingests):
        return RunOutcome.SUSPECT
    return RunOutcome.PARTIAL if amiss else RunOutcome.SUCCEEDED


def _counted(ingests: list[SourceIngest], outcome: RunOutcome) -> Counted:
    if outcome is RunOutcome.SUSPECT:
        return Counted.SUSPECT
    return Counted.WEAK if any(ingest.weak for ingest in ingests) else Counted.COUNTED
