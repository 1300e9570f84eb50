"""A runner as a process of its own, on a real installation."""

import signal
from pathlib import Path

import pytest

from bck_adapters.clock import SystemClock
from bck_apps.runner.presence import ServeLock, StandStill, serve_is_up
from tests.support.cli import PATIENCE, Bck, Running, eventually


@pytest.fixture
def bck(tmp_path: Path, require_tool):
    require_tool("rsync")
    (tmp_path / "server").mkdir()
    made = Bck(tmp_path / "server", {"BCK_RUNNER__POLL_SECONDS": "0.1"})
    made.init()
    (tmp_path / "pc").mkdir()
    (tmp_path / "pc" / "f").write_text("x")
    made.ok("host", "add", "here", "--transport", "local", "--allow", str(tmp_path / "pc"))
    made.ok("profile", "add", "docs", "--host", "here", "--source", str(tmp_path / "pc"))
    return made


def start(bck: Bck) -> Running:
    return bck.start("serve", "--only", "runner")


def log_of(bck: Bck) -> str:
    """What the runners of an installation wrote; nothing while the first is about to begin."""
    log = bck.folder / "stderr.log"
    return log.read_text() if log.exists() else ""


def test_a_runner_takes_jobs_logs_json_and_ends_on_sigterm(bck: Bck):
    runner = start(bck)
    try:
        assert eventually(lambda: serve_is_up(bck.home))
        job = bck.ok("backup", "docs")["job_id"]
        assert bck.run("log", job, "--follow").code == 0
        assert bck.ok("status", job)["status"] == "succeeded"
    finally:
        runner.send_signal(signal.SIGTERM)
        assert runner.wait(PATIENCE) == 0
    lines = log_of(bck).splitlines()
    assert lines
    assert all(line.startswith("{") for line in lines)
    assert any(job in line for line in lines)
    assert not serve_is_up(bck.home)


def ended(runner: Running) -> None:
    runner.send_signal(signal.SIGTERM)
    assert runner.wait(PATIENCE) == 0


def test_of_runners_started_at_once_on_one_home_one_stays_and_the_others_are_refused(bck: Bck):
    runners = [start(bck) for _ in range(3)]
    try:
        assert eventually(lambda: [runner.poll() for runner in runners].count(None) == 1)
        [first] = [runner for runner in runners if runner.poll() is None]
        assert sorted(runner.returncode or 0 for runner in runners if runner is not first) == [5, 5]
        told = [line for line in log_of(bck).splitlines() if "already" in line]
        assert len(told) == 2
        assert all(f"works already for {bck.home}" in line for line in told)
        assert serve_is_up(bck.home)
        assert bck.run("log", bck.ok("backup", "docs")["job_id"], "--follow").code == 0
        assert first.poll() is None
    finally:
        for runner in runners:
            if runner.poll() is None:
                ended(runner)


def test_serve_and_a_runner_alone_refuse_each_other_on_one_home(bck: Bck):
    runner = start(bck)
    try:
        assert eventually(lambda: serve_is_up(bck.home))
        refused = bck.run("serve", "--port", "0", "--json")
        assert refused.code == 5
        assert f"process {runner.pid}, runner only" in refused.json["error"]["what"]
        assert "runner.jobs" in refused.json["error"]["advice"]
    finally:
        ended(runner)
    with bck.serving() as (serving, _):
        assert start(bck).wait(PATIENCE) == 5
        assert f"process {serving.pid}" in log_of(bck)
        assert serving.poll() is None


def test_a_runner_that_starts_while_the_database_is_moved_waits_for_the_end_of_that(bck: Bck):
    clock = SystemClock()
    with StandStill(bck.home, clock=clock), ServeLock(bck.home, clock=clock):
        runner = start(bck)
        assert eventually(lambda: "being moved" in log_of(bck))
    try:
        assert eventually(lambda: "takes jobs" in log_of(bck))
        assert serve_is_up(bck.home)
    finally:
        ended(runner)


def test_a_runner_without_an_installation_says_so(tmp_path: Path):
    lost = Bck(tmp_path)
    runner = start(lost)
    assert runner.wait(PATIENCE) == 4
    assert "bck init" in log_of(lost)
