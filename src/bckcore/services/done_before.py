"""Done before: a job whose runner died after its run had ended, and before it could say so."""

from collections.abc import Sequence

from bckcore.domain.events import RunFinished
from bckcore.domain.job import Job
from bckcore.domain.run import Run, RunOutcome
from bckcore.errors import BckError
from bckcore.ports.job_queue import Claim
from bckcore.ports.transport import Watcher
from bckcore.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from bckcore.services.hooks import Hooks
from bckcore.services.missing import error_of

_CAME_TO_ITS_END = (RunOutcome.SUCCEEDED, RunOutcome.PARTIAL, RunOutcome.SUSPECT)
_LAST_RUNS = 20
"""Runs of others that may lie between two claims on one job, and more."""
Ended = tuple[Run, BckError | None]
"""A run that is over, and the error that ended it, if one did."""


def done_before(units: UnitOfWorkFactory, hooks: Hooks, claim: Claim, watcher: Watcher) -> Ended | None:
    """The run that an earlier runner brought to its end for the claimed job; None if there is none.

    Call it under the storage lock, after recovery: a run that ended has its receipt by then in the
    database. Other jobs of the profile may have made runs since, where this one was handed back. A run that
    began before the job was last asked for is no answer to that. Plugins hear of the run, perhaps again.
    """
    if claim.job.claims <= 1:
        return None
    with units(read_only=True) as uow:
        ended = [run for run in runs_of(uow, claim.job) if run.outcome in _CAME_TO_ITS_END]
    asked = claim.job.asked
    if not ended or (asked is not None and ended[-1].started < asked):
        return None
    last = ended[-1]
    watcher.log(f"Run {last.seq} of this job had ended when its runner died: it is not done once more.")
    hooks.run_finished(RunFinished(run=last))
    return last, error_of(last)


def runs_of(uow: UnitOfWork, job: Job) -> Sequence[Run]:
    """The runs that earlier claims on the job began, by number; of the profile's last 20."""
    last = uow.runs.last(job.profile)
    runs = uow.runs.list(job.profile, after_seq=max(0, last.seq - _LAST_RUNS)) if last else ()
    return [run for run in runs if run.job == job.id]
