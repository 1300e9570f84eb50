"""A runner process for tests: claims and finishes jobs until the queue is empty, prints what it got.

Started as ``python claims.py DATABASE_URL RUNNER``.
"""

import sys

from bck_adapters.clock import SystemClock
from bck_adapters.sql import sql_database
from bckcore.domain.job import JobResult, JobStatus


def main(url: str, runner: str) -> None:
    """Work until nothing is left that is not done."""
    database = sql_database(url, SystemClock())
    database.migrate()
    queue, unfinished = database.queue, [JobStatus.QUEUED, JobStatus.RUNNING]
    while queue.list(status=unfinished, limit=1):
        claim = queue.claim(runner, lease_seconds=60)
        if claim is not None:
            print(claim.job.id, flush=True)
            queue.finish(claim, JobStatus.SUCCEEDED, JobResult(data={"by": runner}))
    database.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
