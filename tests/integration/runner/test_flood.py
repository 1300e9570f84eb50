"""A job of a million changed files leaves a bounded number of rows and bytes in the database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, func, select

from bck_adapters.clock import SystemClock
from bck_adapters.memory.hosts import MemoryHost
from bck_adapters.memory.transport import MemoryTransport
from bck_adapters.sql import sql_database
from bck_adapters.sql.engine import make_engine
from bck_adapters.sql.tables import metadata
from bck_apps.runner.execution import Execution
from bck_apps.runner.log_window import HEAD_LINES, MOST_LINES
from bckcore.domain.credential import Credential
from bckcore.domain.file_version import EntryKind
from bckcore.domain.ids import HostId, JobId
from bckcore.domain.job import Job, JobKind, JobStatus
from bckcore.domain.paths import ROOT, RelPath
from bckcore.domain.run_problem import MOST_KEPT
from bckcore.domain.transfer import (
    PathProblem,
    ProblemKind,
    PullOrder,
    Seen,
    TransferProgress,
    TransferStats,
)
from bckcore.plugins.registry import Database
from bckcore.ports.clock import Clock
from bckcore.ports.job_queue import LONGEST_LINE
from bckcore.ports.transport import PullReport, Watcher
from tests.support.databases import address_of
from tests.support.house import DOCS, House

FILES = 1_000_000
LEASE = 60.0


class _RootOnly:
    """A listing that names the source itself."""

    def paths(self) -> Iterator[RelPath]:
        yield ROOT

    def changes(self) -> Iterator[Seen]:
        yield Seen(ROOT, EntryKind.FOLDER, None, None, b"")


class TalkativeTransport(MemoryTransport):
    """Tells of a million files that changed, each in the job's log, and of a problem with each."""

    def pull(self, order: PullOrder, credential: Credential | None, watcher: Watcher) -> PullReport:
        name = f"/home/u/docs/{'x' * 100}"
        for number in range(FILES):
            watcher.log(f"{name}/{number}")
            if number % 1000 == 0:
                watcher.progress(
                    TransferProgress(
                        phase="transferring", source="docs", files_done=number, bytes_done=number
                    )
                )
        problem = PathProblem(kind=ProblemKind.UNREADABLE, path=b"p", message="Permission denied (13)")
        return PullReport(
            listing=_RootOnly(),
            stats=TransferStats(files_seen=FILES, files_sent=FILES),
            problems=(problem,) * MOST_KEPT,
            problem_count=FILES,
        )


@contextmanager
def rows_written() -> Iterator[list[int]]:
    """Counts the rows that statements insert, change or delete."""
    count = [0]

    def after(  # the arguments are the event's
        _connection: object, cursor: Any, statement: str, _values: Sequence[object], *_: object
    ) -> None:
        if statement.split(maxsplit=1)[0].upper() in ("INSERT", "UPDATE", "DELETE"):
            count[0] += max(0, cursor.rowcount)

    event.listen(Engine, "after_cursor_execute", after)
    try:
        yield count
    finally:
        event.remove(Engine, "after_cursor_execute", after)


def held_by(engine: Engine) -> tuple[dict[str, int], int]:
    """The rows of each table, and what the database takes on disk."""
    size = "SELECT pg_database_size(current_database())"
    if engine.dialect.name == "sqlite":
        size = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
    with engine.connect() as connection:
        counts = {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in metadata.sorted_tables
        }
        return counts, connection.exec_driver_sql(size).scalar_one()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.long)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with address_of(request.param, tmp_path) as address:
        yield address


def test_a_million_changed_files_write_a_bounded_number_of_rows_and_bytes(
    tmp_path: Path, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def opened(clock: Clock) -> Database:
        made = sql_database(url, clock)
        made.migrate()
        return made

    (tmp_path / "store").mkdir()
    transport = TalkativeTransport({HostId("pc1"): MemoryHost()})
    house = House(tmp_path / "store", transport, database=opened)
    job = Job(
        id=JobId("flood"),
        kind=JobKind.BACKUP,
        profile=DOCS,
        host=HostId("pc1"),
        requested_by="test",
        created=house.clock.now(),
    )
    queue = house.database.queue
    queue.enqueue(job)
    claim = queue.claim("test", lease_seconds=LEASE)
    assert claim is not None
    engine = make_engine(url)
    before, size = held_by(engine)
    clock = SystemClock()
    started = clock.monotonic()
    with rows_written() as written:
        Execution(claim, queue=queue, worker=house.worker, clock=clock, lease_seconds=LEASE).carry_out()
    seconds = clock.monotonic() - started
    ended = queue.get(job.id)
    house.database.close()
    after, now = held_by(engine)
    engine.dispose()
    added = {name: count - before[name] for name, count in after.items() if count != before[name]}
    grown = now - size
    with capsys.disabled():
        print(f"\n{FILES} files: {written[0]} rows written in {seconds:.1f} s, {grown / 1e6:.1f} MB, {added}")
    assert ended.status is JobStatus.PARTIAL
    assert ended.result.data["problems"] == FILES
    assert HEAD_LINES < added["job_log"] <= MOST_LINES
    assert added["run_problem"] == MOST_KEPT
    # Beside those, only the job's own row, a few times a second, and what every run enters.
    assert written[0] <= MOST_LINES + MOST_KEPT + 10 * seconds + 100
    assert grown < MOST_LINES * LONGEST_LINE
