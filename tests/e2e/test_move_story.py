"""A server that runs moves to another database: nobody restarts it, no job is lost or done twice."""

import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest

from bck_adapters.clock import SystemClock
from bck_adapters.sql.engine import LOCK_SPACE, SCHEMA_LOCK
from bck_apps.runner.presence import ServeLock, StandStill
from bck_apps.wiring import database_place, move_installation, open_application
from tests.support.cli import PATIENCE, Bck, eventually
from tests.support.https import ann_at
from tests.support.pc import half_sent
from tests.support.postgresql import fresh_database, postgres_server
from tests.support.worlds import world_of_folder

pytestmark = pytest.mark.sqlite  # each story says itself where its database is


@pytest.fixture
def url() -> Iterator[str]:
    with fresh_database() as address:
        yield address


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "pc" / "docs"
    folder.mkdir(parents=True)
    (folder / "big").write_bytes(os.urandom(4_000_000))
    return folder


@pytest.fixture
def bck(tmp_path: Path, docs: Path, require_tool) -> Bck:
    require_tool("rsync")
    (tmp_path / "server").mkdir()
    made = Bck(tmp_path / "server", {"BCK_RUNNER__POLL_SECONDS": "0.2"})
    made.init()
    made.ok("host", "add", "here", "--transport", "local", "--allow", str(docs.parent))
    made.ok("profile", "add", "slow", "--host", "here", "--source", str(docs), "--bwlimit", "1M")
    return made


def asked(client: httpx2.Client, path: str) -> httpx2.Response:
    """The answer; a connection that the server closes just then is opened again, as every client does."""
    try:
        return client.get(path)
    except httpx2.TransportError:
        return client.get(path)


class Poller:
    """A client that asks for a job again and again, as the desktop does."""

    def __init__(self, client: httpx2.Client, job: str) -> None:
        self.answers: Counter[tuple[int, str]] = Counter()
        self.waits: set[str | None] = set()
        self._client = client
        self._job = job
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Poller":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(0.05):
            answer = asked(self._client, f"/backup/status/{self._job}")
            told = answer.json()
            self.answers[answer.status_code, str(told.get("type", ""))] += 1
            if answer.status_code == 503:
                self.waits.add(answer.headers.get("retry-after"))


def under_way(bck: Bck) -> bool:
    return any(status.st_size > 1_000_000 for status in half_sent(bck.storage))


def hang(holder: psycopg.Connection[Any], count: int) -> bool:
    """Whether so many wait for what the holder has; of who was killed the server does not know yet."""
    [waiting] = holder.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    return bool(waiting[0] == count)


def test_a_running_server_moves_with_a_job_under_way_and_a_client_that_asks(
    bck: Bck, docs: Path, url: str, tmp_path: Path
) -> None:
    with bck.serving() as (process, said), ann_at(said) as client:
        job = client.post("/backup/start", json={"profile": "slow"}).json()["job"]["job_id"]
        assert eventually(lambda: under_way(bck))
        with Poller(client, job) as poller:
            moved = bck.ok("db", "migrate-to", url)
            assert eventually(lambda: asked(client, "/health/ready").status_code == 200)
            assert eventually(
                lambda: asked(client, f"/backup/status/{job}").json().get("status") == "succeeded"
            )
        assert process.poll() is None
        assert (moved["to"], Path(moved["put_aside"]).exists()) == (url, True)
        done = asked(client, f"/backup/status/{job}").json()
        assert done["claims"] == 2
        assert client.post("/backup/start", json={"profile": "slow"}).status_code == 202
    assert set(poller.answers) == {(200, ""), (503, "urn:bck:database-moved")}, poller.answers
    assert None not in poller.waits
    assert bck.ok("db", "status")["kind"] == "postgresql"
    assert not (bck.home / "bck.sqlite3").exists()
    bck.ok("restore", "slow", "--point", "latest", "--to", str(tmp_path / "back"))
    assert world_of_folder(tmp_path / "back" / "docs") == world_of_folder(docs)
    assert [one["status"] for one in bck.ok("jobs")["items"] if one["job_id"] == job] == ["succeeded"]


