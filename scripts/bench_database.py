"""How quick the two databases are: asking for jobs, working them off, entering file versions.

Started as ``scripts/as-user python scripts/bench_database.py``; PostgreSQL runs on a server of its own.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bck_adapters.clock import SystemClock  # noqa: E402
from bck_adapters.sql import sql_database  # noqa: E402
from bck_adapters.testkit.samples import sample_job  # noqa: E402
from bckcore.domain.job import JobKind, JobResult, JobStatus  # noqa: E402
from bckcore.plugins.registry import Database  # noqa: E402
from tests.integration.sql.scale import P, S, changes  # noqa: E402
from tests.support.postgresql import postgres_server  # noqa: E402

JOBS, FILES = 500, 200_000


def rate(count: int, step: Callable[[], object]) -> float:
    """How many a second."""
    begun = time.monotonic()
    step()
    return count / (time.monotonic() - begun)


def figures(database: Database) -> dict[str, float]:
    """What a database does a second."""

    def enqueue() -> None:
        for number in range(JOBS):
            job = sample_job(f"j{number}", JobKind.RESTORE, profile=f"p{number % 50}", host=f"h{number % 50}")
            database.queue.enqueue(job)

    def work_off() -> None:
        while claim := database.queue.claim("bench", lease_seconds=60):
            database.queue.finish(claim, JobStatus.SUCCEEDED, JobResult())

    def enter() -> None:
        with database.units() as uow:
            uow.catalog.apply(P, 1, changes(FILES))
            uow.commit()

    def read() -> None:
        with database.units(read_only=True) as uow:
            assert sum(1 for _ in uow.catalog.entries(P, 1, S)) == FILES

    return {
        "jobs asked for": rate(JOBS, enqueue),
        "jobs claimed and finished": rate(JOBS, work_off),
        "file versions entered": rate(FILES, enter),
        "entries read": rate(FILES, read),
    }


def main() -> None:
    """Print a table."""
    with tempfile.TemporaryDirectory() as folder, postgres_server(durable=True) as server:
        urls = {"sqlite": f"sqlite:///{folder}/bench.db", "postgresql": server.url(server.create())}
        found = {}
        for name, url in urls.items():
            database = sql_database(url, SystemClock())
            database.migrate()
            found[name] = figures(database)
            database.close()
    print(f"{'a second':30}" + "".join(f"{name:>14}" for name in found))
    for what in found["sqlite"]:
        print(f"{what:30}" + "".join(f"{found[name][what]:14.0f}" for name in found))


if __name__ == "__main__":
    main()
