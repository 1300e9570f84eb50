"""Preview jobs: how a worker carries one out."""

from collections.abc import Mapping

from bckcore.domain.job import JobKind, JobResult, JobStatus
from bckcore.domain.wording import counted
from bckcore.ports.job_queue import Claim
from bckcore.ports.transport import Watcher
from bckcore.services.passwords import Passwords
from bckcore.services.preview import PreviewService, PreviewTally
from bckcore.services.preview_watcher import PreviewWatcher
from bckcore.services.worker import Ending, Step


def preview_steps(previews: PreviewService, passwords: Passwords) -> Mapping[JobKind, Step]:
    """How a worker carries out previews."""

    def preview(claim: Claim, watcher: Watcher) -> Ending:
        tally = previews.preview(claim.job.profile, PreviewWatcher(watcher), passwords.of(claim))
        watcher.log(summary(tally))
        status = JobStatus.PARTIAL if tally.problems.count else JobStatus.SUCCEEDED
        return status, JobResult(data=tally.data())

    return {JobKind.PREVIEW: preview}


def summary(tally: PreviewTally) -> str:
    """What was found, for the job's log."""
    data = tally.data()
    return (
        f"A backup would send {data['new']} new and {data['changed']} changed paths, {tally.bytes} bytes at "
        f"most, and change attributes of {data['attributes']}; {_returning(tally)}{tally.gone.count} stored "
        f"paths are not on the PC any more; filters hide {tally.hidden.count}.{_dropped(tally)} "
        "Nothing was changed."
    )


def _returning(tally: PreviewTally) -> str:
    return f"{tally.returning} of the new are stored already; " if tally.returning else ""


def _dropped(tally: PreviewTally) -> str:
    told = (f"{counted(one.paths, 'path')} of {one.source}" for one in tally.dropped)
    return f" {', '.join(told)}, which the profile no longer has, are left out." if tally.dropped else ""
