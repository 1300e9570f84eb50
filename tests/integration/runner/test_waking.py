"""A runner that looks into the queue once an hour begins a job at once, whoever of its installation asks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bck_apps.runner.loop import Runner
from bck_apps.runner.presence import ServeLock
from bck_apps.wiring import Application, open_application
from bckcore.domain.ids import ProfileId
from tests.support.cli import PATIENCE, Bck, eventually

AN_HOUR = 3600.0


class LookedAt:
    """A queue that tells when somebody has looked for work and found none."""

    def __init__(self, queue: Any) -> None:
        self._queue = queue
        self.empty = threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._queue, name)

    def claim(self, *values: Any, **named: Any) -> Any:
        claim = self._queue.claim(*values, **named)
        if claim is None:
            self.empty.set()
        return claim


@pytest.fixture
def bck(tmp_path: Path, require_tool: Callable[[str], str]) -> Bck:
    require_tool("rsync")
    (tmp_path / "server").mkdir()
    made = Bck(tmp_path / "server")
    made.init()
    (tmp_path / "pc").mkdir()
    (tmp_path / "pc" / "f").write_text("x")
    made.ok("host", "add", "here", "--transport", "local", "--allow", str(tmp_path / "pc"))
    made.ok("profile", "add", "docs", "--host", "here", "--source", str(tmp_path / "pc"))
    return made


@contextmanager
def waiting_runner(bck: Bck) -> Iterator[Application]:
    """A runner that has looked once and found nothing; its next look of its own is an hour away."""
    with open_application(bck.home) as application, ServeLock(bck.home, clock=application.clock):
        queue = LookedAt(application.queue)
        runner = Runner(
            queue=queue,
            worker=application.worker,
            clock=application.clock,
            processes=application.processes,
            name="patient",
            slots=1,
            lease_seconds=60,
            poll_seconds=AN_HOUR,
            bell=application.bell,
        )
        thread = threading.Thread(target=runner.run)
        thread.start()
        try:
            assert queue.empty.wait(PATIENCE)
            yield application
        finally:
            runner.stop()
            thread.join()


def test_a_job_asked_for_in_the_same_process_does_not_wait_for_a_poll(bck: Bck) -> None:
    with waiting_runner(bck) as application:
        job = application.jobs.start_backup(ProfileId("docs"), requested_by="test").job
        assert eventually(lambda: application.jobs.get(job.id).status.final)
        assert application.jobs.get(job.id).status.value == "succeeded"


def test_a_job_asked_for_in_another_process_does_not_wait_for_a_poll(bck: Bck) -> None:
    with waiting_runner(bck) as application:
        job = bck.ok("backup", "docs")["job_id"]
        assert eventually(lambda: application.jobs.get(job).status.final)
        assert application.jobs.get(job).status.value == "succeeded"
