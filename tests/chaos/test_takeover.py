"""Whoever comes next takes over what a killed, frozen or ended process left: at once, and only once."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.support.cli import PATIENCE, Bck, eventually, processes_about
from tests.support.sshd import descendants
from tests.support.worlds import world_of_folder

SIZE = 6_000_000
SLOW = "256K"
ENOUGH = 1_000_000
LONG_LEASE = 600
"""Nobody waits for its end here: who takes over earlier has proved the holder dead."""


@pytest.fixture
def bck(tmp_path: Path, require_tool) -> Bck:
    require_tool("rsync")
    (tmp_path / "server").mkdir()
    made = Bck(tmp_path / "server", {"BCK_RUNNER__LEASE_SECONDS": str(LONG_LEASE)})
    made.init()
    docs = docs_of(made)
    docs.mkdir(parents=True)
    (docs / "small").write_bytes(b"first")
    made.ok("host", "add", "pc1", "--transport", "local", "--allow", str(docs.parent))
    made.ok("profile", "add", "docs", "--host", "pc1", "--source", str(docs))
    made.ok("backup", "docs", "--wait")
    (docs / "big").write_bytes(os.urandom(SIZE))
    (docs / "small").write_bytes(b"second")
    return made


def docs_of(bck: Bck) -> Path:
    return bck.folder.parent / "pc" / "docs"


@contextmanager
def under_way(bck: Bck) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A slow backup in a process of its own, with a good part of the big file there; and its job."""
    bck.ok("profile", "set", "docs", "--bwlimit", SLOW)
    process = bck.start("backup", "docs", "--wait")
    try:
        assert eventually(lambda: arrived(bck) > ENOUGH), (bck.folder / "stderr.log").read_text()
        bck.ok("profile", "set", "docs", "--bwlimit", "0")
        [job] = bck.ok("jobs", "--status", "running", "--limit", "1")["items"]
        yield process, job["job_id"]
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        process.wait(PATIENCE)


def arrived(bck: Bck) -> int:
    """How much of the big file stands half sent in the storage."""
    sizes = [0]
    for path in (bck.storage / ".work").rglob("*big*"):
        with suppress(FileNotFoundError):
            sizes.append(path.stat().st_size)
    return max(sizes)


def goes_on(bck: Bck, job: str) -> None:
    """The next `bck backup` answers with the same job, sees it through, and every point restores."""
    done = bck.ok("backup", "docs", "--wait")
    assert (done["job_id"], done["outcome"]) == (job, "succeeded")
    points = bck.ok("points", "docs")["items"]
    assert len(points) == 2
    for number, point in enumerate(sorted(points, key=lambda one: one["seq"])):
        target = bck.folder / f"back-{number}-{time.monotonic_ns()}"
        bck.ok("restore", "docs", "--point", point["point"], "--to", str(target))
        if number:
            restored, expected = world_of_folder(target / "docs"), world_of_folder(docs_of(bck))
            assert {path: thing.data for path, thing in restored.items()} == {
                path: thing.data for path, thing in expected.items()
            }
        else:
            assert [path.name for path in (target / "docs").iterdir()] == ["small"]
            assert (target / "docs" / "small").read_bytes() == b"first"
    assert bck.ok("status", job)["status"] == "succeeded"
    assert processes_about(bck.storage) == []


def log_of(bck: Bck, job: str) -> list[str]:
    return [line["text"] for line in bck.ok("log", job)["items"]]


def received(bck: Bck, job: str) -> list[int]:
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
        process.send_signal(signal.SIGSTOP)
        goes_on(bck, job)
        assert process.wait(PATIENCE) == -signal.SIGKILL
    assert any("had lost its job" in text for text in log_of(bck, job)), log_of(bck, job)


def test_a_frozen_process_whose_lease_holds_is_left_alone(bck: Bck) -> None:
    with under_way(bck) as (process, job):
        process.send_signal(signal.SIGSTOP)
        waiting = bck.start("backup", "docs", "--wait")
        # That something does not happen cannot be awaited, only looked at for a while.
        assert not eventually(lambda: process.poll() is not None or waiting.poll() is not None, seconds=4)
        process.send_signal(signal.SIGCONT)
        assert (process.wait(PATIENCE), waiting.wait(PATIENCE)) == (0, 0)
        assert bck.ok("status", job)["claims"] == 1


@pytest.mark.parametrize("which", ["rsync", "sh"])
def test_a_transfer_that_is_killed_is_tried_again_and_comes_to_its_end(bck: Bck, which: str) -> None:
    """`sh` stands where ssh does over a network: the way to the other side."""
    with under_way(bck) as (process, job):
        victims = [pid for pid in descendants(process.pid) if name_of(pid) == which]
        assert victims
        os.kill(victims[-1], signal.SIGKILL)
        assert process.wait(PATIENCE) == 0
    assert bck.ok("status", job)["status"] == "succeeded"
    assert processes_about(bck.storage) == []


def name_of(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""


def test_a_terminated_process_hands_its_job_back_and_no_byte_is_sent_again(bck: Bck) -> None:
    with under_way(bck) as (process, job):
        since = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)
        stopped = time.monotonic() - since
        assert bck.ok("status", job)["status"] == "queued"
        assert processes_about(bck.storage) == []
        there = arrived(bck)
        assert there > ENOUGH
        goes_on(bck, job)
    assert received(bck, job)[-1] < SIZE - there + 200_000, received(bck, job)
    assert stopped < 20  # 5 s is promised; this machine may be busy


def test_a_cancelled_job_stops_and_the_next_one_goes_on_from_there(bck: Bck) -> None:
    with under_way(bck) as (process, job):
        bck.ok("cancel", job)
        process.wait(PATIENCE)
        assert bck.ok("status", job, code=1)["status"] == "cancelled"
        assert processes_about(bck.storage) == []
        there = arrived(bck)
        assert there > ENOUGH
        again = bck.ok("backup", "docs", "--wait")
        assert again["outcome"] == "succeeded"
    assert received(bck, again["job_id"])[-1] < SIZE - there + 200_000
