"""The way back meets a real PC: its disk is full, the line breaks, the account may little."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from bck_adapters.rsync.routes import LocalRoute, SshRoute
from bck_adapters.rsync.transport import RsyncTransport
from bck_adapters.testkit.lacking import lacking
from bck_adapters.testkit.rigs import MTIME_NS, RigWatcher
from bck_adapters.testkit.rigs_push import PushRig, outcomes, refused, seen_in_folder
from bckcore.domain.file_version import EntryKind
from bckcore.domain.host import Host
from bckcore.domain.ids import HostId
from bckcore.domain.push import Conflict, PushOutcome
from bckcore.domain.transfer import TransferOptions, TransferProgress
from bckcore.errors import (
    HostUnreachableError,
    JobCancelledError,
    PermanentError,
    StoreFullError,
    TransferInterruptedError,
)
from tests.support.push_rigs import folder_rig
from tests.support.rsync_rigs import rsync_processes
from tests.support.sshd import LoopbackSshd, descendants
from tests.support.trees import RealTree, make_removable

MEGABYTE = 1 << 20
ALL = tuple(Conflict)


@pytest.fixture
def over_ssh_push(tmp_path: Path, sshd: LoopbackSshd, short_dir: Path) -> Iterator[PushRig]:
    """``rsync-ssh`` to an sshd of the test's own."""
    host = replace(sshd.host(), transport="rsync-ssh")
    yield folder_rig(tmp_path, RsyncTransport(route=SshRoute(short_dir)), host, sshd.credential)
    make_removable(tmp_path)


@pytest.fixture
def local_push(tmp_path: Path, require_tool) -> Iterator[PushRig]:
    """``local``."""
    require_tool("rsync")
    host = Host(id=HostId("pc1"), address="", transport="local", allowed_roots=("/",))
    yield folder_rig(tmp_path, RsyncTransport(route=LocalRoute()), host, None)
    make_removable(tmp_path)


@pytest.fixture(params=["local_push", "over_ssh_push"])
def rig(request: pytest.FixtureRequest) -> PushRig:
    """Each of the two."""
    found = request.getfixturevalue(request.param)
    assert isinstance(found, PushRig)
    return found


def on(rig: PushRig, target: Path) -> None:
    """Let the PC's folder be another one."""
    rig.target_path, rig.tree = os.fspath(target), RealTree.at(target)
    rig.look = lambda: seen_in_folder(target)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)  # nothing to wait on: processes that are no children of ours


def drop_line(sshd: LoopbackSshd) -> None:
    """End the connections, not what runs on the PC behind them."""
    assert sshd.process is not None
    for pid in descendants(sshd.process.pid):
        if b"sshd" in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, signal.SIGKILL)


# --- a PC without room ------------------------------------------------------------------------------------


@pytest.mark.parametrize("conflict", [Conflict.OVERWRITE, Conflict.KEEP_BOTH])
def test_a_full_disk_of_the_pc_is_said_to_be_the_pcs(
    rig: PushRig, small_fs: Path, conflict: Conflict
) -> None:
    on(rig, small_fs / "docs")
    rig.tree.write(b"kept", b"of the PC")
    rig.origin.write(b"big", Random(1).randbytes(80 * MEGABYTE))
    with pytest.raises(PermanentError, match="The disk of pc1 has no room left") as caught:
        rig.push(conflict)
    assert not isinstance(caught.value, StoreFullError)
    assert caught.value.meaning
    assert caught.value.advice
    assert rig.look()[b"kept"].data == b"of the PC"
    assert b"big" not in rig.look()


def test_a_pc_that_takes_no_more_files_is_full(rig: PushRig, few_inodes_fs: Path) -> None:
    on(rig, few_inodes_fs / "docs")
    for number in range(500):
        rig.origin.write(b"d/%d" % number, b"x")
    with pytest.raises(PermanentError, match="no room left"):
        rig.push()


# --- a line that breaks -----------------------------------------------------------------------------------


