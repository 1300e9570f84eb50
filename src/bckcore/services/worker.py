"""Worker: carry out one claimed job, whatever its kind, and say how it ended."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from bckcore.domain.job import Job, JobKind, JobResult, JobStatus
from bckcore.domain.run import Run
from bckcore.domain.transfer import Phase
from bckcore.errors import (
    BckError,
    HeldOffError,
    HostUnreachableError,
    JobCancelledError,
    JobGivenUpError,
    LeaseLostError,
)
from bckcore.ports.job_queue import Claim, no_longer_wanted
from bckcore.ports.transport import Watcher
from bckcore.services.backup import BackupService
from bckcore.services.fence import Fence
from bckcore.services.passwords import Passwords
from bckcore.services.prune import PruneReport, PruneService
from bckcore.services.restore import RestoreService
from bckcore.services.restore_data import host_restore_data, restore_data
from bckcore.services.restore_host import HostRestore
from bckcore.services.restore_request import RestoreRequest
from bckcore.services.schedule_jobs import needs_reachable

MOST_DEATHS = 5
"""So many runners die over a job; then nobody takes it up again by itself."""
Ending = tuple[JobStatus, JobResult]
Step = Callable[[Claim, Watcher], Ending]


class Worker:
    """Thread-safe; jobs of one profile exclude one another by its storage lock."""

    def __init__(
        self,
        *,
        fence: Fence,
        backups: BackupService,
        restores: RestoreService,
        host_restores: HostRestore,
        prunes: PruneService,
        passwords: Passwords,
        others: Mapping[JobKind, Step] | None = None,
    ) -> None:
        """``others``: how kinds of jobs are carried out that this class does not know itself."""
        self._fence = fence
        self._backups = backups
        self._restores = restores
        self._host_restores = host_restores
        self._prunes = prunes
        self._passwords = passwords
        self._others = others or {}

    def carry_out(self, claim: Claim, watcher: Watcher) -> Ending:
        """Do the job and return its final status and result. Raises LeaseLostError only.

        Whatever is written on the way is written under the claim.
        """
        with self._fence.under(claim, watcher):
            return self._carried_out(claim, watcher)

    def _carried_out(self, claim: Claim, watcher: Watcher) -> Ending:
        steps: dict[JobKind, Step] = {
            JobKind.BACKUP: self._back_up,
            JobKind.RESTORE: self._restore,
            JobKind.PRUNE: self._prune,
            **self._others,
        }
        try:
            _require_hopeful(claim.job)
            return steps[claim.job.kind](claim, watcher)
        except LeaseLostError:
            raise
        except JobCancelledError as error:
            watcher.log(str(error), level="warning")
            return JobStatus.CANCELLED, JobResult.of_error(error)
        except BckError as error:
            status = _status_of(error, claim.job)
            if status is not JobStatus.FAILED and watcher.is_cancelled():
                # It would have been put off, and asked for once more.
                return JobStatus.CANCELLED, JobResult.of_error(no_longer_wanted(claim.job.id))
            watcher.log(str(error), level="error" if status is JobStatus.FAILED else "info")
            return status, JobResult.of_error(error)

    def _back_up(self, claim: Claim, watcher: Watcher) -> Ending:
        run, error = self._backups.back_up(claim, watcher, self._passwords.of(claim))
        if run.made_point:
            self._prune_after(claim, watcher)
        points = self._restores.points(run.profile)
        newest = points[-1].run_id if points else None
        if run.outcome is None:
            raise LeaseLostError(f"Run {run.id} was left open.")
        data = run_data(run, newest)
        result = JobResult.of_error(error, data) if error else JobResult(data=data)
        return JobStatus(run.outcome.value), result

    def _prune_after(self, claim: Claim, watcher: Watcher) -> None:
        """Retention after a good run; what goes wrong here is told and does not change how the run ended."""
        try:
            report = self._prunes.prune(claim.job.profile, watcher, claim=claim)
        except LeaseLostError:
            raise
        except JobCancelledError as error:  # perhaps after points were forgotten
            watcher.log(str(error), level="warning")
            return
        except BckError as error:
            watcher.log(f"Old points were not pruned: {error}", level="warning")
            return
        if report.forgotten:
            watcher.log(f"{len(report.forgotten)} old points were pruned.")

    def _restore(self, claim: Claim, watcher: Watcher) -> Ending:
        request, job = RestoreRequest.of(claim.job), claim.job
        if request.folder is None:
            return self._restore_to_host(claim, request, watcher)
        options = request.options
        if job.claims > 1 and job.progress.phase == Phase.RESTORING:
            # A runner died over it, or handed it back, after it had begun to write.
            options = replace(options, resume=True)
        report = self._restores.restore(
            job.profile,
            point=request.point,
            to=request.folder,
            paths=request.paths,
            watcher=watcher,
            options=options,
        )
        return _ended_with(report.problem_count, restore_data(report))

    def _restore_to_host(self, claim: Claim, request: RestoreRequest, watcher: Watcher) -> Ending:
        report = self._host_restores.restore(
            claim.job.profile,
            point=request.point,
            paths=request.paths,
            host_dir=request.host_dir,
            options=request.options,
            dry_run=request.dry_run,
            watcher=watcher,
            password=self._passwords.of(claim),
        )
        return _ended_with(report.problem_count, host_restore_data(report))

    def _prune(self, claim: Claim, watcher: Watcher) -> Ending:
        report = self._prunes.prune(claim.job.profile, watcher, claim=claim)
        return JobStatus.SUCCEEDED, JobResult(data=prune_data(report))


def _require_hopeful(job: Job) -> None:
    """Raise JobGivenUpError for a job that would only bring down the next runner, too."""
    if job.deaths >= MOST_DEATHS:
        raise JobGivenUpError(
            f"{job.deaths} times the process that worked on this job died or fell silent.",
            meaning="The job is given up, so that others get their turn. What had arrived is kept.",
            advice="See in the system's journal what ended the processes (memory, a kill, a fault of ours); "
            "then start it again: it goes on from what is there.",
        )


def _status_of(error: BckError, job: Job) -> JobStatus:
    """How a job ends that an error kept from its work: what only puts a schedule off is no failure."""
    if isinstance(error, HostUnreachableError) and needs_reachable(job):
        return JobStatus.OFFLINE
    return JobStatus.HELD_OFF if isinstance(error, HeldOffError) else JobStatus.FAILED


def _ended_with(problems: int, data: dict[str, object]) -> Ending:
    return JobStatus.PARTIAL if problems else JobStatus.SUCCEEDED, JobResult(data=data)


def job_failed_unexpectedly(job: Job, error: Exception) -> Ending:
    """How a job ends when the program itself is at fault."""
    return JobStatus.FAILED, JobResult(
        data={"job_id": job.id},
        error_code="internal",
        error=f"An internal error stopped the job: {type(error).__name__}.",
        meaning="Nothing kept was lost; the next run puts things in order.",
        advice="The program's log has the details.",
    )


def run_data(run: Run, newest_point: str | None) -> dict[str, object]:
    """A run as JSON; ``point`` is the newest one, which this run made or verified or left as it was."""
    return {
        "run_id": run.id,
        "seq": run.seq,
        "outcome": run.outcome.value if run.outcome else None,
        "point": newest_point,
        "made_point": run.made_point,
        "counts": {name: getattr(run.counts, name) for name in run.counts.__slots__},
        "problems": run.problem_count,
        "attempts": max((attempt.number for attempt in run.attempts), default=0),
    }


def prune_data(report: PruneReport) -> dict[str, object]:
    """A prune report as JSON."""
    return {
        "decisions": [
            {
                "point": decision.point.run_id,
                "seq": decision.point.seq,
                "keep": decision.keep,
                "reasons": list(decision.reasons),
            }
            for decision in report.decisions
        ],
        "forgotten": len(report.forgotten),
        "merged": report.merged,
        "freed": report.freed,
        "bytes_freed": report.bytes_freed,
    }
