"""Processes that share one database, of either kind: one job for one request, one job of a host at a time."""

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from bck_adapters.clock import SystemClock
from bck_adapters.sql import sql_database
from bck_adapters.testkit.samples import sample_job
from bckcore.domain.job import JobKind
from tests.support.cli import Bck

PROCESSES = 4


def processes(url: str, what: str, names: list[str]) -> list[list[list[str]]]:
    """What each process printed, line by line, word by word."""
    program = Path(__file__).with_name("asks.py")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    started = [
        subprocess.Popen(
            [sys.executable, str(program), url, what, name],
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )
        for name in names
    ]
    outputs = [process.communicate(timeout=180)[0] for process in started]
    assert [process.returncode for process in started] == [0] * len(names)
    return [[line.split() for line in output.splitlines()] for output in outputs]


def test_starts_from_many_processes_at_once_make_one_job(url: str) -> None:
    answers = processes(url, "start", ["docs"] * PROCESSES)
    told = [answer for process in answers for answer in process]
    assert len(told) > PROCESSES
    assert len({job for job, _ in told}) == 1
    assert sum(int(created) for _, created in told) == 1


def test_no_two_jobs_of_a_host_run_at_a_time_whoever_asks(url: str) -> None:
    """So does the partial unique index, also where two runners look into the queue at once."""
    database = sql_database(url, SystemClock())
    database.migrate()
    jobs = [
        sample_job(f"j{number:02}", JobKind.RESTORE, profile=f"p{number % 5}", host=f"h{number % 3}")
        for number in range(45)
    ]
    for job in jobs:
        database.queue.enqueue(job)
    database.close()
    shares = processes(url, "work", [f"r{number}" for number in range(PROCESSES)])
    done = [line for share in shares for line in share]
    assert sorted(line[2] for line in done) == [job.id for job in jobs]
    for column in (0, 1):
        for name in {line[column] for line in done}:
            times = sorted((int(line[3]), int(line[4])) for line in done if line[column] == name)
            assert all(before[1] <= after[0] for before, after in pairwise(times)), name


@pytest.fixture
def bck(tmp_path: Path, url: str, require_tool) -> Bck:
    require_tool("rsync")
    (tmp_path / "server").mkdir()
    (tmp_path / "pc").mkdir()
    made = Bck(tmp_path / "server")
    made.init("--database", url)
    made.ok("host", "add", "pc1", "--transport", "local", "--allow", str(tmp_path / "pc"))
    made.ok("profile", "add", "docs", "--host", "pc1", "--source", str(tmp_path / "pc"))
    return made


def test_a_second_start_is_told_that_the_first_one_answers(bck: Bck) -> None:
    first = bck.ok("backup", "docs", "--wait", "--idempotency-key", "monday")
    assert first["created_now"] is True
    again = bck.run("backup", "docs", "--wait", "--idempotency-key", "monday")
    assert again.code == 0
    assert f"asked for before: job {first['job_id']}, succeeded" in again.err
    told = bck.ok("backup", "docs", "--wait", "--idempotency-key", "monday")
    assert (told["job_id"], told["created_now"]) == (first["job_id"], False)
    assert len(bck.ok("jobs")["items"]) == 1
