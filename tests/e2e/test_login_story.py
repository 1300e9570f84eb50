"""The three ways into a PC, as an administrator sets them up; and what happens when the PC is another one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bckcore.domain.ssh_trust import fingerprint
from tests.support.canaries import Canaries, files_below, processes
from tests.support.cli import Bck
from tests.support.password_server import password_server
from tests.support.sshd import LoopbackSshd, new_key

ACCOUNT = "canary-account-2b8e5d70c1"
HOOK = "https://127.0.0.1:9/hook"


@pytest.fixture
def docs(tmp_path: Path, require_tool: Any) -> Path:
    require_tool("rsync")
    folder = tmp_path / "pc" / "docs"
    folder.mkdir(parents=True)
    (folder / "f").write_text("one")
    return folder


@pytest.fixture
def sshd(tmp_path: Path, require_tool: Any) -> Iterator[LoopbackSshd]:
    """A PC that lets nobody in yet."""
    require_tool("sshd")
    made = LoopbackSshd(tmp_path / "sshd", authorized="")
    made.start()
    yield made
    made.stop()


@pytest.fixture
def bck(tmp_path: Path) -> Bck:
    (tmp_path / "server").mkdir(mode=0o700)
    made = Bck(tmp_path / "server", {"BCK_SSH__SOURCE_ADDRESSES": '["127.0.0.0/8"]'})
    made.init()
    return made


def add(bck: Bck, sshd: LoopbackSshd, docs: Path, login: str) -> None:
    where = ("--address", sshd.address, "--port", str(sshd.port), "--user", sshd.user)
    bck.ok("host", "add", "pc1", *where, "--allow", str(docs), "--trust-on-first-use", "--login", login)
    bck.ok("profile", "add", "docs", "--host", "pc1", "--source", str(docs), "--attempts", "1")


def told(bck: Bck, sshd: LoopbackSshd, *more: str) -> Any:
    """The PC holds what the server says that it must hold."""
    trust = bck.ok("host", "key", "pc1", *more)
    sshd.stop()
    sshd.authorized = "\n".join(trust["authorized_keys"])
    sshd.start()
    return trust


def looked_at(bck: Bck, name: str) -> tuple[str, str]:
    """How `bck doctor --security` finds one line, and what it says of it."""
    items = bck.run("doctor", "--security", "--json").json["items"]
    return next((one["level"], one["detail"]) for one in items if one["name"] == name)


def refused(bck: Bck, code: str = "authentication-refused") -> Any:
    """The next backup fails like that."""
    done = bck.run("backup", "docs", "--wait", "--json")
    assert done.code != 0
    [job] = bck.ok("jobs", "--limit", "1")["items"]
    assert job["error"]["code"] == code, job
    return job["error"]


def test_a_key_made_on_the_server(bck: Bck, sshd: LoopbackSshd, docs: Path) -> None:
    add(bck, sshd, docs, "own-key")
    assert "bck host key pc1" in refused(bck)["advice"]
    first = told(bck, sshd)
    assert first["authorized_keys"][0].startswith('restrict,from="127.0.0.0/8" ssh-ed25519 ')
    assert first["authorized_keys"][0].endswith(":pc1")
    bck.ok("backup", "docs", "--wait")
    second = bck.ok("host", "key", "pc1", "--new")
    assert second["keys"] != first["keys"]
    refused(bck)
    told(bck, sshd)
    assert bck.ok("host", "probe", "pc1")["ok"]
    said = bck.run("host", "show", "pc1").out + bck.run("audit", "list").out
    assert "PRIVATE KEY" not in str(second) + said
    assert "key-stored" in said


def test_certificates_and_a_renewed_authority(bck: Bck, sshd: LoopbackSshd, docs: Path) -> None:
    add(bck, sshd, docs, "certificate")
    assert "clocks" in refused(bck)["advice"]
    trust = told(bck, sshd)
    assert trust["authorized_keys"][0].startswith('cert-authority,principals="bck-pc1",restrict,from=')
    bck.ok("backup", "docs", "--wait")
    assert "bck pc1 run 2" in sshd.log(), "the PC's log names host and run"
    level, detail = looked_at(bck, "logins")
    assert level == "bad"
    assert "may run any program on pc1" in detail
    assert bck.ok("host", "show", "pc1")["has_private_key"] is False
    renewed = bck.ok("ssh-ca", "renew")
    assert bck.run("ssh-ca", "renew").code == 5
    assert [renewed["signing"], renewed["coming"]] == told(bck, sshd)["keys"]
    assert bck.ok("ssh-ca", "renew", "--finish")["signing"] == renewed["coming"]
    bck.ok("backup", "docs", "--wait")
    bck.ok("ssh-ca", "renew", "--now")
    refused(bck)
    told(bck, sshd)
    bck.ok("backup", "docs", "--wait")
    assert "PRIVATE KEY" not in bck.run("ssh-ca", "show").out
    del bck.settings["BCK_SSH__SOURCE_ADDRESSES"]
    bck.ok("host", "set", "pc1", "--gate", "/opt/bck-gate/bin/bck-gate")
    level, detail = looked_at(bck, "logins")
    assert level == "remark"
    assert "count from any address on pc1" in detail


def test_a_password_that_is_kept_stands_nowhere_but_in_the_vault(bck: Bck, docs: Path) -> None:
    canaries = Canaries()
    canaries.let_fly("password", ACCOUNT)
    seen: list[str] = []

    def look() -> None:
        for where, content in (*processes(), *((str(path), raw) for path, raw in files_below(bck.folder))):
            seen.extend(canaries.found_in(where, content))
        seen.append("looked")

    with password_server(ACCOUNT) as server:
        server.on_login = look
        host = server.host
        where = ("--address", host.address, "--port", str(host.port), "--user", host.user)
        pinned = ("--host-key", host.host_keys[0])
        shown = bck.run(
            *("host", "add", "pc1", *where, *pinned, "--allow", str(docs), "--password-stdin"),
            text=ACCOUNT + "\n",
        )
        assert shown.code == 0, shown
        bck.ok("profile", "add", "docs", "--host", "pc1", "--source", str(docs))
        bck.ok("backup", "docs", "--wait")
        assert set(seen) == {"looked"}
        assert server.logins == [True] * len(seen)
        assert "the password is kept of pc1" in looked_at(bck, "logins")[1]
        bck.ok("host", "set", "pc1", "--forget-password")
        level, detail = looked_at(bck, "logins")
        assert level == "bad"
        assert "the password is kept" not in detail
        assert "none came with this start" in refused(bck)["what"]
        assert bck.ok("host", "probe", "pc1", "--password-stdin", text=ACCOUNT + "\n")["ok"]
        assert set(seen) == {"looked"}
    texts = [shown.out, bck.run("host", "show", "pc1").out, bck.run("audit", "list", "--limit", "99").out]
    assert all(canaries.found_in("text", text.encode()) == [] for text in texts)


def test_another_host_key_stops_backups_and_is_an_alarm_everywhere(
    bck: Bck, sshd: LoopbackSshd, docs: Path
) -> None:
    bck.settings |= {"BCK_WEBHOOK__ENABLED": "true", "BCK_NOTIFY__TELL": '["stale"]'}
    bck.ok("notify", "secret", "webhook-url", text=HOOK + "\n")
    add(bck, sshd, docs, "own-key")
    told(bck, sshd)
    bck.ok("backup", "docs", "--wait")
    pinned = sshd.host_keys[0].public
    sshd.stop()
    sshd.host_keys = [new_key()]
    sshd.start()
    shown = sshd.host_keys[0].public
    both = f"Pinned: {fingerprint(pinned)}. Shown now: {fingerprint(shown)}."
    accepted = sshd.log().count("Accepted publickey")
    assert both in refused(bck, "host-key-changed")["what"]
    assert sshd.log().count("Accepted publickey") == accepted, "nothing was shown to it"
    health = bck.run("health", "--json")
    assert (health.code, health.json["items"][0]["health"]) == (3, "alarm")
    ended = [one for one in bck.ok("audit", "list")["items"] if one["action"] == "job-end"]
    assert both in str(ended)
    outbox = b"".join(raw for path, raw in files_below(bck.home / "outbox"))
    assert all(mark.encode() in outbox for mark in ("host-key", fingerprint(pinned), fingerprint(shown)))
    bck.ok("host", "set", "pc1", "--host-key", shown)
    bck.ok("backup", "docs", "--wait")
    assert bck.ok("health")["items"][0]["health"] == "ok"
    assert os.listdir(docs) == ["f"]
