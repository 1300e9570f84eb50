"""Check jobs: ask for a check, carry one out, and find the newest result of each profile."""

from collections.abc import Collection, Mapping, Sequence

from bckcore.domain.check import CheckReport, CheckRequest
from bckcore.domain.ids import ProfileId
from bckcore.domain.job import Job, JobKind, JobResult, JobStatus
from bckcore.domain.secret import Secret
from bckcore.domain.wording import counted
from bckcore.errors import InvalidInputError, StorageError
from bckcore.ports.job_queue import Claim, Enqueued, JobQueue
from bckcore.ports.transport import Watcher
from bckcore.services.check import CheckService
from bckcore.services.jobs import JobService
from bckcore.services.passwords import Passwords
from bckcore.services.worker import Ending, Step

_UNFINISHED = (JobStatus.QUEUED, JobStatus.RUNNING)
_DONE = (JobStatus.SUCCEEDED, JobStatus.PARTIAL, JobStatus.SUSPECT)
_MANY = 1000


class CheckJobs:
    """Thread-safe."""

    def __init__(self, *, queue: JobQueue, jobs: JobService) -> None:
        self._queue = queue
        self._jobs = jobs

    def start(
        self,
        profile: ProfileId,
        request: CheckRequest,
        *,
        requested_by: str,
        key: str = "",
        password: Secret[str] | None = None,
    ) -> Enqueued:
        """Ask for a check. Without a key, the same one, queued or running, answers for it, unless it is one
        of the night that waits: people go before that. ``password``: see JobService.

        Raises NotFoundError, InvalidInputError for a password that is not needed, HostNotEnrolledError for
        a check against a host that waits for its PC.
        """
        if password is not None and not request.against_host:
            raise InvalidInputError(
                "Only a check against the host enters it, so this one takes no password.",
                meaning="Nothing was started, and the password was not kept.",
            )
        payload = request.payload()
        for job in () if key else self.unfinished():
            same = (job.profile, dict(job.payload)) == (profile, payload)
            if same and job.wanted and not job.up_for_taking:
                return Enqueued(job=job, created=False, password_dropped=password is not None)
        return self._jobs.ask(
            JobKind.CHECK,
            profile,
            payload,
            requested_by=requested_by,
            key=key,
            password=password,
            enters_host=request.against_host,
        )

    def unfinished(self) -> Sequence[Job]:
        """The checks that wait or go on, newest first; 1,000 at most."""
        return self._queue.list(status=_UNFINISHED, kind=JobKind.CHECK, limit=_MANY)

    def newest(self, profiles: Collection[ProfileId]) -> Mapping[ProfileId, Job]:
        """The newest check of each of these profiles that came to its end, harm found or not."""
        return self._queue.newest(JobKind.CHECK, _DONE, profiles)

    def newest_of(self, profile: ProfileId) -> Job | None:
        """The newest check of one profile that came to its end; None if there was none."""
        return self.newest([profile]).get(profile)


def check_steps(checks: CheckService, passwords: Passwords) -> Mapping[JobKind, Step]:
    """How a worker carries out checks."""

    def check(claim: Claim, watcher: Watcher) -> Ending:
        job = claim.job
        report = checks.check(job.profile, CheckRequest.of(job.payload), watcher, passwords.of(claim))
        for line in summary(report):
            watcher.log(line)
        return ending(report)

    return {JobKind.CHECK: check}


def ending(report: CheckReport) -> Ending:
    """How a check ends: well; suspect if harm was found; partial if the PC could not be asked."""
    data = report.data()
    if report.total:
        named = ", ".join(f"{count} {cause.value}" for cause, count in report.causes.items())
        error = StorageError(
            f"The check of {report.profile} found {_things(report.total)} must be: {named}.",
            meaning="Nothing was repaired or changed. Points that need what is harmed may not restore whole.",
            advice=f"See each with its place and what to do: bck check {report.profile} --last",
        )
        return JobStatus.SUSPECT, JobResult.of_error(error, data)
    if report.host_error is not None:
        return JobStatus.PARTIAL, JobResult.of_error(report.host_error, data)
    return JobStatus.SUCCEEDED, JobResult(data=data)


def summary(report: CheckReport) -> list[str]:
    """What was looked at, for the job's log."""
    counts = report.counts
    lines = [
        f"{counted(counts.files, 'file')} compared with the catalog, "
        f"{counts.records} receipts, manifests and acts too. "
        f"{counted(counts.files_read, 'file')} read, {counts.bytes_read} bytes; "
        f"{counts.files_proven} proven by digest. "
        f"Seed {report.seed}."
    ]
    if counts.digests_learned:
        lines.append(f"{counts.digests_learned} digests were not known; they are in the catalog now.")
    if counts.leftovers:
        lines.append(
            f"{counts.leftovers} files are left of interrupted runs; harmless, and part of no point."
        )
    lines.append(f"{counted(report.total, 'finding')}.")
    return lines


def _things(total: int) -> str:
    return "1 thing not as it" if total == 1 else f"{total} things not as they"
