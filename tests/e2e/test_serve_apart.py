"""API and runner as processes of their own on one installation, on either database."""

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from bck_apps.runner.presence import serve_is_up
from tests.support.cli import PATIENCE, Bck, Running, eventually
from tests.support.databases import address_of
from tests.support.https import ann_at

LOOKS = (
    "/health/ready",
    "/profiles/docs/points",
    "/profiles/docs/files",
    "/profiles/docs/search?pattern=f",
    "/metrics",
    "/jobs",
)
"""What an API does that may not write to the storage."""

START_ONE = "Start one: bck serve, or bck serve --only runner. Until then they wait."

pytestmark = pytest.mark.sqlite  # each story says itself where its database is


@pytest.fixture(params=["sqlite", "postgresql"])
def bck(request: pytest.FixtureRequest, tmp_path: Path, require_tool) -> Iterator[Bck]:
    require_tool("rsync")
    (tmp_path / "server").mkdir()
    (tmp_path / "pc").mkdir()
    (tmp_path / "pc" / "f").write_text("x")
    made = Bck(tmp_path / "server", {"BCK_RUNNER__POLL_SECONDS": "0.2"})
    with address_of(request.param, tmp_path) as url:
        made.init("--database", url)
        made.ok("host", "add", "here", "--transport", "local", "--allow", str(tmp_path / "pc"))
        made.ok("profile", "add", "docs", "--host", "here", "--source", str(tmp_path / "pc"))
        yield made


@contextmanager
def runner_of(bck: Bck) -> Iterator[Running]:
    with bck.serving("--only", "runner") as (process, said):
        assert said == {"part": "runner", "pid": process.pid}
        assert serve_is_up(bck.home)  # it has said so only once it takes jobs
        yield process
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0


def ports_of(pid: int) -> set[str]:
    """Local addresses on which the process listens."""
    own = {link.readlink().name for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()}
    lines = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    return {words[1] for words in lines if words[3] == "0A" and f"socket:[{words[9]}]" in own}


def last_event(client: httpx2.Client, job: str) -> Any:
    """The job as its stream of events tells it at the end."""
    with client.stream("GET", f"/backup/events/{job}") as stream:
        name = ""
        for line in stream.iter_lines():
            key, _, value = line.partition(": ")
            name = value if key == "event" else name
            if key == "data" and name == "end":
                return json.loads(value)
    raise AssertionError("the stream had no end")


def oldest_age(client: httpx2.Client) -> float:
    """How long the oldest job waits for a runner, as monitoring sees it."""
    lines = client.get("/metrics").text.splitlines()
    (value,) = [line.split()[1] for line in lines if line.startswith("bck_queue_oldest_age_seconds ")]
    return float(value)


def runner_finding(bck: Bck) -> tuple[bool, str]:
    """What the doctor says of the runner; of a PostgreSQL of the tests it has other complaints."""
    items = bck.run("doctor", "--json").json["items"]
    (found,) = [one for one in items if one["name"] == "runner"]
    return found["ok"], found["detail"]


@contextmanager
def read_only(root: Path) -> Iterator[None]:
    """Within it nobody writes to the storage."""
    modes = {path: path.stat().st_mode for path in (root, *root.rglob("*")) if path.is_dir()}
    for path in modes:
        path.chmod(0o500)
    try:
        yield
    finally:
        for path, mode in modes.items():
            path.chmod(mode)


def test_what_the_api_is_asked_for_the_runner_does(bck: Bck) -> None:
    with bck.serving("--only", "api") as (api, said), ann_at(said) as client:
        job = client.post("/backup/start", json={"profile": "docs"}).json()["job"]["job_id"]
        assert not serve_is_up(bck.home)  # nobody takes jobs, so nobody stands in a runner's way
        assert client.get(f"/backup/status/{job}").json()["claims"] == 0
        assert (bck.ok("queue", "status")["runner"], oldest_age(client) > 0) == ("", True)
        assert runner_finding(bck) == (False, "none known here, and 1 job not finished. " + START_ONE)
        with runner_of(bck) as runner:
            assert last_event(client, job)["status"] == "succeeded"
            told = f"process {runner.pid}, runner only"
            assert (bck.ok("queue", "status")["runner"], runner_finding(bck)) == (told, (True, told))
            assert oldest_age(client) == 0
            assert (ports_of(runner.pid), len(ports_of(api.pid))) == (set(), 1)
            refused = bck.run("serve", "--port", "0", "--json")
            assert refused.code == 5
            assert "runner only" in refused.json["error"]["what"]
            with bck.serving("--only", "api") as (_, other), ann_at(other) as second:
                assert second.get(f"/backup/status/{job}").json()["status"] == "succeeded"
        assert eventually(lambda: not serve_is_up(bck.home))
        assert runner_finding(bck) == (True, "none known here, and no job waits for one")
        with read_only(bck.storage):
            asked = [client.get(path).status_code for path in LOOKS]
            assert asked == [200] * len(LOOKS)
            assert client.post("/backup/start", json={"profile": "docs"}).status_code == 202
