"""Certificates and passwords open the door to a real rsync, and nothing else opens it."""

from __future__ import annotations

import getpass
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest

from bck_adapters.clock import SystemClock
from bck_adapters.memory import SettableClock
from bck_adapters.pki import OpenSshKeys
from bck_adapters.testkit.contracts import contents
from bck_adapters.testkit.rigs import TransportRig
from bck_adapters.testkit.stored import stored_tree
from bckcore.domain.credential import KeyCredential, PasswordCredential
from bckcore.domain.host import Host
from bckcore.domain.ids import HostId
from bckcore.domain.login import Login
from bckcore.domain.secret import Secret
from bckcore.domain.ssh_trust import authority_line
from bckcore.domain.transfer import TransferOptions
from bckcore.errors import (
    AuthenticationError,
    BckError,
    HostKeyChangedError,
    JobCancelledError,
    PrivateKeyError,
    TransferFailedError,
)
from bckcore.services.ssh_authority import SshAuthority
from tests.support.canaries import files_below, processes
from tests.support.gate import GateRig
from tests.support.logins import ssh_authority
from tests.support.password_server import PasswordServer, password_server
from tests.support.rsync_rigs import ssh_rig
from tests.support.sshd import LoopbackSshd
from tests.support.trees import make_removable

MARK = "canary-7f3b9d-pässwörd"


def trusting(sshd: LoopbackSshd, authorized: str) -> None:
    """The sshd anew, with these lines in authorized_keys and no key of its own in there."""
    sshd.stop()
    sshd.authorized = authorized
    sshd.start()


@pytest.fixture
def rig(over_ssh: TransportRig) -> TransportRig:
    """With a host that is entered by certificate."""
    over_ssh.tree.write(b"f", b"data")
    over_ssh.host = replace(over_ssh.host, login=Login.CERTIFICATE)
    return over_ssh


def line(made: SshAuthority, host: Host, **options: object) -> str:
    return authority_line(made.public().signing, host=host.id, comment="ca", **options)  # type: ignore[arg-type]  # by name


def assert_let_in(rig: TransportRig) -> None:
    assert rig.transport.probe(rig.host, rig.credential, [rig.source.path]).sources == (
        (rig.source.path, True),
    )
    rig.pull()
    assert contents(stored_tree(rig.destination)) == {b"f": b"data"}


def assert_refused(rig: TransportRig, error: type[BckError], *, probe: bool = True) -> BckError:
    with pytest.raises(error) as caught:
        rig.pull()
    assert type(caught.value) is error
    if probe:
        with pytest.raises(error):
            rig.transport.probe(rig.host, rig.credential, [rig.source.path])
    assert contents(stored_tree(rig.destination)) == {}
    return caught.value


def test_a_certificate_opens_an_account_that_trusts_the_authority_for_this_host(
    rig: TransportRig, sshd: LoopbackSshd
) -> None:
    made = ssh_authority(addresses=("127.0.0.0/8",))
    trusting(sshd, line(made, rig.host, addresses=("127.0.0.0/8",)))
    rig.credential = made.certified(rig.host, "run 7")
    assert_let_in(rig)
    assert "bck pc1 run 7" in sshd.log(), "the PC's log tells what for"


def test_a_certificate_opens_an_account_by_the_authority_in_sshd_s_own_configuration(
    rig: TransportRig, sshd: LoopbackSshd
) -> None:
    made = ssh_authority()
    (sshd.folder / "ca").write_text(made.public().signing + "\n")
    (sshd.folder / "principals").write_text("bck-pc1\n")
    sshd.options = (
        f"TrustedUserCAKeys {sshd.folder / 'ca'}",
        f"AuthorizedPrincipalsFile {sshd.folder / 'principals'}",
    )
    trusting(sshd, "")
    rig.credential = made.certified(rig.host, "")
    assert_let_in(rig)
    rig.host = replace(rig.host, id=HostId("pc2"))
    rig.credential = made.certified(rig.host, "")
    with pytest.raises(AuthenticationError):
        rig.pull()


def test_what_is_certified_wrongly_opens_nothing(rig: TransportRig, sshd: LoopbackSshd) -> None:
    made, stranger = ssh_authority(), ssh_authority()
    old = SettableClock(SystemClock().now() - timedelta(minutes=6))
    late = ssh_authority(clock=old)
    trusting(sshd, "\n".join((line(made, rig.host), line(late, rig.host))))
    other = replace(rig.host, id=HostId("pc2"))
    mixed = KeyCredential(OpenSshKeys().new(), made.certified(rig.host, "").certificate)
    wrong = {
        "another host's": made.certified(other, ""),
        "another authority's": stranger.certified(rig.host, ""),
        "one that is over": late.certified(rig.host, ""),
    }
    for what, credential in wrong.items():
        rig.credential = credential
        error = assert_refused(rig, AuthenticationError, probe=what == "one that is over")
        assert "bck host key pc1" in error.advice, what
        assert "clocks" in error.advice
    rig.credential = mixed
    assert_refused(rig, PrivateKeyError, probe=False)
    rig.credential = made.certified(rig.host, "")
    assert_let_in(rig)


