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


def test_a_backup_that_is_told_to_stop_while_it_waits_begins_no_run(house: House) -> None:
    house.watcher.stop = lambda: True
    with FsStorage(house.root).lock(REF, wait_seconds=0), pytest.raises(JobCancelledError):
        house.back_up()
    with house.database.units(read_only=True) as uow:
        assert uow.runs.list(REF.profile) == []