@pytest.mark.parametrize("conflict", ALL)
def test_a_dropped_line_leaves_whole_files_only_and_the_next_push_goes_on(
    over_ssh_push: PushRig, sshd: LoopbackSshd, conflict: Conflict
) -> None:
    rig, data = over_ssh_push, Random(2).randbytes(16 * MEGABYTE)
    rig.origin.write(b"a/big", data)
    rig.origin.mkdir(b"a", mtime_ns=MTIME_NS)
    if conflict is not Conflict.SKIP:
        rig.tree.write(b"a/big", b"of the PC")
    rig.options = TransferOptions(bandwidth_limit=4 * MEGABYTE)
    rig.watcher.on_progress = _once(lambda one: one.bytes_done > 6 * MEGABYTE, lambda: drop_line(sshd))
    with pytest.raises(TransferInterruptedError):
        rig.push(conflict)
    # The PC's rsync puts it there when the line is gone.
    until(lambda: b"a/.bck-partial/big" in rig.look())
    assert rig.look().get(b"a/big", None) is None or rig.look()[b"a/big"].data == b"of the PC"
    rig.options, rig.watcher = TransferOptions(), RigWatcher()
    report = rig.push(conflict)
    found = {path: one.data for path, one in rig.look().items() if one.kind is EntryKind.FILE}
    assert found.pop(b"a/big") == data
    assert list(found.values()) == ([b"of the PC"] if conflict is Conflict.KEEP_BOTH else [])
    assert b"a/.bck-partial" not in rig.look()
    assert report.problems == ()


def _once(
    due: Callable[[TransferProgress], bool], act: Callable[[], None]
) -> Callable[[TransferProgress], None]:
    done: list[bool] = []

    def hook(progress: TransferProgress) -> None:
        if due(progress) and not done:
            done.append(True)
            act()

    return hook


def test_a_pc_that_is_off_is_unreachable(over_ssh_push: PushRig, sshd: LoopbackSshd) -> None:
    sshd.stop()
    over_ssh_push.origin.write(b"f", b"x")
    with pytest.raises(HostUnreachableError):
        over_ssh_push.push()
    assert set(over_ssh_push.look()) == {b"."}


def test_a_cancelled_push_leaves_no_process_here_or_on_the_pc(
    over_ssh_push: PushRig, sshd: LoopbackSshd
) -> None:
    rig = over_ssh_push
    rig.origin.write(b"big", Random(3).randbytes(16 * MEGABYTE))
    rig.options = TransferOptions(bandwidth_limit=2 * MEGABYTE)
    begun: list[float] = []
    rig.watcher.on_progress = lambda one: (
        begun.append(time.monotonic()) if one.bytes_done > MEGABYTE else None
    )
    rig.watcher.stop = lambda: bool(begun)
    with pytest.raises(JobCancelledError):
        rig.push()
    assert time.monotonic() - begun[0] < 5
    assert not any(rsync_processes(os.getpid())[part] for part in ("main", "receiver"))
    assert sshd.process is not None
    listening = sshd.process.pid
    until(lambda: not descendants(listening))


def test_a_killed_rsync_counts_as_broken_off(rig: PushRig) -> None:
    rig.origin.write(b"big", Random(4).randbytes(16 * MEGABYTE))
    rig.options = TransferOptions(bandwidth_limit=2 * MEGABYTE)
    rig.watcher.on_progress = _once(
        lambda one: one.bytes_done > MEGABYTE, lambda: os.kill(rsync_processes()["main"][0], signal.SIGKILL)
    )
    with pytest.raises(TransferInterruptedError):
        rig.push()


# --- what an ordinary account may not ---------------------------------------------------------------------


def test_owners_are_not_set_by_an_ordinary_account_and_nothing_fails_for_it(rig: PushRig) -> None:
    if not rig.permissions_matter:
        lacking("root sets owners: run the tests as an ordinary user")
    rig.origin.write(b"f", b"x")
    full = rig.origin.root / "f"
    os.setxattr(full, "user.rsync.%stat", b"100640 0,0 54321:54322")
    report = rig.push()
    assert report.sets_owners is False
    assert report.problems == ()
    assert outcomes(report)[b"f"] is PushOutcome.CREATED
    assert rig.look()[b"f"].mode == 0o640
    assert outcomes(rig.push())[b"f"] is PushOutcome.SAME


