"""The command line beside `bck serve`: who does the job, how it is followed, how a server stops."""

import os
import signal
import ssl
import urllib.request
from pathlib import Path

import pytest

from tests.support.cli import Bck, eventually, processes_about
from tests.support.pc import half_sent
from tests.support.sshd import LoopbackSshd, running_sshd
from tests.support.worlds import world_of_folder


@pytest.fixture
def sshd(tmp_path, require_tool):
    require_tool("sshd")
    require_tool("rsync")
    with running_sshd(tmp_path / "sshd") as served:
        yield served


@pytest.fixture
def docs(tmp_path):
    folder = tmp_path / "pc" / "docs"
    folder.mkdir(parents=True)
    (folder / "f").write_text("one")
    return folder


@pytest.fixture
def bck(tmp_path, sshd: LoopbackSshd, docs: Path):
    (tmp_path / "server").mkdir()
    made = Bck(tmp_path / "server", {"BCK_RUNNER__POLL_SECONDS": "0.2"})
    made.init()
    made.add_host(sshd, docs.parent)
    made.ok("profile", "add", "docs", "--host", "pc1", "--source", str(docs))
    made.ok("profile", "add", "slow", "--host", "pc1", "--source", str(docs), "--bwlimit", "1M")
    return made


def state(bck: Bck, job: str) -> str:
    done = bck.run("status", job, "--json")
    return str(done.json["status"])


def test_serve_answers_https_with_its_own_ca_and_ends_on_sigterm(bck: Bck):
    with bck.serving() as (process, said):
        trust = ssl.create_default_context(cafile=said["ca_certificate"])
        with urllib.request.urlopen(said["url"] + "/health", context=trust, timeout=20) as answer:
            assert answer.status == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert processes_about(bck.storage) == []


def test_a_second_serve_is_refused_and_one_after_a_kill_is_not(bck: Bck):
    with bck.serving() as (process, _):
        done = bck.run("serve", "--port", "0", "--json")
        assert done.code == 5
        assert str(process.pid) in done.json["error"]["what"]
        process.kill()
        process.wait(30)
    with bck.serving():
        pass


def test_a_taken_port_is_named(bck: Bck):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = bck.run("serve", "--port", str(taken.getsockname()[1]))
    assert done.code == 5
    assert "--port" in done.err
    assert bck.ok("audit", "list", "--action", "service-start")["items"] == [], "it has begun nothing"


def test_serve_does_the_jobs_that_are_asked_for_on_the_command_line(bck: Bck, docs: Path, tmp_path: Path):
    with bck.serving():
        asked = bck.ok("backup", "docs")
        job = asked["job_id"]
        assert asked["status"] in ("queued", "running")
        followed = bck.run("log", job, "--follow")
        assert followed.code == 0
        assert bck.ok("status", job)["status"] == "succeeded"
        waited = bck.ok("backup", "docs", "--wait")
        assert (waited["outcome"], waited["made_point"]) == ("succeeded", False)
        bck.ok("restore", "docs", "--point", "latest", "--to", str(tmp_path / "back"))
        assert world_of_folder(tmp_path / "back" / "docs") == world_of_folder(docs)
        assert bck.ok("prune", "docs")["outcome"] == "succeeded"
        human = bck.run("backup", "docs")
        assert "bck log" in human.out


def test_a_running_job_is_cancelled_and_the_next_one_goes_on(bck: Bck, docs: Path):
    (docs / "big").write_bytes(os.urandom(20_000_000))
    with bck.serving():
        job = bck.ok("backup", "slow")["job_id"]
        assert eventually(lambda: moving(bck))
        assert bck.ok("cancel", job)["cancel_requested"]
        assert eventually(lambda: state(bck, job) == "cancelled", 15)
        assert bck.ok("status", job, code=1)["error"]["code"] == "cancelled"
        assert [line for line in processes_about(bck.storage) if "rsync" in line] == []
        assert bck.ok("backup", "docs", "--wait")["outcome"] == "succeeded"


def moving(bck: Bck) -> bool:
    """Whether a transfer has begun to write."""
    return any(status.st_size > 1_000_000 for status in half_sent(bck.storage))


def test_sigterm_hands_the_running_job_back_and_the_next_serve_finishes_it(
    bck: Bck, docs: Path, tmp_path: Path
):
    (docs / "big").write_bytes(os.urandom(6_000_000))
    with bck.serving() as (process, _):
        job = bck.ok("backup", "slow")["job_id"]
        assert eventually(lambda: moving(bck))
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert state(bck, job) == "queued"
    assert processes_about(bck.storage) == []
    with bck.serving():
        assert bck.run("log", job, "--follow").code == 0
    done = bck.ok("status", job)
    assert (done["status"], done["claims"]) == ("succeeded", 2)
    bck.ok("restore", "slow", "--point", "latest", "--to", str(tmp_path / "back"))
    assert world_of_folder(tmp_path / "back" / "docs") == world_of_folder(docs)


def test_a_job_left_queued_by_serve_is_done_by_the_command_line(bck: Bck, docs: Path):
    (docs / "big").write_bytes(os.urandom(3_000_000))
    with bck.serving() as (process, _):
        job = bck.ok("backup", "slow")["job_id"]
        assert eventually(lambda: moving(bck))
        process.send_signal(signal.SIGTERM)
        process.wait(20)
    done = bck.ok("backup", "slow", "--wait")
    assert done["job_id"] == job
    assert done["outcome"] == "succeeded"


def test_ctrl_c_cancels_a_job_done_here(bck: Bck, docs: Path):
    (docs / "big").write_bytes(os.urandom(20_000_000))
    process = bck.start("backup", "slow", "--wait")
    assert eventually(lambda: moving(bck))
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 1
    job = bck.ok("jobs")["items"][0]
    assert (job["status"], job["error"]["code"]) == ("cancelled", "cancelled")
    assert processes_about(bck.storage) == []
