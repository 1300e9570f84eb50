"""The process that restores is killed at once: nothing of it stays, and the restore asked again is exact."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from bck_adapters.rsync.routes import LocalRoute
from bck_adapters.rsync.transport import RsyncTransport
from bck_adapters.storage_fs import FsStorage
from bckcore.domain.host import Host
from bckcore.domain.push import Conflict
from bckcore.domain.restore import RestoreOptions
from bckcore.domain.transfer import TransferOptions
from tests.support.house import DOCS, PC, House
from tests.support.sshd import descendants
from tests.support.trees import make_removable
from tests.support.worlds import FolderTree, World, differences, world_of_folder

MEGABYTE = 1 << 20
T = 1_700_000_000_123_456_789


@pytest.fixture
def house(short_dir: Path, require_tool, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    require_tool("rsync")
    monkeypatch.setattr(FsStorage, "batch_entries", 10)
    docs = FolderTree(short_dir / "docs")
    for number in range(25):
        docs.write(b"d%d/f%d" % (number % 3, number), b"x" * number, T + number)
    docs.write(b"d1/big", Random(1).randbytes(4 * MEGABYTE), T)
    for number in range(3):
        docs.mkdir(b"d%d" % number, T + 1, 0o555)
    docs.mkdir(b".", T + 2)
    yield House(
        short_dir / "store",
        RsyncTransport(route=LocalRoute()),
        sources=(f"docs={short_dir}/docs",),
        host=Host(id=PC, address="", transport="local", allowed_roots=("/",)),
    )
    make_removable(short_dir)


def restore(house: House, to: Path, conflict: Conflict) -> None:
    house.host_restores.restore(
        DOCS,
        point="latest",
        host_dir=os.fspath(to),
        options=RestoreOptions(conflict=conflict),
        watcher=house.watcher,
    )


def awaited(condition) -> None:
    until = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)  # nothing to wait on: another process and its files


def without_folder_attributes(world: World) -> dict[bytes, object]:
    """Skip leaves folders as it finds them, those of the killed restore too."""
    return {path: thing.kind if thing.kind == "d" else thing for path, thing in world.items()}


@pytest.mark.parametrize("conflict", list(Conflict))
def test_a_restore_killed_in_a_large_file_is_exact_when_asked_again(
    house: House, short_dir: Path, conflict: Conflict
) -> None:
    house.back_up()
    world, to = world_of_folder(short_dir / "docs"), short_dir / "back"
    house.change_profile(options=TransferOptions(bandwidth_limit=MEGABYTE))
    staged = short_dir / "store" / ".work" / "r" / "pc1" / "docs" / "f"
    child = os.fork()
    if child == 0:
        try:
            restore(house, to, conflict)
        finally:
            os._exit(1)
    awaited(lambda: any((to / "docs" / "d1").glob(".big.*")))
    family = descendants(child)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    awaited(lambda: not any(Path(f"/proc/{pid}/exe").exists() for pid in family))
    assert staged.exists()
    house.storage.prepare()
    assert not staged.exists()
    house.change_profile(options=TransferOptions())
    restore(house, to, conflict)
    found = world_of_folder(to / "docs")
    litter = {path for path in found if b"/.big." in path}  # rsync was killed as well: it could not tidy up
    found = {path: thing for path, thing in found.items() if path not in litter}
    if conflict is Conflict.SKIP:
        assert without_folder_attributes(found) == without_folder_attributes(world)
    else:
        assert differences(world, found) == []
    assert len(litter) <= 1
