"""Preview jobs: ask for one, and carry one out."""

from collections.abc import Mapping

from bckcore.domain.ids import ProfileId
from bckcore.domain.job import JobKind, JobResult, JobStatus
from bckcore.ports.job_queue import Claim, Enqueued, JobQueue
from bckcore.ports.transport import Watcher
from bckcore.services.jobs import JobService
from bckcore.services.preview import PreviewService, PreviewTally
from bckcore.services.worker import Ending, Step

_UNFINISHED = (JobStatus.QUEUED, JobStatus.RUNNING)
_MANY = 1000


class PreviewJobs:
    """Thread-safe."""

    def __init__(self, *, queue: JobQueue, jobs: JobService) -> None:
        self._queue = queue
        self._jobs = jobs

    def start(self, profile: ProfileId, *, requested_by: str, key: str = "") -> Enqueued:
        """Ask for a preview. One that is queued or running answers for it. Raises NotFoundError."""
        for job in self._queue.list(status=_UNFINISHED, kind=JobKind.PREVIEW, limit=_MANY):
            if not key and job.profile == profile:
                return Enqueued(job=job, created=False)
        return self._jobs.ask(JobKind.PREVIEW, profile, {}, requested_by=requested_by, key=key)


def preview_steps(previews: PreviewService) -> Mapping[JobKind, Step]:
    """How a worker carries out previews."""

    def preview(claim: Claim, watcher: Watcher) -> Ending:
        tally = previews.preview(claim.job.profile, watcher)
        watcher.log(summary(tally))
        status = JobStatus.PARTIAL if tally.problems.count else JobStatus.SUCCEEDED
        return status, JobResult(data=tally.data())

    return {JobKind.PREVIEW: preview}


def summary(tally: PreviewTally) -> str:
    """What was found, for the job's log."""
    data = tally.data()
    return (
        f"A backup would send {data['new']} new and {data['changed']} changed paths, {tally.bytes} bytes at "
        f"most, and change attributes of {data['attributes']}; {tally.gone.count} stored paths are not on "
        f"the PC any more; filters hide {tally.hidden.count}. Nothing was changed."
    )