def test_a_certificate_from_another_address_opens_nothing(rig: TransportRig, sshd: LoopbackSshd) -> None:
    made = ssh_authority(addresses=("192.0.2.1",))
    trusting(sshd, line(made, rig.host))
    rig.credential = made.certified(rig.host, "")
    assert_refused(rig, AuthenticationError)


def test_a_certificate_for_a_gate_starts_that_gate_alone(
    rig: TransportRig, sshd: LoopbackSshd, tmp_path: Path
) -> None:
    made, gate = ssh_authority(), GateRig(folder=tmp_path / "gate", read=(rig.source.path,))
    gate.write()
    rig.host = replace(rig.host, gate=str(gate.program))
    trusting(sshd, line(made, rig.host))  # the line forces nothing: the certificate does
    rig.credential = credential = made.certified(rig.host, "")
    rig.pull()
    assert contents(stored_tree(rig.destination)) == {b"f": b"data"}
    assert rig.transport.probe(rig.host, credential, [rig.source.path]).gate
    for asked in (["id"], ["-tt", "id"], ["-N", "-oExitOnForwardFailure=yes", "-R0:localhost:1"]):
        done = by_hand(tmp_path, sshd, credential, *asked)
        assert done.returncode not in (0, None), asked
        assert b"uid=" not in done.stdout
        said = (b"bck-gate: refused: ", b"PTY allocation request failed", b"forwarding failed")
        assert any(words in done.stderr for words in said), done.stderr


def test_two_gates_that_differ_let_nobody_in(rig: TransportRig, sshd: LoopbackSshd) -> None:
    made = ssh_authority()
    trusting(sshd, line(made, rig.host, gate="/opt/gate"))
    rig.credential = made.certified(replace(rig.host, gate="/opt/another"), "")
    assert_refused(rig, AuthenticationError, probe=False)


