"""A host that never answers, one that falls silent in the middle, and a limit that is none of rsync's."""

from __future__ import annotations

import os
import signal
import socket
import time
from contextlib import suppress
from dataclasses import replace
from random import Random

import pytest

from bck_adapters.testkit.contracts import contents
from bck_adapters.testkit.rigs import MTIME_NS, TransportRig
from bck_adapters.testkit.stored import stored_tree
from bckcore.domain.transfer import TransferOptions, TransferProgress
from bckcore.errors import HostUnreachableError, TransferTimeoutError, TransientError
from tests.support.sshd import LoopbackSshd, descendants

MEGABYTE = 1 << 20
SLACK = 30.0
"""A loaded machine may be late; without the limit under test nothing would end for minutes."""


def test_a_host_that_accepts_and_says_nothing_is_given_up_after_the_connect_timeout(
    over_ssh: TransportRig,
) -> None:
    rig = over_ssh
    rig.tree.write(b"f", b"old")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        rig.host = replace(rig.host, port=silent.getsockname()[1])
        rig.options = TransferOptions(connect_timeout=2, idle_timeout=600)
        since = time.monotonic()
        with pytest.raises(TransientError) as caught:
            rig.transport.pull(rig.order(), rig.credential, rig.watcher)
        taken = time.monotonic() - since
    assert isinstance(caught.value, HostUnreachableError | TransferTimeoutError)
    assert 1.5 < taken < 2 + SLACK
    assert contents(stored_tree(rig.destination)) == {}


def test_a_transfer_whose_other_side_is_frozen_is_given_up_after_the_idle_timeout(
    over_ssh: TransportRig, sshd: LoopbackSshd
) -> None:
    """Everything on the side of the PC is stopped, as when it falls asleep: it answers no sign of life."""
    rig, stopped = over_ssh, list[int]()
    rig.tree.write(b"f", b"old")
    rig.pull()
    rig.tree.write(b"f", Random(1).randbytes(20 * MEGABYTE), mtime_ns=MTIME_NS + 1)
    rig.options = TransferOptions(idle_timeout=2, bandwidth_limit=8 * MEGABYTE)

    def freeze(progress: TransferProgress) -> None:
        if progress.bytes_done > 4 * MEGABYTE and not stopped:
            assert sshd.process is not None
            stopped.extend(descendants(sshd.process.pid))
            for pid in stopped:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGSTOP)

    rig.watcher.on_progress = freeze
    since = time.monotonic()
    try:
        with pytest.raises(TransientError):
            rig.transport.pull(rig.order(), rig.credential, rig.watcher)
    finally:
        for pid in stopped:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    assert stopped, "the transfer was over too early"
    assert time.monotonic() - since < 15 + SLACK
    assert contents(stored_tree(rig.destination)) == {b"f": b"old"}
