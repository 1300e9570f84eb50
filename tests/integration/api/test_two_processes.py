"""A job is followed at one API process, which dies; another one goes on where it stopped."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from bck_apps.runner.execution import Execution
from bck_apps.wiring import Application, database_place, initialise
from bckcore.domain.host import Host
from bckcore.domain.ids import HostId, ProfileId, SourceName
from bckcore.domain.profile import Profile
from bckcore.domain.secret import Secret
from bckcore.domain.source import Source
from bckcore.domain.transfer import TransferProgress
from bckcore.ports.job_queue import Claim
from bckcore.ports.transport import Watcher
from bckcore.services.worker import Ending
from tests.support.api_process import api_process
from tests.support.https import client_of, signed_in
from tests.support.runner import DONE, LEASE, ScriptedWorker

PASSWORD = "a long enough password"
LINES = 400
DOCS = ProfileId("docs")


@pytest.fixture
def application(tmp_path: Path, url: str) -> Iterator[Application]:
    made = initialise(
        tmp_path / "home",
        storage=tmp_path / "store",
        admin="ann",
        password=Secret(PASSWORD),
        database=database_place(url),
    )
    with made as application:
        pc = tmp_path / "pc"
        pc.mkdir()
        host = Host(id=HostId("here"), address="", transport="local", allowed_roots=(str(pc),))
        application.hosts.add(host, key=None, trust_on_first_use=False)
        source = Source(name=SourceName("docs"), path=str(pc))
        application.profiles.add(Profile(id=DOCS, host=host.id, sources=(source,)))
        yield application


Event = tuple[str, str, Any]


def events(response: httpx2.Response) -> Iterator[Event]:
    fields: dict[str, str] = {}
    for line in response.iter_lines():
        name, _, value = line.partition(": ")
        if name:
            fields[name] = value
        elif line == "" and "event" in fields:
            yield fields["event"], fields.get("id", ""), json.loads(fields["data"])
            fields = {}


def talkative(go_on: threading.Event) -> ScriptedWorker:
    """Writes lines for some seconds, the second half of them once it may."""

    def script(_claim: Claim, watcher: Watcher) -> Ending:
        pace = threading.Event()
        for number in range(1, LINES + 1):
            if number == LINES // 2:
                assert go_on.wait(60)
            watcher.log(f"line {number}")
            watcher.progress(TransferProgress(phase="transferring", files_done=number))
            pace.wait(0.003)
        return DONE

    return ScriptedWorker(script)


def test_a_client_cut_off_in_the_middle_goes_on_at_another_process(application: Application) -> None:
    go_on = threading.Event()
    job = application.jobs.start_backup(DOCS, requested_by="test").job
    claim = application.queue.claim("test", lease_seconds=LEASE)
    assert claim is not None
    execution = Execution(
        claim,
        queue=application.queue,
        worker=talkative(go_on),
        clock=application.clock,
        lease_seconds=LEASE,
    )
    runner = threading.Thread(target=execution.carry_out)
    with api_process(application.home) as (dying, first), api_process(application.home) as (_, second):
        runner.start()
        seen = list[tuple[str, str]]()
        with client_of(first.url, first.ca) as client:
            token = {"Authorization": signed_in(client, password=PASSWORD).headers["Authorization"]}
            with client.stream("GET", f"/backup/events/{job.id}") as response:
                for name, ident, data in events(response):
                    if name == "log":
                        seen.append((ident, data["text"]))
                    if len(seen) == 50:
                        break
                dying.kill()  # in the middle of the stream
        assert len(seen) == 50
        go_on.set()
        resumed = {**token, "Last-Event-ID": seen[-1][0]}
        names = list[str]()
        with (
            client_of(second.url, second.ca) as client,
            client.stream("GET", f"/backup/events/{job.id}", headers=resumed) as response,
        ):
            for name, ident, data in events(response):
                names.append(name)
                if name == "log":
                    seen.append((ident, data["text"]))
        runner.join()
    assert seen == [(str(number), f"line {number}") for number in range(1, LINES + 1)]
    assert names[-1] == "end"
    assert names.count("end") == 1
    assert "progress" in names