def by_hand(
    folder: Path, sshd: LoopbackSshd, credential: KeyCredential, *asked: str
) -> subprocess.CompletedProcess[bytes]:
    """What somebody does with a stolen key and certificate."""
    for name, text in (("k", credential.private.reveal()), ("k-cert.pub", credential.certificate)):
        (folder / name).write_text(text + "\n")
        (folder / name).chmod(0o600)
    words = ["ssh", "-F", "none", "-i", str(folder / "k"), "-p", str(sshd.port), "-oStrictHostKeyChecking=no"]
    options = [word for word in asked if word.startswith("-")]
    command = [word for word in asked if not word.startswith("-")]
    return subprocess.run(
        [*words, f"-oUserKnownHostsFile={folder / 'known'}", *options, f"{sshd.user}@127.0.0.1", *command],
        capture_output=True,
        timeout=30,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def test_a_login_that_counts_for_minutes_is_not_made_twice(rig: TransportRig, sshd: LoopbackSshd) -> None:
    made = ssh_authority()
    trusting(sshd, line(made, rig.host))
    rig.credential = made.certified(rig.host, "")
    before = sshd.log().count("Accepted publickey")
    rig.pull()
    assert sshd.log().count("Accepted publickey") == before + 1


@pytest.fixture
def server(require_tool: Callable[[str], None]) -> Iterator[PasswordServer]:
    require_tool("rsync")
    with password_server(MARK) as served:
        yield served


@pytest.fixture
def by_password(
    tmp_path: Path, sshd: LoopbackSshd, short_dir: Path, server: PasswordServer
) -> Iterator[TransportRig]:
    """A host that takes a password."""
    rig = ssh_rig(tmp_path, sshd, short_dir)
    rig.host, rig.credential = replace(server.host, transport="rsync-ssh"), server.credential
    rig.tree.write(b"f", b"data")
    yield rig
    make_removable(tmp_path)


def test_a_password_opens_the_door_once_for_all_that_an_attempt_does(
    by_password: TransportRig, server: PasswordServer, short_dir: Path
) -> None:
    by_password.pull()
    assert contents(stored_tree(by_password.destination)) == {b"f": b"data"}
    assert server.logins == [True]
    assert list(short_dir.iterdir()) == [], "the private folder is gone"
    assert_let_in(by_password)


def test_a_password_is_given_to_one_that_asks_interactively(
    tmp_path: Path, sshd: LoopbackSshd, short_dir: Path
) -> None:
    with password_server(MARK, interactive=True) as server:
        rig = ssh_rig(tmp_path, sshd, short_dir)
        rig.host, rig.credential = server.host, server.credential
        rig.tree.write(b"f", b"data")
        assert_let_in(rig)


def test_a_wrong_password_is_refused_and_shown_once(
    by_password: TransportRig, server: PasswordServer
) -> None:
    by_password.credential = PasswordCredential(Secret("wrong"))
    error = assert_refused(by_password, AuthenticationError, probe=False)
    assert "--password-stdin" in error.advice
    assert server.logins == [False]
    with pytest.raises(AuthenticationError):
        by_password.transport.probe(by_password.host, by_password.credential, [])


def test_a_password_is_nowhere_while_it_lets_the_server_in(
    by_password: TransportRig, server: PasswordServer, short_dir: Path
) -> None:
    seen: dict[str, list[str]] = {}

    def search() -> None:
        seen["places"] = [*places_with(MARK.encode(), short_dir)]
        seen["folder"] = [path.name for path in next(short_dir.iterdir()).iterdir()]

    server.on_login = search
    by_password.pull()
    assert seen["places"] == []
    assert {"config", "askpass", "known_hosts"} <= {*seen["folder"]}
    assert "ask" not in seen["folder"], "the socket is gone once it has answered"
    assert MARK not in "".join(by_password.watcher.lines)


def places_with(mark: bytes, folder: Path) -> Iterator[str]:
    """Arguments, environments and files that hold the mark."""
    yield from (where for where, content in processes() if mark in content)
    tests = f"pytest-of-{getpass.getuser()}"  # what others of this run keep is theirs
    files = files_below(folder, Path(tempfile.gettempdir()), but={tests})
    yield from (str(path) for path, content in files if mark in content)


def test_another_program_that_finds_the_socket_is_told_nothing(
    by_password: TransportRig, server: PasswordServer, short_dir: Path
) -> None:
    code = "import socket,sys; s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); print(s.recv(99))"
    told: list[bytes] = []
    shell = by_password.transport._route.shell  # type: ignore[attr-defined]  # to stand between folder and ssh
    with shell(by_password.host, by_password.credential, TransferOptions()) as words:
        [folder] = short_dir.iterdir()
        command = [sys.executable, "-c", code, str(folder / "ask"), "-F", str(folder / "config")]
        for own_session in (False, True):
            rogue = subprocess.run(command, capture_output=True, check=False, start_new_session=own_session)
            told.append(rogue.stdout)
        script = subprocess.run([str(folder / "askpass"), "Password:"], capture_output=True, check=False)
        told.append(script.stdout)
        with socket.socket(socket.AF_UNIX) as own:
            own.connect(str(folder / "ask"))
            told.append(own.recv(99))
        assert words
    assert told == [b"b''\n", b"b''\n", b"", b""]
    by_password.pull()
    assert server.logins == [True], "who asked in vain took nothing away"


def test_a_key_of_a_stranger_is_never_shown_the_password(
    by_password: TransportRig, server: PasswordServer
) -> None:
    with password_server("another") as other:
        by_password.host = replace(other.host, host_keys=server.host.host_keys)
        with pytest.raises(HostKeyChangedError):
            by_password.pull()
        assert other.logins == []


def test_a_password_needs_a_folder_with_a_short_path(
    tmp_path: Path, sshd: LoopbackSshd, server: PasswordServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("x" * 90)
    long.mkdir()
    rig = ssh_rig(tmp_path, sshd, long)
    rig.host, rig.credential = server.host, server.credential
    rig.tree.write(b"f", b"data")
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    error = assert_refused(rig, TransferFailedError, probe=False)
    assert "short path" in error.advice
    assert server.logins == []
    monkeypatch.undo()
    rig.pull()
    assert server.logins == [True]
    assert list(long.iterdir()) == []


def test_a_cancel_while_ssh_waits_for_the_door_is_heard(
    by_password: TransportRig, server: PasswordServer, short_dir: Path
) -> None:
    waiting = [False]
    release = Event()

    def wait() -> None:
        waiting[0] = True
        release.wait(30)

    server.on_login = wait
    by_password.watcher.stop = lambda: waiting[0]
    try:
        with pytest.raises(JobCancelledError):
            by_password.pull()
    finally:
        release.set()
    assert list(short_dir.iterdir()) == []
