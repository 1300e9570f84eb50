"""PostgreSQL is killed, restarted or away for a while in the middle of the work: no job lost, none twice."""

import signal
import threading
from collections import Counter
from pathlib import Path

import pytest

from bck_adapters.clock import SystemClock
from bck_adapters.processes import LinuxProcesses
from bck_adapters.sql import sql_database
from bck_adapters.testkit.samples import sample_job
from bck_apps.runner.loop import Runner
from bck_apps.runner.presence import serve_is_up
from bckcore.domain.job import JobKind, JobStatus
from tests.support.cli import PATIENCE, Bck, eventually, processes_about
from tests.support.postgresql import postgres_server
from tests.support.runner import DONE

JOBS, HOSTS = 60, 12
LEASE_SECONDS = 30.0


@pytest.fixture
def server():
    with postgres_server(durable=True) as started:
        yield started


class Counting:
    """A worker that notes who is at work on what."""

    def __init__(self):
        self.begun: Counter[str] = Counter()
        self.doubles = []
        self._busy = set()
        self._lock = threading.Lock()

    def carry_out(self, claim, watcher):
        """Stay a little, so that outages fall into the middle of jobs."""
        job = claim.job
        with self._lock:
            self.begun[job.id] += 1
            self.doubles += [job.id] if job.host in self._busy else []
            self._busy.add(job.host)
        watcher.log("at work")
        SystemClock().wait(0.05, until=watcher.is_cancelled)
        with self._lock:
            self._busy.discard(job.host)
        return DONE


def runners_on(database, worker):
    return [
        Runner(
            queue=database.queue,
            worker=worker,
            clock=SystemClock(),
            processes=LinuxProcesses(),
            name=f"r{number}",
            slots=2,
            lease_seconds=LEASE_SECONDS,
            poll_seconds=0.05,
        )
        for number in range(2)
    ]


def ended(database):
    jobs = database.queue.list(limit=JOBS)
    return sum(job.status is JobStatus.SUCCEEDED for job in jobs)


def worked_through(server, outages):
    """Two runners work off many jobs while the server goes away again and again."""
    database, worker = sql_database(server.url(server.create()), SystemClock()), Counting()
    database.migrate()
    for number in range(JOBS):
        job = sample_job(f"j{number:03}", JobKind.BACKUP, profile=f"p{number}", host=f"h{number % HOSTS}")
        database.queue.enqueue(job)
    runners = runners_on(database, worker)
    threads = [threading.Thread(target=runner.run) for runner in runners]
    for thread in threads:
        thread.start()
    try:
        for outage, share in outages:
            assert eventually(lambda share=share: len(worker.begun) >= JOBS * share)
            outage()
        assert eventually(lambda: ended(database) == JOBS, LEASE_SECONDS + PATIENCE)
        found = {job.id: (job.claims, job.deaths) for job in database.queue.list(limit=JOBS)}
    finally:
        for runner in runners:
            runner.stop()
        for thread in threads:
            thread.join(PATIENCE)
        database.close()
    assert found == dict.fromkeys(found, (1, 0))
    assert worker.begun == Counter({f"j{number:03}": 1 for number in range(JOBS)})
    assert worker.doubles == []


def away(server, seconds, *, how):
    def step():
        how()
        SystemClock().wait(seconds, until=lambda: False)  # the outage itself
        server.start()

    return step


def test_kills_and_restarts_of_the_server_lose_no_job_and_double_none(server):
    kill, restart = away(server, 1, how=server.kill), away(server, 0, how=server.stop)
    worked_through(server, [(kill, 0.2), (restart, 0.5), (kill, 0.8)])


# --- a real runner ------------------------------------------------------------------------------------------


def installed(tmp_path: Path, server, size: int) -> Bck:
    (tmp_path / "server").mkdir()
    bck = Bck(tmp_path / "server", {"BCK_RUNNER__POLL_SECONDS": "0.1"})
    bck.init("--database", server.url(server.create()))
    for name in ("pc1", "pc2"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "large").write_bytes(bytes(size))
        bck.ok("host", "add", name, "--transport", "local", "--allow", str(tmp_path / name))
        where = ("--source", f"docs={tmp_path / name}", "--bwlimit", "400K")
        bck.ok("profile", "add", f"docs-{name}", "--host", name, *where)
    return bck


def transferring(bck: Bck) -> bool:
    return any("rsync" in line for line in processes_about(bck.storage))


def through_an_outage(tmp_path, server, seconds, *, how, size=3_000_000):
    bck = installed(tmp_path, server, size)
    runner = bck.start("serve", "--only", "runner")
    try:
        assert eventually(lambda: serve_is_up(bck.home))
        jobs = [bck.ok("backup", f"docs-{name}")["job_id"] for name in ("pc1", "pc2")]
        assert eventually(lambda: transferring(bck))
        away(server, seconds, how=how)()
        for job in jobs:
            assert bck.run("log", job, "--follow").code == 0
            found = bck.ok("status", job)
            assert (found["status"], found["deaths"]) == ("succeeded", 0)
        assert runner.poll() is None
    finally:
        runner.send_signal(signal.SIGTERM)
        assert runner.wait(PATIENCE) == 0
    for name in ("pc1", "pc2"):
        (point,) = bck.ok("points", f"docs-{name}")["items"]
        runs = bck.ok("run", "list", f"docs-{name}")["items"]
        assert [run["outcome"] for run in runs].count("succeeded") == 1
        # A run that lost its database on the way was left open, and its job begun once more; no other is.
        rest = {run["error_code"] for run in runs if run["outcome"] != "succeeded"}
        assert rest <= {"database-unreachable", "transfer-interrupted"}
        bck.ok("restore", f"docs-{name}", "--point", point["point"], "--to", str(tmp_path / f"back-{name}"))
        assert (tmp_path / f"back-{name}" / "docs" / "large").read_bytes() == bytes(size)
    assert len(bck.ok("jobs")["items"]) == 4


def test_backups_outlive_a_killed_server(tmp_path, server, require_tool):
    require_tool("rsync")
    through_an_outage(tmp_path, server, 2, how=server.kill)


@pytest.mark.long
def test_backups_outlive_an_outage_of_a_minute(tmp_path, server, require_tool):
    """It lasts longer than the transfers and than the lease."""
    require_tool("rsync")
    through_an_outage(tmp_path, server, 65, how=server.stop)
