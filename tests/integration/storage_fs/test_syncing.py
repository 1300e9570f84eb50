"""Who waits for the disk hears of every error since its own work began, whoever else has heard of it."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path

import pytest

from bck_adapters.storage_fs import syncing
from bckcore.domain.ids import ProfileId
from bckcore.errors import StorageError
from tests.support.storage_fs import REF, new_store

OTHER = replace(REF, profile=ProfileId("other"))


class FailingDisk:
    """Linux since 5.8: each handle that is open when a write fails is told once. One that is opened later is
    told only if nobody has heard of it yet, which is left out here."""

    def __init__(self) -> None:
        self.untold: set[str] = set()

    def fail(self) -> None:
        """A write that was taken before does not come to the disk."""
        self.untold = set(os.listdir("/proc/self/fd"))

    def sync(self, fd: int) -> None:
        """In the place of ``sync_file_system``."""
        if str(fd) in self.untold:
            self.untold.discard(str(fd))
            raise OSError(errno.EIO, os.strerror(errno.EIO))


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> FailingDisk:
    disk = FailingDisk()
    monkeypatch.setattr(syncing, "sync_file_system", disk.sync)
    return disk


def test_of_two_runs_at_once_both_hear_that_the_disk_failed(tmp_path: Path, disk: FailingDisk) -> None:
    storage = new_store(tmp_path)
    with storage.lock(REF), storage.lock(OTHER):
        disk.fail()
        for ref in (REF, OTHER):
            with pytest.raises(StorageError, match=os.strerror(errno.EIO)):
                storage.settle(ref)


def test_the_handle_goes_with_the_lock_and_who_holds_none_syncs_all_the_same(tmp_path: Path) -> None:
    storage = new_store(tmp_path)
    before = len(os.listdir("/proc/self/fd"))
    with storage.lock(REF):
        storage.settle(REF)
    storage.settle(REF)
    assert len(os.listdir("/proc/self/fd")) == before
