"""A PC that is somebody else's by now: it says what no SSH server says, or lets us in and says nothing."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bck_adapters.rsync import control, conversation
from bck_adapters.rsync.exit import host_key_changed
from bck_adapters.rsync.explaining import explained
from bck_adapters.rsync.routes import SshRoute
from bck_adapters.rsync.transport import RsyncTransport
from bck_adapters.testkit.rigs import RigWatcher
from bckcore.domain.credential import KeyCredential
from bckcore.domain.host import Host
from bckcore.domain.ids import HostId
from bckcore.domain.secret import Secret
from bckcore.domain.ssh_trust import fingerprint
from bckcore.errors import HostKeyChangedError, HostUnreachableError, JobCancelledError
from tests.support.handshakes import GREETING, HANDSHAKES, dripping, saying
from tests.support.password_server import PasswordServer, password_server
from tests.support.sshd import KeyPair, new_key

pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")


@pytest.fixture(scope="module")
def key() -> KeyPair:
    """Pinned, and our own as well: nobody gets as far as to look at it."""
    return new_key()


@pytest.fixture
def silent() -> Iterator[PasswordServer]:
    """Lets us in, and never answers."""
    with password_server("a few words", silent=True) as server:
        yield server


def at(port: int, key: KeyPair) -> Host:
    """A host that listens there."""
    return Host(
        id=HostId("pc1"),
        address="127.0.0.1",
        port=port,
        user="u",
        host_keys=(key.public,),
        allowed_roots=("/",),
    )


@pytest.mark.parametrize("what", HANDSHAKES)
def test_bytes_that_are_no_handshake_are_a_host_that_does_not_answer(what: str, key: KeyPair) -> None:
    with saying(HANDSHAKES[what]) as port:
        host = at(port, key)
        with pytest.raises(HostUnreachableError) as asked:
            control.examine(host, KeyCredential(Secret(key.private)))
        assert keys_at(host) == ()
    assert asked.value.what.isprintable()
    assert asked.value.advice


def test_the_alarm_of_a_foreign_key_stands_whatever_the_pc_says_then(key: KeyPair) -> None:
    with saying(HANDSHAKES["names that are no text"]) as port:
        host = at(port, key)
        with pytest.raises(HostKeyChangedError) as caught, explained(host, control.scan_host_keys):
            raise host_key_changed(host.id, " (no matching host key type)")
    assert fingerprint(key.public) in caught.value.what


def test_nothing_that_happens_to_a_scan_takes_the_place_of_the_alarm(key: KeyPair) -> None:
    def scan(_: Host) -> tuple[str, ...]:
        raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "what the PC sent")

    host = at(1, key)
    with pytest.raises(HostKeyChangedError), explained(host, scan):
        raise host_key_changed(host.id, "")


def test_a_pc_that_lets_us_in_and_never_answers_is_given_up(
    silent: PasswordServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversation, "PATIENCE", 1.5)
    with pytest.raises(HostUnreachableError, match="does not answer"):
        control.examine(silent.host, silent.credential)
    assert silent.asked.is_set(), "it was given up for its silence, not before"


def test_a_pc_that_draws_a_scan_out_is_given_up(key: KeyPair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "PATIENCE", 1.0)
    with dripping() as port, pytest.raises(HostUnreachableError, match="was not done with our questions"):
        control.scan_host_keys(at(port, key))


def test_cancel_ends_a_look_at_a_silent_pc_within_five_seconds(
    silent: PasswordServer, tmp_path: Path, require_tool
) -> None:
    require_tool("rsync")
    transport = RsyncTransport(route=SshRoute(tmp_path))
    watcher = RigWatcher(stop=silent.asked.is_set)
    since = time.monotonic()
    with pytest.raises(JobCancelledError):
        transport.probe(silent.host, silent.credential, (), watcher)
    assert time.monotonic() - since < 5


def test_cancel_ends_a_call_that_nobody_takes(key: KeyPair) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        callers = [socket.socket() for _ in range(3)]
        try:
            for caller in callers:
                caller.setblocking(False)
                caller.connect_ex(full.getsockname())
            with pytest.raises(JobCancelledError):
                control.examine(at(full.getsockname()[1], key), KeyCredential(Secret(key.private)), cancelled)
        finally:
            for caller in callers:
                caller.close()


def test_a_greeting_alone_is_a_host_that_does_not_answer(key: KeyPair) -> None:
    with saying(GREETING) as port, pytest.raises(HostUnreachableError):
        control.scan_host_keys(at(port, key))


def keys_at(host: Host) -> tuple[str, ...]:
    """What it shows; one that can be talked to, and has no key of any kind we know, shows none."""
    try:
        return control.scan_host_keys(host)
    except HostUnreachableError:
        return ()


def cancelled() -> None:
    """Somebody asked for the end before it began."""
    raise JobCancelledError("The job was cancelled.")
