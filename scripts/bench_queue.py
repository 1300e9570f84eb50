"""The embedded queue beside DBOS on the same PostgreSQL: asking, working off, and from asking to the start.

Started as ``scripts/as-user python scripts/bench_queue.py``; the server is one of its own, written to survive
a power cut. A runner here is one thread that claims and, when there is nothing, waits as
``runner.poll_seconds`` says. "claimed and finished": all jobs are there, nobody waits.
"""

import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bck_adapters.clock import SystemClock  # noqa: E402
from bck_adapters.dbos.plugin import bck_queues  # noqa: E402
from bck_adapters.sql import sql_database  # noqa: E402
from bck_adapters.sql.plugin import bck_queues as embedded_queues  # noqa: E402
from bck_adapters.testkit.samples import sample_job  # noqa: E402
from bckcore.domain.job import JobKind, JobResult, JobStatus  # noqa: E402
from bckcore.domain.target import Target  # noqa: E402
from bckcore.plugins.registry import AdapterContext, QueueContext  # noqa: E402
from bckcore.ports.job_queue import JobQueue  # noqa: E402
from tests.support.postgresql import postgres_server  # noqa: E402

JOBS, STARTS, HOSTS = 500, 60, 50
POLLS = (0.2, 1.0)


@contextmanager
def opened(engine: str, url: str) -> Iterator[JobQueue]:
    """The queue, as the wiring makes it."""
    clock, folder = SystemClock(), Path(tempfile.gettempdir())
    database = sql_database(url, clock)
    database.migrate()
    adapter = AdapterContext(
        home=folder, runtime_dir=folder, target=Target(root=folder), database_url=url, clock=clock
    )
    factories = {**embedded_queues(), **bck_queues()}
    offered = factories[engine](QueueContext(adapter=adapter, database=database, node="bench"))
    try:
        yield offered.queue
    finally:
        offered.close()
        database.close()


def asked(queue: JobQueue, count: int, prefix: str) -> float:
    """Jobs asked for a second."""
    begun = time.monotonic()
    for number in range(count):
        profile, host = f"p{number % HOSTS}", f"h{number % HOSTS}"
        queue.enqueue(sample_job(f"{prefix}{number}", JobKind.RESTORE, profile=profile, host=host))
    return count / (time.monotonic() - begun)


def worked_off(queue: JobQueue, count: int) -> float:
    """Jobs claimed and finished a second, beginning with the first claim that gets one."""
    done, begun = 0, 0.0
    while done < count:
        claim = queue.claim("bench", lease_seconds=60)
        if claim is None:
            time.sleep(0.01)
            continue
        begun = begun or time.monotonic()
        queue.finish(claim, JobStatus.SUCCEEDED, JobResult())
        done += 1
    return count / (time.monotonic() - begun)


def starts(queue: JobQueue, poll: float) -> list[float]:
    """Seconds from asking to the claim, one job at a time, at moments of no pattern."""
    stop, started = threading.Event(), {}

    def run() -> None:
        while not stop.is_set():
            claim = queue.claim("bench", lease_seconds=60)
            if claim is None:
                stop.wait(poll)
                continue
            started[claim.job.id] = time.monotonic()
            queue.finish(claim, JobStatus.SUCCEEDED, JobResult())

    runner, random, waited = threading.Thread(target=run), Random(1), []
    runner.start()
    for number in range(STARTS):
        time.sleep(random.uniform(0.05, 0.05 + poll))
        job = sample_job(f"s{poll}-{number}", JobKind.RESTORE)
        begun = time.monotonic()
        queue.enqueue(job)
        while job.id not in started:
            time.sleep(0.002)
        waited.append(started[job.id] - begun)
    stop.set()
    runner.join()
    return sorted(waited)


def main() -> None:
    """Print one line per engine and figure."""
    for engine in ("embedded", "dbos"):
        with postgres_server(durable=True) as server, opened(engine, server.url(server.create())) as queue:
            queue.claim(
                "bench", lease_seconds=60
            )  # what a first claim begins, such as DBOS, is no part of it
            print(f"{engine:10} asked for: {asked(queue, JOBS, 'j'):.0f}/s", flush=True)
            print(f"{engine:10} claimed and finished: {worked_off(queue, JOBS):.0f}/s", flush=True)
            for poll in POLLS:
                waited = starts(queue, poll)
                middle, late = statistics.median(waited), waited[int(0.95 * len(waited))]
                told = f"p50 {middle * 1000:.0f} ms, p95 {late * 1000:.0f} ms"
                print(f"{engine:10} asked to started, poll {poll:g} s: {told}", flush=True)


if __name__ == "__main__":
    main()
