"""A store without room stops the transfer by its own error, whatever code rsync ends with."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bck_adapters.testkit.contracts import contents
from bck_adapters.testkit.rigs import MTIME_NS, TransportRig
from bck_adapters.testkit.stored import stored_tree
from bckcore.errors import StoreFullError
from tests.support.trees import standing_below


def test_no_bytes_left(rig: TransportRig, small_fs: Path) -> None:
    rig.store = small_fs / "store"
    rig.tree.write(b"keep", b"old")
    rig.pull()
    rig.tree.write(b"big", os.urandom(80 << 20))
    rig.tree.write(b"keep", b"newer", mtime_ns=MTIME_NS + 1)
    with pytest.raises(StoreFullError) as caught:
        rig.pull()
    assert caught.value.advice
    assert set(contents(stored_tree(rig.destination))) <= {b"keep"}
    rig.tree.delete(b"big")
    (small_fs / "store" / ".work" / "partial" / "big").unlink(missing_ok=True)
    rig.pull()
    assert contents(stored_tree(rig.destination)) == {b"keep": b"newer"}


def test_no_inodes_left(rig: TransportRig, few_inodes_fs: Path) -> None:
    rig.store = few_inodes_fs / "store"
    for number in range(500):
        rig.tree.write(b"d/%d" % number, b"x")
    with pytest.raises(StoreFullError):
        rig.pull()
    found = standing_below(rig.destination)
    assert all(path in (b".", b"d") or path.startswith(b"d/") for path in found)
