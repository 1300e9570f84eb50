"""A runner as a process of its own, on SQLite and a real installation."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bck_apps.runner.presence import serve_is_up
from tests.support.cli import PATIENCE, Bck, eventually


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


def start(bck: Bck) -> subprocess.Popen[bytes]:
    with (bck.folder / "runner.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "bck_apps.runner.main"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=bck.environment,
            start_new_session=True,
        )


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
    lines = (bck.folder / "runner.log").read_text().splitlines()
    assert lines
    assert all(line.startswith("{") for line in lines)
    assert any(job in line for line in lines)
    assert not serve_is_up(bck.home)


def test_a_second_runner_is_refused(bck: Bck):
    first = start(bck)
    try:
        assert eventually(lambda: serve_is_up(bck.home))
        second = start(bck)
        assert second.wait(PATIENCE) == 1
        assert "runs already" in (bck.folder / "runner.log").read_text()
    finally:
        first.send_signal(signal.SIGTERM)
        assert first.wait(PATIENCE) == 0


def test_a_runner_without_an_installation_says_so(tmp_path: Path):
    lost = Bck(tmp_path)
    runner = start(lost)
    assert runner.wait(PATIENCE) == 1
    assert "bck init" in (tmp_path / "runner.log").read_text()
