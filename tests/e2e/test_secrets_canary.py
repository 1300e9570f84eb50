"""Marked secrets go in by every door; afterwards none of them stands anywhere but sealed in the vault.

Looked at: every file of the installation and its storage - database, logs, receipts, audit log - the folder
for things of the moment, what `bck` printed and what the API answered; and, while a backup runs, the files
of the installation, and the command line and the environment of every process.
"""

from __future__ import annotations

import os
import tempfile
from base64 import b32decode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bckcore.domain.totp import code_of, step_at
from tests.support.canaries import Canaries, assert_in_no_process, files_below
from tests.support.cli import PATIENCE, Bck, Running, eventually
from tests.support.https import Caller
from tests.support.pc import half_sent
from tests.support.sshd import LoopbackSshd, new_key, running_sshd

ADMIN = "canary-admin-5f1c0e9b7a"
PERSON = "canary-person-83d2b6c41e"
TYPED = "canary-typed-into-the-wrong-field-40ab"
WEBHOOK = "https://127.0.0.1:9/canary-hook-17c9e2"
HOOK_KEY = "canary-hook-key-9b20f4d8"
MAIL = "canary-mail-6a7d1c3f"
SIZE = 3_000_000
GETS = ("/hosts", "/profiles", "/jobs", "/auth/sessions", "/auth/tokens", "/audit?limit=1000")


@pytest.fixture
def sshd(tmp_path: Path, require_tool: Any) -> Iterator[LoopbackSshd]:
    require_tool("sshd")
    require_tool("rsync")
    with running_sshd(tmp_path / "sshd") as started:
        yield started


@pytest.fixture
def memory() -> Iterator[Path]:
    """A folder in memory for things of the moment, as systemd gives one to a service or a person."""
    with tempfile.TemporaryDirectory(prefix="t", dir="/dev/shm") as folder:
        yield Path(folder)


@pytest.fixture
def bck(tmp_path: Path, memory: Path) -> Bck:
    (tmp_path / "server").mkdir(mode=0o700)
    return Bck(tmp_path / "server", {"XDG_RUNTIME_DIR": str(memory)})


@contextmanager
def under_way(bck: Bck) -> Iterator[Running]:
    """A slow backup that sends, with a command line and an environment of its own."""
    process = Bck(bck.folder, bck.settings, cold=True).start("backup", "docs", "--wait")
    try:
        assert eventually(lambda: bool(half_sent(bck.storage)))
        yield process
    finally:
        process.wait(PATIENCE * 2)


def test_no_secret_stands_anywhere_but_in_the_vault(
    bck: Bck, sshd: LoopbackSshd, tmp_path: Path, memory: Path
) -> None:
    canaries = Canaries()
    for name, secret in (
        ("administrator", ADMIN),
        ("person", PERSON),
        ("typed", TYPED),
        ("webhook", WEBHOOK),
        ("webhook key", HOOK_KEY),
        ("mail", MAIL),
        ("private key", sshd.login.private.splitlines()[2]),
    ):
        canaries.let_fly(name, secret)
    shown = made(bck, sshd, tmp_path)
    device = bck.ok("token", "add", "pc1", "--name", "laptop")  # shown once, on purpose
    canaries.let_fly("device token", device["token"])
    enrolment = bck.ok("host", "enrol", "pc2", "--address", "pc2.lan")["token"]
    canaries.let_fly("enrolment token", enrolment.split("-")[2])
    with under_way(bck) as process:
        assert_in_no_process(canaries, process.pid)
        for path, content in files_below(bck.folder):
            assert canaries.found_in(str(path), content) == []
        opened = [found for path, text in files_below(memory) for found in canaries.found_in(path.name, text)]
        assert "private key in key" in opened, "the key was not looked for where it is"
    assert process.returncode == 0
    shown += answers(bck, canaries, device["token"], enrolment)
    for number, text in enumerate(shown):
        assert canaries.found_in(f"answer {number}", text.encode()) == []
    assert list(memory.iterdir()) == []
    looked_at = dict(files_below(bck.folder))
    for path, content in looked_at.items():
        assert canaries.found_in(str(path), content) == []
    assert len(looked_at) > 20
    assert {"vault", bck.home.name, bck.folder.name} <= {path.parent.name for path in looked_at}


def made(bck: Bck, sshd: LoopbackSshd, tmp_path: Path) -> list[str]:
    """The installation, with every secret that it takes; what it printed."""
    docs = tmp_path / "pc"
    docs.mkdir()
    (docs / "big").write_bytes(os.urandom(SIZE))
    shown = [
        bck.run(
            "init", "--storage", str(bck.storage), "--admin", "ann", "--password-stdin", text=ADMIN + "\n"
        ),
        bck.run("user", "add", "bob", "--role", "owner", "--password-stdin", text=PERSON + "\n"),
        bck.run("notify", "secret", "webhook-url", text=WEBHOOK + "\n"),
        bck.run("notify", "secret", "webhook-key", text=HOOK_KEY + "\n"),
        bck.run("notify", "secret", "mail-password", text=MAIL + "\n"),
    ]
    assert [done.code for done in shown] == [0] * len(shown)
    bck.add_host(sshd, docs)
    bck.ok("profile", "add", "docs", "--host", "pc1", "--source", str(docs), "--bwlimit", "1M")
    (bck.folder / "login-key").unlink()
    words = (("host", "show", "pc1"), ("user", "list"), ("config", "show"), ("notify", "list"), ("doctor",))
    shown += [bck.run(*line) for line in words]
    return [done.out + done.err for done in shown]


def answers(bck: Bck, canaries: Canaries, device: str, enrolment: str) -> list[str]:
    """Sign in, well and badly, ask for all there is; what the API and `bck` then say."""
    with bck.serving() as (_, served):
        call = Caller(served)
        signed_in = call("/auth/login", name="ann", password=ADMIN)[1]
        for name in ("access_token", "refresh_token"):
            canaries.let_fly(name, signed_in[name])
        fresh = call("/auth/refresh", refresh_token=signed_in["refresh_token"])[1]
        canaries.let_fly("second refresh token", fresh["refresh_token"])
        totp = call("/auth/totp", fresh["access_token"], password=ADMIN)[1]
        canaries.let_fly("second factor", totp["secret"])
        key = b32decode(totp["secret"] + "=" * (-len(totp["secret"]) % 8))
        code = code_of(key, step_at(datetime.now(UTC)))
        recovery = call("/auth/totp/confirm", fresh["access_token"], code=code)[1]["recovery_codes"]
        for number, one in enumerate(recovery):
            canaries.let_fly(f"recovery code {number}", one)
        used = call("/auth/login", name="ann", password=ADMIN, code=recovery[0])
        assert used[0] == 200, "one of them was used, and is not in the log for it"
        said = [call("/auth/login", name=name, password=TYPED) for name in (TYPED, "bob")]
        typed = {"name": "ann", "password": ADMIN, "code": TYPED}
        said += [call("/auth/login", **typed), call("/auth/totp/disable", fresh["access_token"], code=TYPED)]
        said += [call("/backup/start", device, profile="docs"), call("/hosts", device)]
        said += [
            call("/enrol", token=enrolment, host_keys=[key]) for key in ("none", *[new_key().public] * 2)
        ]
        said += [call(path, fresh["access_token"]) for path in GETS]
    lines = ("jobs", "points docs", "audit list --limit 1000", "user sessions", "token list")
    return [str(one) for one in said] + [
        done.out + done.err for done in (bck.run(*line.split()) for line in lines)
    ]
