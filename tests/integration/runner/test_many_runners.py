"""Several runner processes, each with settings of its own, on one database and one storage."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

from bck_apps.runner.presence import serve_is_up
from tests.support.cli import PATIENCE, Bck, eventually, processes_about

HOSTS, PROFILES_OF_A_HOST, RUNNERS, SLOTS = 4, 2, 3, 2


@dataclass
class Fleet:
    """One installation, and more homes beside it whose runners share its database and storage."""

    first: Bck
    profiles: list[str]

    def home(self, number: int) -> Bck:
        """The installation as runner ``number`` sees it."""
        if number == 0:
            return self.first
        folder = self.first.folder / f"runner{number}"
        made = Bck(folder, {**self.first.settings, "BCK_DATABASE__URL": f"sqlite:///{self.database}"})
        if not made.home.exists():
            made.home.mkdir(mode=0o700, parents=True)
            settings = (self.first.home / "settings.toml").read_text()
            (made.home / "settings.toml").write_text(settings)
            (made.home / "settings.toml").chmod(0o600)
        return made

    @property
    def database(self) -> Path:
        return self.first.home / "bck.sqlite3"


@pytest.fixture
def fleet(tmp_path: Path, require_tool) -> Fleet:
    require_tool("rsync")
    (tmp_path / "server").mkdir()
    first = Bck(tmp_path / "server", {"BCK_RUNNER__POLL_SECONDS": "0.1", "BCK_RUNNER__JOBS": str(SLOTS)})
    first.init()
    profiles = []
    for host in range(HOSTS):
        pc = tmp_path / f"pc{host}"
        first.ok("host", "add", f"pc{host}", "--transport", "local", "--allow", str(pc))
        for number in range(PROFILES_OF_A_HOST):
            folder = pc / f"docs{number}"
            folder.mkdir(parents=True)
            for file in range(20):
                (folder / f"f{file}").write_bytes(b"%d" % file * 1000)
            profiles.append(f"docs-{host}-{number}")
            first.ok("profile", "add", profiles[-1], "--host", f"pc{host}", "--source", str(folder))
    return Fleet(first, profiles)


@contextmanager
def running(bck: Bck) -> Iterator[subprocess.Popen[bytes]]:
    with (bck.folder / "runner.log").open("ab") as log:
        runner = subprocess.Popen(
            [sys.executable, "-m", "bck_apps.runner.main"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=bck.environment,
            start_new_session=True,
        )
    try:
        yield runner
    finally:
        if runner.poll() is None:
            runner.send_signal(signal.SIGTERM)
        runner.wait(PATIENCE)


def test_several_runners_carry_out_each_job_once_and_one_of_a_host_at_a_time(fleet: Fleet) -> None:
    """One of them is killed on the way; the others take its jobs up at once."""
    with ExitStack() as stack:
        runners = [stack.enter_context(running(fleet.home(number))) for number in range(RUNNERS)]
        for number in range(RUNNERS):
            assert eventually(partial(serve_is_up, fleet.home(number).home))
        asked = [fleet.first.ok("backup", profile)["job_id"] for profile in fleet.profiles]
        runners[-1].kill()
        assert eventually(lambda: all_over(fleet.first), seconds=2 * PATIENCE)
    jobs = {job["job_id"]: job for job in fleet.first.ok("jobs", "--limit", "100")["items"]}
    assert sorted(jobs) == sorted(asked)
    assert {job["status"] for job in jobs.values()} == {"succeeded"}
    for name in ("host", "profile"):
        for one in {job[name] for job in jobs.values()}:
            alike = [job for job in jobs.values() if job[name] == one]
            times = sorted((at(job["started"]), at(job["finished"])) for job in alike)
            assert all(before[1] <= after[0] for before, after in pairwise(times)), one
    for profile in fleet.profiles:
        points = fleet.first.ok("points", profile)["items"]
        assert [point["files"] for point in points] == [20]
    assert processes_about(fleet.first.storage) == []


def all_over(bck: Bck) -> bool:
    items = bck.ok("jobs", "--limit", "100")["items"]
    return all(job["status"] not in ("queued", "running") for job in items)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)
