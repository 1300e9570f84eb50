"""A marked password goes in with a start, by the API and by `bck`; it stands nowhere while the job runs, when
its runner has crashed, and when it is over.

Looked at: every file of the installation and its storage - database with its journal, logs, receipts, audit
log, vault - the folder for things of the moment, what `bck` printed, what the API answered and what the
crash left; and the command line and environment of every process. What was sealed leaves the database with
the job.
"""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.canaries import Canaries, assert_in_no_process, files_below
from tests.support.cli import PASSWORD, PATIENCE, Bck, eventually
from tests.support.https import Caller
from tests.support.password_server import PasswordServer, password_server
from tests.support.pc import half_sent
from tests.support.postgresql import on_postgresql

SENT = "canary-of-an-account-sent-2d81f6"
AGAIN = "canary-of-an-account-sent-again-77b0"
MISSPELT = "canary-of-an-account-misspelt-c3e5"
TYPED = "canary-of-an-account-on-stdin-914a"
SLOW, QUICK = 10_000_000, 6_000


@pytest.fixture
def bck(tmp_path: Path, require_tool: Any) -> Bck:
    require_tool("rsync")
    (tmp_path / "server").mkdir(mode=0o700)
    made = Bck(tmp_path / "server")
    made.init()
    made.settings["BCK_LOGGING__LEVEL"] = "debug"
    return made


def entered_with_a_password(bck: Bck, server: PasswordServer, docs: Path, size: int) -> None:
    """A PC that asks for a password, and a profile that takes its time for so many bytes."""
    docs.mkdir()
    (docs / "big").write_bytes(os.urandom(size))
    host = server.host
    where = ("--address", host.address, "--port", str(host.port), "--user", host.user)
    trust = ("--login", "password", "--host-key", host.host_keys[0])
    bck.ok("host", "add", "pc1", *where, *trust, "--allow", str(docs))
    bck.ok("profile", "add", "docs", "--host", "pc1", "--source", str(docs), "--bwlimit", "1M")


def assert_nowhere(bck: Bck, canaries: Canaries, shown: list[str], *pids: int) -> None:
    """Neither in files, nor in what was shown, nor in what processes (these among them) are given."""
    looked_at = dict(files_below(bck.folder, Path(os.environ.get("XDG_RUNTIME_DIR", bck.folder))))
    assert len(looked_at) > 10
    for path, content in looked_at.items():
        assert canaries.found_in(str(path), content) == []
    for number, text in enumerate(shown):
        assert canaries.found_in(f"answer {number}", text.encode()) == []
    assert_in_no_process(canaries, *pids)


def sealed_texts(bck: Bck) -> list[str]:
    """What the database holds sealed; nothing to tell where it is no file."""
    if on_postgresql():
        return []
    with closing(sqlite3.connect(bck.home / "bck.sqlite3")) as database:
        return [text for (text,) in database.execute("SELECT sealed FROM job WHERE sealed <> ''")]


def under_way(bck: Bck) -> bool:
    return eventually(lambda: bool(half_sent(bck.storage)))


def told(bck: Bck) -> Iterator[str]:
    for line in ("jobs", "audit list --limit 1000", "doctor", "points docs", "host show pc1"):
        done = bck.run(*line.split())
        yield done.out + done.err


def test_a_password_that_comes_with_a_start_stands_nowhere(bck: Bck, tmp_path: Path) -> None:
    with password_server(SENT) as server:
        entered_with_a_password(bck, server, tmp_path / "pc", SLOW)
        sent_crashed_and_taken_up(bck)
        assert server.logins
        assert all(server.logins)


def sent_crashed_and_taken_up(bck: Bck) -> None:
    canaries, shown = Canaries(), list[str]()
    for name, secret in (("sent", SENT), ("again", AGAIN), ("misspelt", MISSPELT), ("typed", TYPED)):
        canaries.let_fly(name, secret)
    alone = Bck(bck.folder, bck.settings, cold=True)  # with a command line and an environment of its own
    with alone.serving() as (process, served):
        call = Caller(served)
        token = call("/auth/login", name="ann", password=PASSWORD)[1]["access_token"]
        code, started = call("/backup/start", token, profile="docs", password=SENT)
        assert (code, started["password_dropped"]) == (202, False)
        job = started["job"]["job_id"]
        again = call("/backup/start", token, profile="docs", password=AGAIN)[1]
        assert (again["job"]["job_id"], again["password_dropped"]) == (job, True)
        misspelt = [call("/backup/start", token, profile="docs", passwort=MISSPELT)]
        misspelt += [call("/backup/start", token, profile="docs", password=[MISSPELT])]
        assert [code for code, _ in misspelt] == [422, 422]
        assert under_way(bck)
        sealed = sealed_texts(bck)
        assert sealed or on_postgresql(), "the seal was not looked for where it is"
        typed = bck.run("backup", "docs", "--password-stdin", text=TYPED + "\n")
        assert (typed.code, "The password was not kept" in typed.err) == (0, True), typed
        shown += [typed.out + typed.err]
        shown += map(str, [started, again, misspelt, call(f"/backup/status/{job}", token)])
        assert_nowhere(bck, canaries, shown, process.pid)
        process.send_signal(signal.SIGABRT)  # a crash, while the password is in use
        assert process.wait(PATIENCE) == -signal.SIGABRT
    assert_nowhere(bck, canaries, [])
    bck.ok("profile", "set", "docs", "--bwlimit", "0")  # what is left need not take its time
    with bck.serving() as (_, served):
        token = Caller(served)("/auth/login", name="ann", password=PASSWORD)[1]["access_token"]

        def ended() -> bool:
            return bool(Caller(served)(f"/backup/status/{job}", token)[1]["finished"])

        assert eventually(ended)
        found = Caller(served)(f"/backup/status/{job}", token)[1]
        log = Caller(served)(f"/backup/log/{job}", token)[1]
        assert (found["status"], found["deaths"]) == ("succeeded", 1)
        audit = Caller(served)("/audit?limit=1000", token)[1]
        assert "password" in [one["about"].get("with") for one in audit["items"]]
        shown += map(str, [found, log, audit])
    shown += told(bck)
    assert sealed_texts(bck) == []
    canaries.let_fly("its seal", sealed[0] if sealed else SENT)
    assert_nowhere(bck, canaries, shown)


def test_one_that_is_given_to_bck_where_nobody_serves_stands_nowhere_either(bck: Bck, tmp_path: Path) -> None:
    canaries = Canaries()
    canaries.let_fly("typed", TYPED)
    with password_server(TYPED) as server:
        entered_with_a_password(bck, server, tmp_path / "pc", QUICK)
        done = bck.run("backup", "docs", "--wait", "--password-stdin", text=TYPED + "\n")
        assert done.code == 0, done
        dry = bck.run("backup", "docs", "--dry-run", "--password-stdin", text=TYPED + "\n")
        check = bck.run("check", "docs", "--against-host", "--password-stdin", text=TYPED + "\n")
    assert (dry.code, check.code) == (0, 0)
    shown = [one.out + one.err for one in (done, dry, check)]
    assert_nowhere(bck, canaries, [*shown, *told(bck)])
    assert sealed_texts(bck) == []
    line = next(
        one for one in bck.run("doctor", "--security", "--json").json["items"] if "sealed" in one["name"]
    )
    assert (line["ok"], line["detail"]) == (True, "none is held by a job that is over; 0 wait")
