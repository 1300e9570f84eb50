"""Done before: a job whose runner died after its run had ended, and before it could say so."""

from bckcore.domain.events import RunFinished
from bckcore.domain.run import Run, RunOutcome
from bckcore.errors import BckError
from bckcore.ports.job_queue import Claim
from bckcore.ports.transport import Watcher
from bckcore.ports.unit_of_work import UnitOfWorkFactory
from bckcore.services.hooks import Hooks
from bckcore.services.missing import suspicion_of

_CAME_TO_ITS_END = (RunOutcome.SUCCEEDED, RunOutcome.PARTIAL, RunOutcome.SUSPECT)
Ended = tuple[Run, BckError | None]
"""A run that is over, and the error that ended it, if one did."""


def done_before(units: UnitOfWorkFactory, hooks: Hooks, claim: Claim, watcher: Watcher) -> Ended | None:
    """The run that an earlier runner brought to its end for the claimed job; None if there is none.

    Call it under the storage lock, after recovery: a run that ended has its receipt by then in the
    database. Plugins hear of the run, perhaps again. From its end until the job is taken once more the job
    counts as running, so no other one of the profile makes runs, and it is the newest.
    """
    if claim.job.claims <= 1:
        return None
    with units(read_only=True) as uow:
        last = uow.runs.last(claim.job.profile)
    if last is None or last.job != claim.job.id or last.outcome not in _CAME_TO_ITS_END:
        return None
    watcher.log(f"Run {last.seq} of this job had ended when its runner died: it is not done once more.")
    hooks.run_finished(RunFinished(run=last))
    return last, suspicion_of(last) if last.outcome is RunOutcome.SUSPECT else None
