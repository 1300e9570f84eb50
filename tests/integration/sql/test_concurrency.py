"""Several processes and many threads use one database at once, on SQLite and on PostgreSQL."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest
from sqlalchemy import event

from bck_adapters.clock import SystemClock
from bck_adapters.memory import SettableClock
from bck_adapters.sql import sql_database
from bck_adapters.sql.engine import make_engine
from bck_adapters.sql.job_queue import SqlJobQueue
from bck_adapters.testkit.samples import sample_entry, sample_host, sample_job, sample_run
from bckcore.domain.ids import JobId, ProfileId, RunId, SourceName
from bckcore.domain.job import JobKind, JobResult, JobStatus
from bckcore.domain.manifest import Change, ChangeOp
from bckcore.domain.transfer import TransferProgress

JOBS = 60
P, S = ProfileId("docs"), SourceName("docs")


@pytest.fixture
def database(url):
    opened = sql_database(url, SystemClock())
    opened.migrate()
    yield opened
    opened.close()


def _enqueue(database, count):
    for number in range(count):
        database.queue.enqueue(
            sample_job(f"j{number:03}", JobKind.RESTORE, profile=f"p{number % 23}", host=f"h{number % 11}")
        )


def _worked_off(queue, runner):
    done = []
    while queue.list(status=[JobStatus.QUEUED, JobStatus.RUNNING], limit=1):
        claim = queue.claim(runner, lease_seconds=60)
        if claim is not None:
            queue.heartbeat(claim, lease_seconds=60, progress=TransferProgress(phase="x"))
            done.append(queue.finish(claim, JobStatus.SUCCEEDED, JobResult()).id)
    return done


def test_many_threads_claim_each_job_once(database):
    _enqueue(database, JOBS)
    with ThreadPoolExecutor(8) as pool:
        shares = list(pool.map(lambda number: _worked_off(database.queue, f"r{number}"), range(8)))
    assert sorted(job for share in shares for job in share) == [f"j{number:03}" for number in range(JOBS)]
    assert all(job.claims == 1 for job in database.queue.list(limit=JOBS))


def _runner(url, name):
    program = Path(__file__).with_name("claims.py")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.Popen(
        [sys.executable, str(program), url, name], stdout=subprocess.PIPE, env=environment, text=True
    )


def test_many_processes_claim_each_job_once(database, url):
    _enqueue(database, JOBS)
    runners = [_runner(url, f"r{number}") for number in range(4)]
    outputs = [runner.communicate(timeout=120)[0] for runner in runners]
    assert [runner.returncode for runner in runners] == [0] * 4
    assert sorted(" ".join(outputs).split()) == [f"j{number:03}" for number in range(JOBS)]


def test_processes_that_migrate_at_once_wait_for_one_another(fresh_url):
    runners = [_runner(fresh_url, f"r{number}") for number in range(4)]
    for runner in runners:
        runner.communicate(timeout=60)
    assert [runner.returncode for runner in runners] == [0] * 4


def test_the_same_request_from_many_threads_makes_one_job(database):
    def ask(number):
        return database.queue.enqueue(sample_job(f"j{number}", key="same"))

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(40)))
    assert len({answer.job.id for answer in answers}) == 1
    assert sum(answer.created for answer in answers) == 1


def test_readers_neither_fail_nor_wait_during_a_long_write(database):
    _enqueue(database, 1)
    begun, stop = Event(), Event()

    def changes():
        for number in range(20_000):
            yield Change(S, ChangeOp.ADDED, sample_entry(b"f%06d" % number))
        begun.set()
        assert stop.wait(60)

    def write():
        with database.units() as uow:
            uow.hosts.add(sample_host())
            uow.catalog.apply(P, 1, changes())
            uow.commit()

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        try:
            assert begun.wait(60)
            for _ in range(20):
                with database.units(read_only=True) as uow:
                    assert list(uow.hosts.list()) == []
                    assert list(uow.catalog.entries(P, 1, S)) == []
                    assert len(list(uow.catalog.unknown(P, S, [sample_entry(b"x").path]))) == 1
                assert database.queue.get(JobId("j000")).status is JobStatus.QUEUED
                assert database.queue.claim("r", lease_seconds=1, only=JobId("none")) is None
        finally:
            stop.set()
        writing.result(timeout=60)
    with database.units(read_only=True) as uow:
        assert sum(1 for _ in uow.catalog.entries(P, 1, S)) == 20_000


def test_a_reader_keeps_its_view_while_others_write(database):
    with database.units(read_only=True) as reader:
        for number in range(3):
            with database.units() as uow:
                uow.hosts.add(sample_host(f"pc{number}"))
                uow.commit()
        assert list(reader.hosts.list()) == []


def test_what_a_writing_unit_reads_stays_true_until_it_commits(database):
    """Numbers of runs are read, then used: no two units get the same one."""

    def add(number):
        with database.units() as uow:
            last = uow.runs.last(P)
            run = sample_run(last.seq + 1 if last else 1)
            uow.runs.add(replace(run, id=RunId(f"{number:04}"), profile=P))
            uow.commit()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(40)))
    with database.units(read_only=True) as uow:
        assert [run.seq for run in uow.runs.list(P)] == list(range(1, 41))


def test_a_heartbeat_does_not_wait_for_a_long_write_where_rows_can_be_locked(database, url):
    """On PostgreSQL only: SQLite has one writer, whatever it writes."""
    if url.startswith("sqlite"):
        return
    _enqueue(database, 1)
    claim = database.queue.claim("r", lease_seconds=60)
    with database.units() as uow:
        uow.hosts.add(sample_host())
        beat = database.queue.heartbeat(claim, lease_seconds=60, progress=TransferProgress(phase="x"))
        uow.commit(claim=beat)


def test_a_lease_counts_from_when_it_is_written_however_long_others_wrote_before(database, url):
    """Whoever had to wait for longer than the lease would else have lost its job as soon as it has it."""
    clock = SettableClock()
    engine = make_engine(url)
    event.listen(engine, "begin", lambda _connection: clock.advance(90))  # so long it waits for its turn
    database.queue.enqueue(sample_job("a"))
    queue = SqlJobQueue(engine, clock)
    claim = queue.claim("one", lease_seconds=60)
    assert claim is not None
    assert claim.lease_until == clock.now() + timedelta(seconds=60)
    claim = queue.heartbeat(claim, lease_seconds=60, progress=TransferProgress())
    assert claim.lease_until == database.queue.held_until(JobId("a")) == clock.now() + timedelta(seconds=60)
    engine.dispose()
