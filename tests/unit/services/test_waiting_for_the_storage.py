"""A job that waits for its profile's storage can be told to stop, and has begun nothing then."""

from pathlib import Path

import pytest

from bck_adapters.memory.transport import MemoryHost, MemoryTransport
from bck_adapters.storage_fs import FsStorage
from bckcore.errors import JobCancelledError
from tests.support.house import PC, REF, House


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "store", MemoryTransport({PC: MemoryHost()}))


def test_a_backup_waits_for_as_long_as_it_takes_says_so_and_begins_no_run_before(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bck_adapters.storage_fs.locks.LOCK_WAIT_SECONDS", 0.0)
    monkeypatch.setattr("bck_adapters.storage_fs.locks.TELL_SECONDS", 0.0)
    waits = "This job waits until it is free"
    house.watcher.stop = lambda: any(waits in line for line in house.watcher.lines)
    with FsStorage(house.root).lock(REF, wait_seconds=0), pytest.raises(JobCancelledError):
        house.back_up()
    assert [progress.phase for progress in house.watcher.shown] == ["waiting"]
    with house.database.units(read_only=True) as uow:
        assert uow.runs.list(REF.profile) == []
    house.watcher.stop = lambda: False
    assert house.back_up().seq == 1
