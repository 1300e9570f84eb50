"""History: ask for undo, accept and forget jobs, look ahead at them, and carry them out."""

from collections.abc import Mapping, Sequence

from bckcore.domain.ids import ProfileId, RunId
from bckcore.domain.job import JobKind, JobResult, JobStatus
from bckcore.domain.paths import percent_encoded
from bckcore.domain.run import Run
from bckcore.errors import LeaseLostError
from bckcore.ports.job_queue import Claim, Enqueued
from bckcore.ports.records import RecordStore
from bckcore.ports.transport import Watcher
from bckcore.ports.unit_of_work import UnitOfWorkFactory
from bckcore.services.accept import AcceptPlan, AcceptService
from bckcore.services.done_before import Ended
from bckcore.services.forget import ForgetPlan, ForgetService
from bckcore.services.history_requests import AcceptRequest, ForgetRequest, UndoRequest
from bckcore.services.jobs import JobService
from bckcore.services.run_account import RunAccount, account
from bckcore.services.undo import UndoPlan, UndoService
from bckcore.services.worker import Ending, Step, run_data


class HistoryService:
    """Asks and looks. Thread-safe."""

    def __init__(
        self,
        *,
        units: UnitOfWorkFactory,
        records: RecordStore,
        jobs: JobService,
        undos: UndoService,
        accepts: AcceptService,
        forgets: ForgetService,
    ) -> None:
        self._units = units
        self._records = records
        self._jobs = jobs
        self._undos = undos
        self._accepts = accepts
        self._forgets = forgets

    def runs(self, profile: ProfileId, *, after_seq: int = 0, limit: int | None = None) -> Sequence[Run]:
        """Runs of a profile by number. Raises NotFoundError for an unknown profile."""
        with self._units(read_only=True) as uow:
            uow.profiles.get(profile)
            return uow.runs.list(profile, after_seq=after_seq, limit=limit)

    def run(self, profile: ProfileId, wanted: str) -> RunAccount:
        """One run, by number or name or ``latest``, with its problems. Raises NotFoundError."""
        return account(self._units, self._records, profile, wanted)

    def problems(self, run: RunId) -> RunAccount:
        """One run, of whatever profile, with its problems. Raises NotFoundError."""
        with self._units(read_only=True) as uow:
            profile = uow.runs.get(run).profile
        return account(self._units, self._records, profile, run)

    def plan_undo(self, profile: ProfileId, request: UndoRequest) -> UndoPlan:
        """See :meth:`UndoService.plan`."""
        return self._undos.plan(profile, request)

    def plan_accept(self, profile: ProfileId, request: AcceptRequest) -> AcceptPlan:
        """See :meth:`AcceptService.plan`."""
        return self._accepts.plan(profile, request)

    def plan_forget(self, profile: ProfileId, path: bytes) -> ForgetPlan:
        """See :meth:`ForgetService.plan`."""
        return self._forgets.plan(profile, path)

    def start_undo(
        self, profile: ProfileId, request: UndoRequest, *, requested_by: str, key: str = ""
    ) -> Enqueued:
        """Ask for an undo. Raises what keeps it from being carried out now: see :meth:`UndoService.check`."""

        def ready() -> Mapping[str, object]:
            settled = self._undos.settled(profile, request)
            self._undos.check(profile, settled)
            return settled.payload()

        return self._jobs.ask(
            JobKind.UNDO, profile, request.payload(), requested_by=requested_by, key=key, ready=ready
        )

    def start_accept(
        self, profile: ProfileId, request: AcceptRequest, *, requested_by: str, key: str = ""
    ) -> Enqueued:
        """Ask for a suspect run to be accepted. Raises what :meth:`AcceptService.plan` raises."""

        def ready() -> Mapping[str, object]:
            self._accepts.plan(profile, request)
            return request.payload()

        return self._jobs.ask(
            JobKind.ACCEPT, profile, request.payload(), requested_by=requested_by, key=key, ready=ready
        )

    def start_forget(
        self, profile: ProfileId, request: ForgetRequest, *, requested_by: str, key: str = ""
    ) -> Enqueued:
        """Ask for a path to be removed for good. Raises what :meth:`ForgetService.plan` raises."""

        def ready() -> Mapping[str, object]:
            self._forgets.plan(profile, request.path)
            return request.payload()

        return self._jobs.ask(
            JobKind.FORGET, profile, request.payload(), requested_by=requested_by, key=key, ready=ready
        )


def history_steps(
    undos: UndoService, accepts: AcceptService, forgets: ForgetService
) -> Mapping[JobKind, Step]:
    """How the worker carries these jobs out."""

    def forget(claim: Claim, watcher: Watcher) -> Ending:
        return JobStatus.SUCCEEDED, JobResult(data=forget_data(forgets.forget(claim, watcher)))

    return {
        JobKind.UNDO: lambda claim, watcher: _ending(undos.undo(claim, watcher)),
        JobKind.ACCEPT: lambda claim, watcher: _ending(accepts.accept(claim, watcher)),
        JobKind.FORGET: forget,
    }


def _ending(ended: Ended) -> Ending:
    run, error = ended
    if run.outcome is None:
        raise LeaseLostError(f"Run {run.id} was left open.")
    data = run_data(run, run.id if run.made_point else None)
    result = JobResult.of_error(error, data) if error else JobResult(data=data)
    return JobStatus(run.outcome.value), result


def forget_data(plan: ForgetPlan) -> dict[str, object]:
    """What is or was held of a path, as JSON."""
    return {
        "path": plan.name,
        "path_bytes": f"{plan.source}/{percent_encoded(plan.path)}",
        "files": plan.files,
        "bytes": plan.bytes,
        "places": [
            {"run_id": place.run, "files": place.files, "bytes": place.bytes, "aside": place.aside}
            for place in plan.places
        ],
        "points": [point.seq for point in plan.points],
        "held": [{"seq": hold.seq, "owner": hold.owner, "reason": hold.reason} for hold in plan.holds],
        "comes_back": plan.comes_back,
        "exclude_rule": plan.rule,
    }
