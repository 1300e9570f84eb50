"""The private folder of an ssh connection."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

import pytest

from bck_adapters.rsync.ssh_config import config_text, ssh_shell
from bckcore.domain.credential import Credential, KeyCredential
from bckcore.domain.host import Host
from bckcore.domain.ids import HostId
from bckcore.domain.secret import Secret
from bckcore.domain.transfer import TransferOptions
from bckcore.errors import AuthenticationError, HostKeyChangedError, HostKeyUnknownError, TransferFailedError

HOST = Host(id=HostId("pc1"), address="10.0.0.7", port=2222, host_keys=("ssh-ed25519 AAAAC3Nz comment",))
KEY = KeyCredential(Secret("PRIVATE"))


def test_folder_is_private_and_gone_afterwards(tmp_path: Path) -> None:
    with ssh_shell(HOST, KEY, TransferOptions(), tmp_path) as shell:
        [folder] = tmp_path.iterdir()
        assert shell == f'ssh -F "{folder}/config"'
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {
            "config": 0o600,
            "key": 0o600,
            "known_hosts": 0o600,
        }
        assert (folder / "known_hosts").read_text() == "pc ssh-ed25519 AAAAC3Nz\n"
    assert list(tmp_path.iterdir()) == []


def test_folder_is_gone_after_an_error_too(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), ssh_shell(HOST, KEY, TransferOptions(), tmp_path):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_only_pinned_keys_and_this_key_count() -> None:
    lines = set(config_text(HOST, Path("/run/x"), TransferOptions(connect_timeout=9), KEY).splitlines())
    assert {
        "HostName 10.0.0.7",
        "Port 2222",
        "User backupsvc",
        "StrictHostKeyChecking yes",
        "GlobalKnownHostsFile none",
        'UserKnownHostsFile "/run/x/known_hosts"',
        'IdentityFile "/run/x/key"',
        "IdentitiesOnly yes",
        "IdentityAgent none",
        "BatchMode yes",
        "PreferredAuthentications publickey",
        "ConnectTimeout 9",
    } <= lines


@pytest.mark.parametrize(
    "change",
    [
        {"address": 'x"'},
        {"address": "x#y"},
        {"address": "%h"},
        {"address": ""},
        {"user": 'a"b'},
        {"user": "a;b"},
    ],
)
def test_values_that_ssh_would_not_take_literally_are_refused(change: dict[str, str]) -> None:
    with pytest.raises(TransferFailedError):
        config_text(replace(HOST, **change), Path("/run/x"), TransferOptions(), KEY)  # type: ignore[arg-type]  # by name


@pytest.mark.parametrize("address", ["pc-1.lan", "10.0.0.7", "fe80::1%eth0", "[::1]", "::1"])
def test_names_and_addresses_are_taken(address: str) -> None:
    text = config_text(replace(HOST, address=address), Path("/run/x"), TransferOptions(), KEY)
    assert f"HostName {address.strip('[]').replace('%', '%%')}\n" in text


@pytest.mark.parametrize(
    ("host", "credential", "error"),
    [
        (replace(HOST, host_keys=()), KEY, HostKeyUnknownError),
        (replace(HOST, host_keys=("ssh-ed25519",)), KEY, HostKeyChangedError),
        (replace(HOST, host_keys=("ssh-ed25519 AA\nAA",)), KEY, HostKeyChangedError),
        (HOST, None, AuthenticationError),
    ],
)
def test_without_trust_there_is_no_connection(
    tmp_path: Path, host: Host, credential: Credential | None, error: type[Exception]
) -> None:
    with pytest.raises(error), ssh_shell(host, credential, TransferOptions(), tmp_path):
        pytest.fail("a connection would have been made")
    assert list(tmp_path.iterdir()) == []
