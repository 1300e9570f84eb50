"""Whoever comes next takes over what a killed, frozen or ended process left: at once, and only once."""

import os
import re
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from bck_adapters.rsync.version import can_resume
from bck_adapters.testkit.lacking import lacking
from bck_apps.wiring import open_application
from bckcore.domain.host import Host
from bckcore.domain.ids import HostId, JobId, ProfileId
from bckcore.domain.job import Job, JobStatus
from bckcore.domain.profile import Profile
from bckcore.domain.source import parsed_sources
from bckcore.domain.transfer import TransferOptions
from tests.support.cli import PATIENCE, Bck, Running, eventually, processes_about
from tests.support.house import RecordingWatcher
from tests.support.pc import half_sent
from tests.support.sshd import descendants

SIZE = 5_000_000
SLOW = 256 << 10
FAST = TransferOptions(attempts=2)
DOCS = ProfileId("docs")
ENOUGH = 1_000_000
WRITERS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND state LIKE 'idle in transaction%' AND backend_xid IS NOT NULL
"""
LONG_LEASE = 600
"""Nobody waits for its end here: who takes over earlier has proved the holder dead."""


@pytest.fixture
def bck(tmp_path: Path, require_tool: Callable[[str], str]) -> Bck:
    """One profile, backed up once; since then a big file has come."""
    require_tool("rsync")
    (tmp_path / "server").mkdir()
    made = Bck(tmp_path / "server", {"BCK_RUNNER__LEASE_SECONDS": str(LONG_LEASE)})
    docs = docs_of(made)
    docs.mkdir(parents=True)
    (docs / "small").write_bytes(b"first")
    host = Host(id=HostId("pc1"), address="", transport="local", allowed_roots=(str(docs.parent),))
    profile = Profile(id=DOCS, host=host.id, sources=parsed_sources([str(docs)]), options=FAST)
    made.init()
    with open_application(made.home) as application, application.units() as uow:
        uow.hosts.add(host)
        uow.profiles.add(profile)
        uow.commit()
    assert made.start("backup", "docs", "--wait").wait(PATIENCE) == 0
    (docs / "big").write_bytes(os.urandom(SIZE))
    (docs / "small").write_bytes(b"second")
    return made


def docs_of(bck: Bck) -> Path:
    return bck.folder.parent / "pc" / "docs"


def options(bck: Bck, wanted: TransferOptions) -> None:
    """Change how the profile is transferred; a transfer that goes on is not touched by it."""
    with open_application(bck.home) as application, application.units() as uow:
        uow.profiles.update(replace(uow.profiles.get(DOCS), options=wanted))
        uow.commit()


@contextmanager
def under_way(bck: Bck) -> Iterator[tuple[Running, JobId]]:
    """A slow backup in a process of its own, with a good part of the big file there; and its job."""
    options(bck, replace(FAST, bandwidth_limit=SLOW))
    process = bck.start("backup", "docs", "--wait")
    try:
        assert eventually(lambda: arrived(bck) > ENOUGH), (bck.folder / "stderr.log").read_text()
        options(bck, FAST)
        with open_application(bck.home) as application:
            [job] = application.jobs.list(status=[JobStatus.RUNNING])
        yield process, job.id
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        process.wait(PATIENCE)


def arrived(bck: Bck) -> int:
    """How much of the big file stands half sent in the storage."""
    return max((status.st_size for status in half_sent(bck.storage)), default=0)


def job_of(bck: Bck, job: JobId) -> Job:
    with open_application(bck.home) as application:
        return application.jobs.get(job)


def freeze(process: Running, bck: Bck) -> None:
    """Stop the process where it keeps no writer of the database waiting; see what is not promised."""

    def frozen() -> bool:
        process.send_signal(signal.SIGSTOP)
        assert eventually(lambda: state_of(process) == "T")
        if writable(bck):
            return True
        process.send_signal(signal.SIGCONT)
        return False

    assert eventually(frozen)


def state_of(process: Running) -> str:
    """The letter that the kernel gives the process."""
    return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0]


def writable(bck: Bck) -> bool:
    """Whether nobody is in the middle of a change."""
    with open_application(bck.home) as application:
        url = application.settings.database.url
    if url.startswith("postgresql"):
        with psycopg.connect(url) as server:
            [(writers,)] = server.execute(WRITERS).fetchall()
        return bool(writers == 0)
    with closing(sqlite3.connect(bck.home / "bck.sqlite3", timeout=0, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
        connection.execute("ROLLBACK")
        return True


def goes_on(bck: Bck, job: JobId) -> None:
    """The next `bck backup` answers with the same job and sees it through; every point restores."""
    assert bck.start("backup", "docs", "--wait").wait(2 * PATIENCE) == 0, (
        bck.folder / "stderr.log"
    ).read_text()
    assert job_of(bck, job).status is JobStatus.SUCCEEDED
    is_whole(bck)


def is_whole(bck: Bck) -> None:
    """Two points, each as the PC was; no process is left."""
    now = {path.name: path.read_bytes() for path in docs_of(bck).iterdir()}
    with open_application(bck.home) as application:
        points = application.restores.points(DOCS)
        assert len(points) == 2
        for point, expected in zip(points, ({"small": b"first"}, now), strict=True):
            to = bck.folder / f"back-{point.seq}"
            application.restores.restore(
                DOCS, point=point.run_id, to=to, paths=(), watcher=RecordingWatcher()
            )
            found = {path.name: path.read_bytes() for path in (to / "docs").iterdir()}
            assert found == expected
    assert processes_about(bck.storage) == []


def log_of(bck: Bck, job: JobId) -> list[str]:
    with open_application(bck.home) as application:
        return [line.text for line in application.jobs.log(job)]


def received(bck: Bck, job: JobId) -> list[int]:
    """Bytes that each transfer of the job received to its end."""
    found = (re.search(r"(\d+) bytes received", text) for text in log_of(bck, job))
    return [int(match[1]) for match in found if match]


def test_the_job_of_a_killed_process_is_taken_over_long_before_its_lease_ends(bck: Bck) -> None:
    with under_way(bck) as (process, job):
        process.kill()
        process.wait(PATIENCE)
        since = time.monotonic()
        goes_on(bck, job)
        assert time.monotonic() - since < LONG_LEASE / 2
    assert any("process that worked on this job is gone" in text for text in log_of(bck, job))


def test_a_frozen_process_past_its_lease_is_ended_and_its_job_goes_on(bck: Bck) -> None:
    """Its transfer goes on without it, and holds the storage lock as well."""
    bck.settings["BCK_RUNNER__LEASE_SECONDS"] = "5"
    with under_way(bck) as (process, job):
        freeze(process, bck)
        goes_on(bck, job)
        assert process.wait(PATIENCE) == -signal.SIGKILL
    assert any("had lost its job" in text for text in log_of(bck, job)), log_of(bck, job)


@pytest.mark.long
def test_a_frozen_process_whose_lease_holds_is_left_alone(bck: Bck) -> None:
    with under_way(bck) as (process, job):
        freeze(process, bck)
        waiting = bck.start("backup", "docs", "--wait")
        # That something does not happen cannot be awaited, only looked at for a while.
        assert not eventually(lambda: process.poll() is not None or waiting.poll() is not None, seconds=4)
        process.send_signal(signal.SIGCONT)
        assert (process.wait(PATIENCE), waiting.wait(PATIENCE)) == (0, 0)
        assert job_of(bck, job).claims == 1
    is_whole(bck)


@pytest.mark.long
@pytest.mark.parametrize("other_side", [False, True])
def test_a_transfer_that_is_killed_is_tried_again_and_comes_to_its_end(bck: Bck, *, other_side: bool) -> None:
    """Either our rsync or the one it talks to, which stands where ssh does over a network."""
    with under_way(bck) as (process, job):
        victims = [pid for pid in descendants(process.pid) if is_rsync(pid, other_side=other_side)]
        assert victims
        os.kill(victims[0], signal.SIGKILL)
        assert process.wait(2 * PATIENCE) == 0
    assert job_of(bck, job).status is JobStatus.SUCCEEDED
    assert len([text for text in log_of(bck, job) if "Trying again in" in text]) == 1
    is_whole(bck)


def is_rsync(pid: int, *, other_side: bool) -> bool:
    with suppress(OSError):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        return words[0].endswith(b"rsync") and (b"--sender" in words) is other_side
    return False


def require_resuming(folder: Path) -> None:
    """Skip where this machine's rsync cannot go on from a half-sent file, whatever we do."""
    if not can_resume(os.environ["PATH"], folder):
        lacking("this rsync cannot go on from a half-sent file: install 3.5.0 or newer to try it")