def test_an_api_alone_that_noticed_nothing_of_a_move_opens_the_new_database(bck: Bck, url: str) -> None:
    with bck.serving("--only", "api") as (process, said), ann_at(said) as client:
        job = client.post("/backup/start", json={"profile": "slow"}).json()["job"]["job_id"]
        with open_application(bck.home) as application:  # without a word to those who serve
            move_installation(application, database_place(url), told=lambda *_: None)
        answers = {asked(client, f"/backup/status/{job}").status_code}
        assert eventually(lambda: asked(client, f"/backup/status/{job}").status_code == 200)
        assert answers <= {200, 503}
        assert asked(client, "/health/database").json()["kind"] == "postgresql"
        assert process.poll() is None


def test_a_server_waits_for_a_new_database_that_does_not_answer_yet(bck: Bck) -> None:
    log = bck.folder / "serve.log"
    bck.settings["BCK_LOGGING__FILE"] = str(log)
    with postgres_server() as server, bck.serving() as (process, said), ann_at(said) as client:
        target = database_place(server.url(server.create()))
        with StandStill(bck.home, clock=SystemClock()):
            assert eventually(lambda: asked(client, "/health/ready").status_code == 503)
            with ServeLock(bck.home, clock=SystemClock(), seconds=PATIENCE):
                with open_application(bck.home) as application:
                    move_installation(application, target, told=lambda *_: None)
                server.stop()
        assert eventually(lambda: log.read_text().count("cannot be opened yet") > 1)
        assert process.poll() is None
        server.start()
        assert eventually(lambda: asked(client, "/health/ready").status_code == 200)
        assert asked(client, "/health/database").json()["kind"] == "postgresql"
        assert process.poll() is None


def test_a_server_whose_environment_names_its_database_is_not_moved_away_from_it(bck: Bck, url: str) -> None:
    named = {**bck.settings, "BCK_DATABASE__URL": f"sqlite:///{bck.home}/bck.sqlite3"}
    server = Bck(bck.folder, named)
    with server.serving() as (process, _):
        refused = bck.ok("db", "migrate-to", url, code=5)["error"]
        assert "BCK_DATABASE__URL" in refused["what"]
        assert process.poll() is None
    assert bck.ok("db", "status")["kind"] == "sqlite"


def test_a_mover_that_is_killed_leaves_the_server_where_it_was_and_a_server_that_is_killed_does_not_stop_it(
    bck: Bck, url: str
) -> None:
    """The mover hangs in the middle: the new database is held by somebody else."""
    with psycopg.connect(url) as other, bck.serving() as (process, said), ann_at(said) as client:
        other.execute(f"SELECT pg_advisory_xact_lock({LOCK_SPACE}, {SCHEMA_LOCK})")
        mover = bck.start("db", "migrate-to", url)
        assert eventually(lambda: hang(other, 1))
        assert asked(client, "/health/ready").status_code == 503
        assert asked(client, "/health").status_code == 200
        assert bck.ok("db", "migrate-to", url, code=5)["error"]["code"] == "conflict"
        mover.kill()
        mover.wait(PATIENCE)
        mover = bck.start("db", "migrate-to", url)  # at once: the server has not come back yet
        assert eventually(lambda: hang(other, 2))
        assert process.poll() is None
        mover.kill()
        mover.wait(PATIENCE)
        assert eventually(lambda: asked(client, "/health/ready").status_code == 200)
        assert client.post("/backup/start", json={"profile": "slow"}).status_code == 202
        assert bck.ok("db", "status")["kind"] == "sqlite"

        mover = bck.start("db", "migrate-to", url)
        assert eventually(lambda: hang(other, 3))
        process.send_signal(signal.SIGKILL)
        process.wait(PATIENCE)
        other.rollback()
        assert mover.wait(PATIENCE) == 0, (bck.folder / "stderr.log").read_text()
    assert bck.ok("db", "status")["kind"] == "postgresql"
    with bck.serving() as (_, said), ann_at(said) as client:
        [job] = bck.ok("jobs")["items"]
        assert eventually(lambda: bck.ok("status", job["job_id"])["status"] == "succeeded")
