"""rsync, its receiver or we ourselves are killed midway: nothing is lost, current holds nothing of ours."""

from __future__ import annotations

import fcntl
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from bck_adapters.testkit.contracts import contents
from bck_adapters.testkit.rigs import MTIME_NS, RigWatcher, TransportRig
from bck_adapters.testkit.stored import stored_tree
from bckcore.domain.credential import KeyCredential
from bckcore.domain.transfer import TransferOptions, TransferProgress
from bckcore.errors import TransferInterruptedError
from tests.support.patience import later
from tests.support.rsync_rigs import rsync_processes

MEGABYTE = 1 << 20


def big(seed: int, size: int = 40 * MEGABYTE) -> bytes:
    """Bytes of which rsync finds none in another file."""
    return Random(seed).randbytes(size)


def killing(part: str, how: signal.Signals, after: int) -> Callable[[TransferProgress], None]:
    """A progress hook that kills one process of the pull once ``after`` bytes have come."""

    def hook(progress: TransferProgress) -> None:
        if progress.bytes_done > after:
            for pid in rsync_processes()[part][:1]:
                os.kill(pid, how)

    return hook


@pytest.mark.parametrize(
    ("part", "how"),
    [("main", signal.SIGKILL), *later(("main", signal.SIGTERM), ("receiver", signal.SIGKILL))],
)
def test_a_killed_transfer_loses_nothing_even_if_the_file_changes_before_the_retry(
    rig: TransportRig, part: str, how: signal.Signals
) -> None:
    old, cut, final = big(1), big(2), big(3)
    rig.tree.write(b"folder/big", old)
    rig.pull()
    rig.tree.write(b"folder/big", cut, mtime_ns=MTIME_NS + 1)
    rig.options = TransferOptions(bandwidth_limit=16 * MEGABYTE)
    rig.watcher.on_progress = killing(part, how, 8 * MEGABYTE)
    first = rig.order()
    with pytest.raises(TransferInterruptedError):
        rig.transport.pull(first, rig.credential, rig.watcher)
    assert contents(stored_tree(rig.destination)) == {b"folder/big": old}
    assert {*stored_tree(rig.destination)} == {b".", b"folder", b"folder/big"}
    rig.tree.write(b"folder/big", final, mtime_ns=MTIME_NS + 2)
    rig.options, rig.watcher = TransferOptions(), RigWatcher()
    second = rig.pull()
    assert contents(stored_tree(rig.destination)) == {b"folder/big": final}
    displaced = [contents(stored_tree(order.displaced_dir)) for order in (first, second.order)]
    assert displaced == [{}, {b"folder/big": old}]


@pytest.mark.usefixtures("resuming")
def test_a_terminated_transfer_goes_on_where_it_stopped(rig: TransportRig) -> None:
    data = big(1, 8 * MEGABYTE)
    rig.tree.write(b"big", data)
    rig.options = TransferOptions(bandwidth_limit=2 * MEGABYTE)
    rig.watcher.on_progress = killing("main", signal.SIGTERM, 2 * MEGABYTE)
    with pytest.raises(TransferInterruptedError):
        rig.pull()
    rig.options, rig.watcher = TransferOptions(), RigWatcher()
    pulled = rig.pull()
    assert contents(stored_tree(rig.destination)) == {b"big": data}
    assert pulled.report.stats.bytes_sent < 7 * MEGABYTE


_RUNNER = """
import pickle, sys
order, key, runtime = pickle.load(sys.stdin.buffer)
from pathlib import Path
from random import Random
from bck_adapters.rsync.routes import LocalRoute, SshRoute
from bck_adapters.rsync.transport import RsyncTransport
from bck_adapters.testkit.rigs import RigWatcher
from bckcore.domain.credential import KeyCredential
from bckcore.domain.secret import Secret
route = SshRoute(Path(runtime)) if key else LocalRoute()
watcher = RigWatcher()
watcher.on_progress = lambda seen: print(seen.bytes_done, flush=True)
RsyncTransport(route=route).pull(order, KeyCredential(Secret(key)) if key else None, watcher)
"""


def test_when_the_runner_dies_its_transfer_dies_and_lets_go_of_the_lock(
    rig: TransportRig, tmp_path: Path, short_dir: Path
) -> None:
    rig.tree.write(b"big", big(1, 8 * MEGABYTE))
    rig.options = TransferOptions(bandwidth_limit=MEGABYTE)
    lock = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    rig.inherit_fds = (lock,)
    order = rig.order()
    runner = subprocess.Popen(
        [sys.executable, "-c", _RUNNER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        pass_fds=(lock,),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    os.close(lock)
    assert runner.stdin is not None
    assert runner.stdout is not None
    shown = rig.credential.private.reveal() if isinstance(rig.credential, KeyCredential) else None
    pickle.dump((order, shown, str(short_dir)), runner.stdin)
    runner.stdin.close()
    while int(runner.stdout.readline()) < MEGABYTE:
        pass
    started = [pid for pids in rsync_processes(runner.pid).values() for pid in pids]
    assert len(started) >= 3
    runner.kill()
    killed = time.monotonic()
    runner.wait()
    runner.stdout.close()
    again = os.open(tmp_path / "lock", os.O_RDWR)
    fcntl.flock(again, fcntl.LOCK_EX)  # comes only when the last process that held it is gone
    os.close(again)
    while any(_is_alive(pid) for pid in started):
        assert time.monotonic() - killed < 5
        time.sleep(0.01)  # another process's end cannot be waited for
    sizes = [path.stat().st_size for path in order.temp_dir.iterdir()]
    assert contents(stored_tree(rig.destination)) == {}
    rig.options, rig.inherit_fds = TransferOptions(), ()
    rig.pull()
    assert contents(stored_tree(rig.destination)) == {b"big": big(1, 8 * MEGABYTE)}
    assert [path.stat().st_size for path in order.temp_dir.iterdir()] == sizes


def _is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in ("Z", "X")
