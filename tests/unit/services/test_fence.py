"""Under a claim that is lost nothing is written, whoever forgot to ask."""

from dataclasses import replace
from pathlib import Path

import pytest

from bck_adapters.memory import MemoryDatabase, SettableClock
from bck_adapters.storage_fs import FsStorage
from bck_adapters.testkit.samples import sample_host, sample_job
from bckcore.domain.ids import SourceName
from bckcore.domain.transfer import Phase, TransferProgress
from bckcore.errors import LeaseLostError
from bckcore.ports.storage import Storage
from bckcore.services.fence import READING, Fence, fenced_storage, fenced_units
from tests.support.house import REF, RecordingWatcher

WRITING = {
    "begin_attempt", "drop_aside", "fold", "free", "free_attempt_space", "keep_displaced", "merge",
    "put_back", "remove_path", "set_aside", "withdraw", "write_act", "write_manifest", "write_plan",
    "write_receipt",
}  # fmt: skip


class Scene:
    """A job that one runner had, and another one has now."""

    def __init__(self, folder: Path) -> None:
        self.clock = SettableClock()
        self.database = MemoryDatabase(self.clock)
        self.queue = self.database.queue
        self.fence = Fence(queue=self.queue, clock=self.clock)
        self.units = fenced_units(self.database.units, self.fence)
        inner = FsStorage(folder / "store")
        inner.prepare()
        self.storage = fenced_storage(inner, self.fence)
        self.queue.enqueue(sample_job("j"))
        claim = self.queue.claim("one", lease_seconds=60)
        assert claim is not None
        self.claim = claim
        self.watcher = RecordingWatcher()

    def lose(self) -> None:
        """Another runner takes the job over."""
        self.clock.advance(61)
        assert self.queue.claim("two", lease_seconds=60) is not None


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_a_unit_opened_under_a_lost_claim_cannot_be_committed(scene: Scene) -> None:
    with scene.fence.under(scene.claim, scene.watcher):
        with scene.units() as uow:
            uow.hosts.add(sample_host("kept"))
            uow.commit()
        scene.lose()
        with scene.units() as uow:
            uow.hosts.add(sample_host("lost"))
            with pytest.raises(LeaseLostError):
                uow.commit()
        with scene.units() as uow, pytest.raises(LeaseLostError):
            uow.hold()
    with scene.units() as uow:
        assert [host.id for host in uow.hosts.list()] == ["kept"]
        uow.hosts.add(sample_host("free"))
        uow.commit()


def test_a_storage_changes_nothing_under_a_lost_claim_and_can_still_be_read(scene: Scene) -> None:
    with scene.fence.under(scene.claim, scene.watcher):
        scene.storage.write_plan(REF, b"one")
        scene.lose()
        with pytest.raises(LeaseLostError):
            scene.storage.write_plan(REF, b"two")
        with pytest.raises(LeaseLostError):
            scene.storage.free_attempt_space(REF, SourceName("docs"))
        assert scene.storage.read_plan(REF) == b"one"
    scene.storage.write_plan(REF, b"three")
    assert scene.storage.read_plan(REF) == b"three"


def test_a_claim_that_is_late_and_still_the_newest_holds(scene: Scene) -> None:
    scene.clock.advance(3600)
    with scene.fence.under(scene.claim, scene.watcher):
        scene.fence.check()
        assert scene.fence.is_over(scene.claim.job.id, scene.claim.token)


def test_every_method_of_a_storage_that_is_not_known_to_read_is_fenced() -> None:
    """A new method is fenced until somebody says that it changes nothing."""
    methods = {name for name in dir(Storage) if not name.startswith("_")}
    assert methods - READING == WRITING
    assert methods >= READING


def test_each_thread_has_a_claim_of_its_own(scene: Scene) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with scene.fence.under(scene.claim, scene.watcher), ThreadPoolExecutor(1) as pool:
        assert pool.submit(lambda: scene.fence.claim).result() is None
        assert (scene.fence.job, scene.fence.token) == ("j", scene.claim.token)
    assert (scene.fence.claim, scene.fence.job, scene.fence.token) == (None, "", "")


def test_a_job_that_waits_shows_it_but_a_restore_that_had_begun_is_still_known_as_one(scene: Scene) -> None:
    with scene.fence.under(scene.claim, scene.watcher):
        scene.fence.wait("waits for the storage")
    job = replace(scene.claim.job, progress=TransferProgress(phase=Phase.RESTORING))
    with scene.fence.under(replace(scene.claim, job=job), scene.watcher):
        scene.fence.wait("waits again")
    assert [one.phase for one in scene.watcher.shown] == [Phase.WAITING]
    assert scene.watcher.lines == ["warning: waits for the storage", "warning: waits again"]
