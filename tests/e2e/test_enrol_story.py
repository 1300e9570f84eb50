"""From `bck init` to the first backup with nothing typed on the PC but the token, over a real sshd."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bckcore.domain.ssh_trust import fingerprint
from tests.support.cli import PATIENCE, Bck
from tests.support.gate import LAUNCH
from tests.support.sshd import LoopbackSshd, new_key


@dataclass(slots=True)
class EnrolledPc:
    """A PC with an sshd that nobody may enter yet, and a program `bck-gate`."""

    folder: Path
    sshd: LoopbackSshd

    @property
    def docs(self) -> Path:
        """What is to be backed up."""
        return self.folder / "docs"

    @property
    def authorized_keys(self) -> Path:
        """Who may enter."""
        return self.sshd.folder / "authorized_keys"

    @property
    def config(self) -> Path:
        """Of the gate."""
        return self.folder / "gate.toml"

    def prepare(self) -> None:
        """Files to back up, the gate as it is installed, public halves of the host keys; nobody may enter."""
        self.docs.mkdir(parents=True)
        (self.docs / "letter").write_text("dear all")
        program = self.folder / "bin" / "bck-gate"
        program.parent.mkdir()
        program.write_text(f"#!{sys.executable}\n{LAUNCH}\n")
        program.chmod(0o755)
        self.authorized_keys.write_text(f"# somebody else's\nrestrict {new_key().public} a person\n")
        self.show_keys()

    def show_keys(self) -> None:
        """What `ssh-keygen` leaves beside the private halves."""
        for number, key in enumerate(self.sshd.host_keys):
            (self.sshd.folder / f"ssh_host_{number}_key.pub").write_text(f"{key.public} root@pc1\n")

    def enrol(self, url: str, token: str, *more: str) -> subprocess.CompletedProcess[str]:
        """`bck-gate enrol`, the token typed."""
        config = ("--config", str(self.config), "--host-keys", str(self.sshd.folder))
        account = ("--user", self.sshd.user, "--authorized-keys", str(self.authorized_keys))
        return subprocess.run(
            [str(self.folder / "bin" / "bck-gate"), "enrol", "--server", url, *config, *account, *more],
            input=f"{token}\n",
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )


@pytest.fixture
def pc(short_dir: Path, require_tool) -> Iterator[EnrolledPc]:
    require_tool("sshd")
    require_tool("rsync")
    sshd = LoopbackSshd(short_dir / "sshd")
    sshd.start()
    made = EnrolledPc(short_dir / "pc", sshd)
    made.prepare()
    try:
        yield made
    finally:
        sshd.stop()


@pytest.fixture
def bck(short_dir: Path) -> Bck:
    (short_dir / "server").mkdir(mode=0o700)
    made = Bck(short_dir / "server", settings={"BCK_RUNNER__POLL_SECONDS": "0.1"})
    made.init()
    return made


def opened(bck: Bck, pc: EnrolledPc, *more: str) -> str:
    """A token for pc1."""
    where = ("--port", str(pc.sshd.port), "--user", pc.sshd.user, "--allow", str(pc.docs))
    return str(bck.ok("host", "enrol", "pc1", *where, *more)["token"])


def test_nothing_is_typed_but_the_token(bck: Bck, pc: EnrolledPc) -> None:
    token = opened(bck, pc)
    bck.ok("profile", "add", "docs", "--host", "pc1", "--source", str(pc.docs))
    refused = bck.ok("backup", "docs", code=5)
    assert refused["error"]["code"] == "host-not-enrolled"
    assert bck.ok("host", "probe", "pc1", code=5)["error"]["code"] == "host-not-enrolled"
    before = pc.authorized_keys.read_text()
    with bck.serving() as (_, address):
        mistyped = pc.enrol(address["url"], token[:-1] + ("a" if token[-1] != "a" else "b"), "--write")
        assert (mistyped.returncode, "mistyped" in mistyped.stderr) == (2, True)
    with bck.serving() as (_, address):  # a restart in between
        done = pc.enrol(address["url"], token, "--write")
        assert done.returncode == 0, done.stderr
        again = pc.enrol(address["url"], token, "--write")
    assert again.returncode == 1
    assert "does not count" in again.stderr
    lines = pc.authorized_keys.read_text()
    assert lines.startswith(before)
    assert f'restrict,command="{pc.folder}/bin/bck-gate --config {pc.config}" ssh-ed25519 ' in lines
    assert pc.authorized_keys.stat().st_mode & 0o777 == 0o600
    assert fingerprint(pc.sshd.host_keys[0].public) in done.stdout
    probed = bck.ok("host", "probe", "pc1")
    assert probed["ok"]
    assert probed["gate"]
    bck.ok("backup", "docs", "--wait")
    bck.ok("restore", "docs", "--point", "latest", "--to", str(bck.folder / "back"))
    assert (bck.folder / "back" / "docs" / "letter").read_text() == "dear all"
    entries = bck.ok("audit", "list", "--action", "enrol")["items"]
    assert [one["outcome"] for one in entries] == ["done", "refused"]
    assert token not in f"{bck.ok('audit', 'list')} {(bck.folder / 'stderr.log').read_text()}"


@pytest.mark.long
def test_a_pc_that_was_installed_anew_is_taken_only_where_that_was_said(bck: Bck, pc: EnrolledPc) -> None:
    """With certificates: the command that they force and the one of the line are one to the letter."""
    with bck.serving() as (_, address):
        token = opened(bck, pc, "--login", "certificate")
        assert pc.enrol(address["url"], token, "--write").returncode == 0
        assert bck.ok("host", "probe", "pc1")["gate"]
        old = fingerprint(pc.sshd.host_keys[0].public)
        pc.sshd.stop()
        pc.sshd.host_keys = [new_key()]
        new = fingerprint(pc.sshd.host_keys[0].public)
        pc.show_keys()
        kept = pc.authorized_keys.read_bytes()
        pc.sshd.start()
        pc.authorized_keys.write_bytes(kept)  # a start writes its own
        token = bck.ok("host", "enrol", "pc1")["token"]
        refused = pc.enrol(address["url"], token, "--write")
        assert refused.returncode == 1
        assert old in refused.stderr
        assert new in refused.stderr
        assert pc.authorized_keys.read_bytes() == kept
        asked = bck.run("host", "enrol", "pc1", "--replace-host-key", "--login", "own-key", "--json")
        assert "From now on pc1 is entered by own-key" in asked.err
        token = asked.json["token"]
        done = pc.enrol(address["url"], token, "--write")
        assert done.returncode == 0, done.stderr
        assert "was left as it is" in done.stdout
    lines = pc.authorized_keys.read_text().splitlines()
    assert len(lines) == len(kept.splitlines()), "its own line is replaced, not repeated"
    shown = bck.ok("host", "show", "pc1")
    assert shown["host_keys"] == [pc.sshd.host_keys[0].public]
    assert bck.ok("host", "probe", "pc1")["ok"]


def test_expired_and_revoked_tokens_say_the_same_and_a_printed_line_is_for_hands(
    bck: Bck, pc: EnrolledPc
) -> None:
    with bck.serving() as (_, address):
        url = address["url"]
        revoked = opened(bck, pc)
        assert bck.ok("host", "show", "pc1")["enrolment_open_until"]
        bck.settings["BCK_API__HOST"] = "0.0.0.0"  # said, not listened on
        assert "warning" not in bck.run("host", "enrol", "pc1").err
        del bck.settings["BCK_API__HOST"]
        assert "where no PC reaches it" in bck.run("host", "enrol", "pc1").err
        assert bck.ok("host", "enrol", "pc1", "--revoke") == {"revoked": 1}
        assert bck.ok("host", "show", "pc1")["enrolment_open_until"] is None
        before = pc.authorized_keys.read_bytes()
        unknown = pc.enrol(url, revoked, "--write")
        assert (unknown.returncode, pc.config.exists()) == (1, False)
        assert "does not count" in unknown.stderr
        printed = pc.enrol(url, opened(bck, pc), "--gate", "/opt/bck-gate")
        assert printed.returncode == 0
        assert 'restrict,command="/opt/bck-gate" ssh-ed25519 ' in printed.stdout
        assert f'read = ["{pc.docs}"]' in printed.stdout
        assert (pc.authorized_keys.read_bytes(), pc.config.exists()) == (before, False)
