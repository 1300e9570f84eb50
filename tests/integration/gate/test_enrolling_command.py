"""The token counts once: what it brought is not lost, whatever stands in the way on the PC afterwards."""

from __future__ import annotations

import io
import json
import os
import pwd
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bck_adapters.pki.certificates import fingerprint
from bck_apps.gate.enrolling.command import enrol
from bckcore.domain.enrolment_text import ID_BYTES, SECRET_BYTES, random_parts, token_text
from tests.support.impostor import Heard, https_server, new_ca
from tests.support.sshd import new_key

KEY = new_key().public
ANSWER: dict[str, Any] = {
    "host": "pc1",
    "server": "backup",
    "certified": False,
    "keys": [KEY],
    "addresses": [],
    "allow": ["/home/u"],
}


class Answers(dict[str, bytes]):
    """What a server answers, and what else happens on the PC at that moment."""

    meanwhile: Callable[[], object] = staticmethod(lambda: None)

    def get(self, path: str, default: Any = None) -> Any:
        """With the answer that uses the token up, it happens."""
        if path == "/enrol":
            self.meanwhile()
        return super().get(path, default)


class Pc:
    """One that has an SSH server and is to be enrolled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authorized_keys, self.config = folder / "authorized_keys", folder / "gate.toml"
        (folder / "ssh_host_ed25519_key.pub").write_text(f"{new_key().public} root@pc1\n")

    def enrol(
        self, *more: str, answer: dict[str, Any] | None = None, meanwhile: Callable[[], object] | None = None
    ) -> tuple[int, Heard]:
        """How the program ends, and what the server heard."""
        ca = new_ca()
        token = token_text(random_parts(os.urandom(ID_BYTES + SECRET_BYTES), fingerprint(ca.certificate)))
        found = Answers({"/ca.pem": ca.certificate_pem(), "/enrol": json.dumps(answer or ANSWER).encode()})
        if meanwhile:
            found.meanwhile = meanwhile
        files = ("--authorized-keys", str(self.authorized_keys), "--config", str(self.config))
        given = ("--gate", "/opt/bck-gate", "--host-keys", str(self.folder), *files, *more)
        with https_server(self.folder, ca, found) as server:
            ended = enrol(["--server", f"https://127.0.0.1:{server.port}", *given, token.reveal()])
        return ended, server


@pytest.fixture
def pc(tmp_path: Path) -> Pc:
    return Pc(tmp_path)


@pytest.mark.parametrize("name", ["authorized_keys", "gate.toml"])
def test_what_cannot_be_written_after_the_token_was_used_is_printed(
    pc: Pc, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    code, _ = pc.enrol("--write", meanwhile=lambda: (pc.folder / name).symlink_to(pc.folder / "elsewhere"))
    told = capsys.readouterr()
    assert code == 1
    assert f'restrict,command="/opt/bck-gate" {KEY} bck@backup:pc1\n' in told.out
    assert 'read = ["/home/u"]\n' in told.out
    assert f"{name} cannot be used" in told.err
    assert "The token was used" in told.err
    assert "is printed above" in told.err
    assert not (pc.folder / "elsewhere").exists()


@pytest.mark.parametrize("option", ["--folder", "--restore", "--rsync"])
@pytest.mark.parametrize("name", ["/a\x7fb", "/a\udc80b", "/a\nb"])
def test_a_name_that_the_configuration_could_not_hold_is_refused_before_anything_is_sent(
    pc: Pc, capsys: pytest.CaptureFixture[str], option: str, name: str
) -> None:
    code, server = pc.enrol("--write", option, name)
    assert (code in (1, 2), server.requests) == (True, [])
    assert "bck-gate: " in capsys.readouterr().err
    assert not pc.authorized_keys.exists()


@pytest.mark.parametrize("below", ["", "/.ssh", "/docs"])
def test_the_home_of_the_account_is_no_place_to_restore_to(
    pc: Pc, capsys: pytest.CaptureFixture[str], below: str
) -> None:
    account = pwd.getpwuid(os.geteuid())
    code, server = pc.enrol("--user", account.pw_name, "--restore", f"{account.pw_dir}{below}")
    assert (code, server.requests) == (1, [])
    told = capsys.readouterr().err
    assert f"the home of {account.pw_name}" in told
    assert "The token still counts." in told
    assert pc.enrol("--user", account.pw_name, "--restore", "/srv/restored")[0] == 0


def test_a_name_from_the_server_that_is_no_text_is_refused_before_anything_is_written(
    pc: Pc, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _ = pc.enrol("--write", answer=ANSWER | {"allow": ["/a\udc80b"]})
    assert code == 1
    assert "not understood" in capsys.readouterr().err
    assert not pc.authorized_keys.exists()


def test_the_gate_reads_what_was_written_for_it_whatever_the_server_calls_its_folders(pc: Pc) -> None:
    names = ['/a\x7f"b\\c', "/caf\u00e9/\U0001f600", "/a\x01b"]
    code, _ = pc.enrol("--write", answer=ANSWER | {"allow": names})
    assert code == 0
    assert tomllib.loads(pc.config.read_text())["read"] == names


def test_a_terminal_that_cannot_show_a_name_ends_nothing_half_way(
    pc: Pc, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = io.TextIOWrapper(io.BytesIO(), "ascii", write_through=True)
    monkeypatch.setattr("sys.stdout", terminal)
    code, _ = pc.enrol(answer=ANSWER | {"allow": ["/caf\u00e9"]})
    assert code == 0
    assert b'read = ["/caf?"]' in terminal.buffer.getvalue()


def test_a_program_that_others_could_have_changed_is_not_started(
    pc: Pc, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    program = tmp_path / "rsync"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\necho rsync version 3.4.1\n")
    program.chmod(0o777)
    code, heard = pc.enrol("--write", "--rsync", str(program))
    assert code == 1
    assert "can be written by other accounts" in capsys.readouterr().err
    assert heard.requests == []
    assert not (tmp_path / "started").exists()
    assert not pc.config.exists()
    program.chmod(0o755)
    assert pc.enrol("--write", "--rsync", str(program))[0] == 0
    assert (tmp_path / "started").exists()
