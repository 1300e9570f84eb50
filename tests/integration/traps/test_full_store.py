"""A storage that runs out of bytes or inodes in the middle: stop, keep everything, say so, go on later."""

import os
from pathlib import Path

from bckcore.domain.run import RunOutcome
from tests.support.pc import MIB, T0, Pc, good, make_pc
from tests.support.sshd import LoopbackSshd
from tests.support.worlds import World


def require_store_full(pc: Pc, expected: dict[int, World], ever: set[bytes]) -> None:
    """The run fails by name, and nothing kept is lost."""
    run = pc.house.back_up()
    assert (run.outcome, run.error_code) == (RunOutcome.FAILED, "store-full"), pc.house.watcher.lines
    pc.require_exact(expected)
    pc.require_clean_current(ever | set(pc.world()))


def test_store_out_of_bytes_keeps_every_point_and_goes_on(
    tmp_path: Path, sshd: LoopbackSshd, small_fs: Path
) -> None:
    pc = make_pc(tmp_path, sshd, store=small_fs / "store")
    for number in range(10):
        pc.docs.write(b"note %d" % number, os.urandom(MIB), T0)
    expected = {good(pc.house.back_up()).seq: pc.world()}
    ever = set(pc.world())
    for number in range(10):
        pc.docs.write(b"note %d" % number, os.urandom(MIB), T0 + 1)
    pc.docs.write(b"too big", os.urandom(80 * MIB), T0)
    for _ in range(2):  # again and again without getting worse
        require_store_full(pc, expected, ever)
    pc.docs.delete(b"too big")
    expected[good(pc.house.back_up()).seq] = pc.world()
    pc.require_exact(expected)


def test_store_out_of_inodes_keeps_every_point_and_goes_on(
    tmp_path: Path, sshd: LoopbackSshd, few_inodes_fs: Path
) -> None:
    pc = make_pc(tmp_path, sshd, store=few_inodes_fs / "store")
    for number in range(50):
        pc.docs.write(b"note %d" % number, b"text", T0)
    expected = {good(pc.house.back_up()).seq: pc.world()}
    ever = set(pc.world())
    for number in range(600):
        pc.docs.write(b"many/%d" % number, b"text", T0)
    require_store_full(pc, expected, ever)
    pc.docs.delete(b"many")
    run = pc.house.back_up()
    assert run.error_code in ("", "store-full"), run
    pc.require_exact(expected | ({run.seq: pc.world()} if run.made_point else {}))
