"""What goes wrong on the way to the PC is told apart, and nothing is lost by it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bck_adapters.testkit.contracts import contents
from bck_adapters.testkit.rigs import MTIME_NS, TransportRig
from bck_adapters.testkit.stored import stored_tree
from bckcore.domain.credential import KeyCredential
from bckcore.domain.secret import Secret
from bckcore.domain.ssh_trust import fingerprint
from bckcore.domain.transfer import TransferOptions, TransferProgress
from bckcore.errors import (
    AuthenticationError,
    BckError,
    HostKeyChangedError,
    HostKeyUnknownError,
    HostUnreachableError,
    PrivateKeyError,
    RsyncMissingError,
    TransferInterruptedError,
    TransferTimeoutError,
)
from tests.support.rsync_rigs import rsync_processes, ssh_rig
from tests.support.sshd import LoopbackSshd, free_port, new_key, running_sshd


@pytest.fixture
def rig(over_ssh: TransportRig) -> TransportRig:
    """Over ssh, with one file pulled already and changed since."""
    over_ssh.tree.write(b"f", b"old")
    over_ssh.pull()
    over_ssh.tree.write(b"f", b"newer", mtime_ns=MTIME_NS + 1)
    return over_ssh


def assert_refused(rig: TransportRig, error: type[BckError], *, probe: bool = True) -> BckError:
    """Pull (and probe) raise exactly that error, with advice; the store is as it was."""
    order = rig.order()
    with pytest.raises(error) as caught:
        rig.transport.pull(order, rig.credential, rig.watcher)
    assert type(caught.value) is error
    assert caught.value.meaning
    assert caught.value.advice
    if probe:
        with pytest.raises(error):
            rig.transport.probe(rig.host, rig.credential, [rig.source.path])
    assert contents(stored_tree(rig.destination)) == {b"f": b"old"}
    assert contents(stored_tree(order.displaced_dir)) == {}
    return caught.value


def test_another_host_key_than_the_pinned_one_is_an_alarm(rig: TransportRig) -> None:
    pinned = new_key().public
    shown = rig.host.host_keys[0]
    rig.host = replace(rig.host, host_keys=(pinned,))
    error = assert_refused(rig, HostKeyChangedError)
    assert f"Pinned: {fingerprint(pinned)}. Shown now: {fingerprint(shown)}." in error.what
    with pytest.raises(HostKeyChangedError) as probed:
        rig.transport.probe(rig.host, rig.credential, [])
    assert probed.value.what == error.what


def test_a_host_key_of_another_type_than_the_pinned_one_is_an_alarm(rig: TransportRig) -> None:
    pinned = new_key(ecdsa=True).public
    shown = rig.host.host_keys[0]
    rig.host = replace(rig.host, host_keys=(pinned,))
    error = assert_refused(rig, HostKeyChangedError)
    assert f"Pinned: {fingerprint(pinned)}. Shown now: {fingerprint(shown)}." in error.what


def test_a_reinstalled_host_is_an_alarm(rig: TransportRig, sshd: LoopbackSshd) -> None:
    sshd.stop()
    sshd.host_keys = [new_key()]
    sshd.start()
    assert_refused(rig, HostKeyChangedError)


def test_one_of_several_host_keys_pinned_is_enough(rig: TransportRig, sshd: LoopbackSshd) -> None:
    sshd.stop()
    sshd.host_keys.append(new_key(ecdsa=True))
    sshd.start()
    rig.host = replace(rig.host, host_keys=(sshd.host_keys[1].public,))
    rig.pull()
    assert rig.transport.probe(rig.host, rig.credential, []).host_key == sshd.host_keys[1].public


def test_without_a_pinned_key_nothing_is_sent(rig: TransportRig, sshd: LoopbackSshd) -> None:
    rig.host = replace(rig.host, host_keys=())
    connections = sshd.log().count("Connection from")
    assert_refused(rig, HostKeyUnknownError)
    assert sshd.log().count("Connection from") == connections


def test_a_key_the_host_does_not_know_is_refused(rig: TransportRig) -> None:
    rig.credential = KeyCredential(Secret(new_key().private))
    assert_refused(rig, AuthenticationError)


@pytest.mark.parametrize("text", ["", "no key at all"])
def test_a_damaged_key_is_our_trouble_and_no_refusal_of_the_pc(rig: TransportRig, text: str) -> None:
    rig.credential = KeyCredential(Secret(text))
    assert_refused(rig, PrivateKeyError)


def test_without_a_key_nobody_is_asked(rig: TransportRig) -> None:
    rig.credential = None
    assert_refused(rig, AuthenticationError)


def test_a_host_that_is_down_may_come_back(rig: TransportRig, sshd: LoopbackSshd) -> None:
    sshd.stop()
    assert_refused(rig, HostUnreachableError)
    sshd.start()
    rig.pull()
    assert contents(stored_tree(rig.destination)) == {b"f": b"newer"}


def test_a_name_nobody_knows_is_a_host_that_does_not_answer(rig: TransportRig) -> None:
    rig.host = replace(rig.host, address="no-such-host.invalid")
    assert_refused(rig, HostUnreachableError)


def test_a_wrong_port_is_a_host_that_does_not_answer(rig: TransportRig) -> None:
    rig.host = replace(rig.host, port=free_port())
    assert_refused(rig, HostUnreachableError)
    with pytest.raises(HostUnreachableError):
        rig.transport.scan_host_keys(rig.host)


@pytest.mark.parametrize(
    "option",
    [
        "SetEnv PATH=/nonexistent",
        "ForceCommand echo 'this folder is not allowed' >&2; exit 1",
        "ForceCommand exit 127",
    ],
)
def test_no_rsync_or_a_refusing_command_on_the_pc(rig: TransportRig, sshd: LoopbackSshd, option: str) -> None:
    sshd.stop()
    sshd.options = (option,)
    sshd.start()
    assert_refused(rig, RsyncMissingError)


def test_the_reason_of_a_refusing_command_reaches_the_error(rig: TransportRig, sshd: LoopbackSshd) -> None:
    sshd.stop()
    sshd.options = ("ForceCommand echo 'not below /home/u' >&2; exit 1",)
    sshd.start()
    assert "not below /home/u" in assert_refused(rig, RsyncMissingError).what


def test_an_account_that_greets_on_standard_output(rig: TransportRig, sshd: LoopbackSshd) -> None:
    sshd.stop()
    sshd.options = ("ForceCommand echo welcome",)
    sshd.start()
    assert_refused(rig, RsyncMissingError, probe=False)


def test_login_banners_are_not_taken_for_trouble(
    rig: TransportRig, sshd: LoopbackSshd, tmp_path: Path
) -> None:
    (tmp_path / "banner").write_text("Authorised use only!\n")
    sshd.stop()
    sshd.options = (f"Banner {tmp_path / 'banner'}",)
    sshd.start()
    pulled = rig.pull()
    assert pulled.report.problems == ()
    assert pulled.report.unlisted == frozenset()


def test_a_forced_command_that_lets_transfers_through_is_enough(
    rig: TransportRig, sshd: LoopbackSshd, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    gate.write_text(
        "#!/bin/sh\n"
        'case $SSH_ORIGINAL_COMMAND in "rsync --server --sender "*)\n'
        'eval "exec $SSH_ORIGINAL_COMMAND";; esac\n'
        "echo refused >&2; exit 1\n"
    )
    gate.chmod(0o755)
    sshd.stop()
    sshd.options = (f"ForceCommand {gate}",)
    sshd.start()
    facts = rig.transport.probe(rig.host, rig.credential, [rig.source.path])
    assert facts.sources == ((rig.source.path, True),)
    rig.pull()
    assert contents(stored_tree(rig.destination)) == {b"f": b"newer"}


def test_a_connection_cut_midway_may_be_tried_again(rig: TransportRig, sshd: LoopbackSshd) -> None:
    data = bytes(range(256)) * 4096 * 4
    rig.tree.write(b"f", data, mtime_ns=MTIME_NS + 2)
    rig.options = TransferOptions(bandwidth_limit=1 << 20)
    named = set[str]()

    def cut(seen: TransferProgress) -> None:
        named.add(seen.current_file)
        if seen.bytes_done > 1 << 20:
            sshd.drop_connections()

    rig.watcher.on_progress = cut
    order = rig.order()
    with pytest.raises(TransferInterruptedError):
        rig.transport.pull(order, rig.credential, rig.watcher)
    assert "f" in named, "a file is named while it arrives, not only once it is there"
    assert contents(stored_tree(rig.destination)) == {b"f": b"old"}
    assert [path.name for path in order.partial_dir.iterdir()] == ["f"]
    rig.options, rig.watcher.on_progress = TransferOptions(), lambda _: None
    pulled = rig.pull()
    assert contents(stored_tree(rig.destination)) == {b"f": data}
    assert contents(stored_tree(pulled.order.displaced_dir)) == {b"f": b"old"}


def test_a_whole_that_takes_too_long_is_stopped(rig: TransportRig) -> None:
    rig.tree.write(b"f", bytes(range(256)) * 8192, mtime_ns=MTIME_NS + 2)
    rig.options = TransferOptions(bandwidth_limit=64 << 10, total_timeout=1)
    assert_refused(rig, TransferTimeoutError, probe=False)


def test_a_pc_that_falls_silent_is_given_up(rig: TransportRig, sshd: LoopbackSshd) -> None:
    sshd.stop()
    # Lets rsync greet and then hangs, as a PC does that falls asleep.
    sshd.options = ("ForceCommand sh -c 'rsync --server --sender -e.LsfxCIvu . / & sleep 60'",)
    sshd.start()
    rig.options = TransferOptions(idle_timeout=1)
    assert_refused(rig, TransferTimeoutError, probe=False)


def test_the_private_folder_of_a_connection_is_gone_afterwards(rig: TransportRig, short_dir: Path) -> None:
    key, rig.credential = rig.credential, KeyCredential(Secret(new_key().private))
    assert_refused(rig, AuthenticationError)
    rig.credential = key
    rig.pull()
    assert list(short_dir.iterdir()) == []


@pytest.mark.parametrize("sessions", ["MaxSessions 10", "MaxSessions 1"])
def test_a_pull_logs_in_once_and_leaves_no_connection(
    tmp_path: Path, short_dir: Path, require_tool, sessions: str
) -> None:
    require_tool("sshd")
    with running_sshd(tmp_path / "sshd", sessions) as sshd:
        rig = ssh_rig(tmp_path, sshd, short_dir)
        rig.tree.write(b"f", b"x")
        assert rig.pull().paths == {b".", b"f"}
        assert sshd.log().count("Accepted publickey") == 1
        assert rsync_processes()["ssh"] == []
        assert list(short_dir.iterdir()) == []


@pytest.mark.parametrize("folder", ["with %d and blanks", "long" * 25])
def test_a_pull_works_with_any_runtime_folder(
    tmp_path: Path, short_dir: Path, sshd: LoopbackSshd, folder: str
) -> None:
    (short_dir / folder).mkdir()
    rig = ssh_rig(tmp_path, sshd, short_dir / folder)
    rig.tree.write(b"f", b"x")
    assert rig.pull().paths == {b".", b"f"}