def test_a_device_file_is_a_problem_of_its_path(rig: PushRig) -> None:
    if not rig.permissions_matter:
        lacking("root makes device files: run the tests as an ordinary user")
    rig.origin.device(b"null")
    rig.origin.write(b"f", b"x")
    report = rig.push()
    assert refused(report) == {b"null"}
    assert rig.look()[b"f"].data == b"x"


def test_a_target_folder_that_may_not_be_made_is_a_clear_error(rig: PushRig, tmp_path: Path) -> None:
    if not rig.permissions_matter:
        lacking("root may write everywhere: run the tests as an ordinary user")
    rig.tree.mkdir(b"closed", mode=0o500)
    rig.target_path += "/closed/new"
    rig.origin.write(b"f", b"x")
    with pytest.raises(PermanentError, match="Permission denied"):
        rig.push()


def test_a_file_in_the_place_of_the_target_is_a_clear_error(rig: PushRig) -> None:
    rig.tree.write(b"file", b"of the PC")
    rig.target_path += "/file"
    rig.origin.write(b"f", b"x")
    with pytest.raises(PermanentError, match="Not a directory"):
        rig.push()
    assert rig.look()[b"file"].data == b"of the PC"


@pytest.mark.parametrize("conflict", ALL)
def test_a_name_too_long_to_be_kept_beside_stays_as_it_is(rig: PushRig, conflict: Conflict) -> None:
    name = b"n" * 255
    rig.tree.write(name, b"of the PC", mtime_ns=MTIME_NS + 1)
    rig.origin.write(name, b"restored")
    rig.origin.write(b"f", b"x")
    report = rig.push(conflict)
    assert rig.look()[b"f"].data == b"x"
    if conflict is Conflict.OVERWRITE:
        assert rig.look()[name].data == b"restored"
        return
    assert rig.look()[name].data == b"of the PC"
    assert refused(report) == ({name} if conflict is Conflict.KEEP_BOTH else set())


def test_a_long_name_that_stands_there_already_needs_no_copy(rig: PushRig) -> None:
    rig.origin.write(b"n" * 255, b"restored", mode=0o640)
    rig.push(Conflict.KEEP_BOTH)
    assert outcomes(rig.push(Conflict.KEEP_BOTH))[b"n" * 255] is PushOutcome.SAME
    rig.tree.chmod(b"n" * 255, 0o600)
    assert outcomes(rig.push(Conflict.KEEP_BOTH))[b"n" * 255] is PushOutcome.ADJUSTED


def test_a_long_name_in_the_place_of_a_folder_is_a_problem_of_all_it_should_hold(rig: PushRig) -> None:
    rig.tree.write(b"n" * 255, b"of the PC")
    rig.origin.write(b"n" * 255 + b"/f", b"x")
    rig.origin.write(b"f", b"x")
    report = rig.push(Conflict.KEEP_BOTH)
    assert refused(report) == {b"n" * 255, b"n" * 255 + b"/f"}
    assert rig.look()[b"n" * 255].data == b"of the PC"
    assert rig.look()[b"f"].data == b"x"


@pytest.mark.parametrize("folder", ["two  blanks", "quote'd", "new\nline", "$HOME `id`", "-rf", "\udcff"])
def test_odd_target_folders_are_met_literally(rig: PushRig, folder: str) -> None:
    base = rig.target_path
    rig.target_path = f"{base}/{folder}/deep"
    rig.origin.write(b"f", b"x")
    rig.push(Conflict.KEEP_BOTH)
    assert set(rig.look()) == {
        b".", os.fsencode(folder), os.fsencode(f"{folder}/deep"), os.fsencode(f"{folder}/deep/f"),
    }  # fmt: skip
