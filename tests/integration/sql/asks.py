"""Processes for tests of one queue: some ask for backups, some carry jobs out and write down when.

Started as ``python asks.py DATABASE_URL start PROFILE`` or ``python asks.py DATABASE_URL work RUNNER``.
"""

import sys
import time

from bck_adapters.clock import SystemClock
from bck_adapters.sql import sql_database
from bck_adapters.testkit.samples import sample_job
from bckcore.domain.job import JobResult, JobStatus
from bckcore.ports.job_queue import JobQueue

REQUESTS = 20
WORK_SECONDS = 0.02
"""Long enough for two that overlap to be seen."""


def start(queue: JobQueue, profile: str) -> None:
    """Ask again and again for the same backup; print which job answered, and whether it was made."""
    for number in range(REQUESTS):
        name = f"{profile}-{time.monotonic_ns()}-{number}"
        answer = queue.enqueue(sample_job(name, profile=profile, key=f"key-{profile}"))
        print(answer.job.id, int(answer.created), flush=True)


def work(queue: JobQueue, runner: str) -> None:
    """Carry out jobs until none is left; print host, profile, job, beginning and end of each."""
    unfinished = [JobStatus.QUEUED, JobStatus.RUNNING]
    while queue.list(status=unfinished, limit=1):
        claim = queue.claim(runner, lease_seconds=60)
        if claim is not None:
            since = time.monotonic_ns()
            time.sleep(WORK_SECONDS)  # the work
            print(claim.job.host, claim.job.profile, claim.job.id, since, time.monotonic_ns(), flush=True)
            queue.finish(claim, JobStatus.SUCCEEDED, JobResult(data={"by": runner}))


if __name__ == "__main__":
    database = sql_database(sys.argv[1], SystemClock())
    database.migrate()
    {"start": start, "work": work}[sys.argv[2]](database.queue, sys.argv[3])
    database.close()