def test_a_terminated_process_hands_its_job_back_and_no_byte_is_sent_again(bck: Bck, tmp_path: Path) -> None:
    require_resuming(tmp_path)
    with under_way(bck) as (process, job):
        since = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)
        stopped = time.monotonic() - since
        assert job_of(bck, job).status is JobStatus.QUEUED
        assert processes_about(bck.storage) == []
        there = arrived(bck)
        assert there > ENOUGH
        goes_on(bck, job)
    assert received(bck, job)[-1] < SIZE - there + 200_000, received(bck, job)
    assert stopped < 20  # 5 s is promised; this machine may be busy


def test_a_cancelled_job_stops_and_the_next_one_goes_on_from_there(bck: Bck, tmp_path: Path) -> None:
    require_resuming(tmp_path)
    with under_way(bck) as (process, job):
        since = time.monotonic()
        with open_application(bck.home) as application:
            application.jobs.cancel(job)
        process.wait(PATIENCE)
        assert time.monotonic() - since < 20  # as above
        assert job_of(bck, job).status is JobStatus.CANCELLED
        assert processes_about(bck.storage) == []
        there = arrived(bck)
        assert there > ENOUGH
        assert bck.start("backup", "docs", "--wait").wait(PATIENCE) == 0
    is_whole(bck)
    with open_application(bck.home) as application:
        again = application.jobs.list(limit=1)[0]
    assert again.id != job
    assert received(bck, again.id)[-1] < SIZE - there + 200_000
