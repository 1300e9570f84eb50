"""While a check goes on, backups, prunes and undos may come and go: it finds no harm where none is."""

from pathlib import Path

import pytest

from bck_adapters.memory.hosts import MemoryHost
from bck_adapters.memory.transport import MemoryTransport
from bckcore.errors import StoreBusyError
from bckcore.services import check_files
from tests.support import harm
from tests.support.checking import ALL, checked, told
from tests.support.harm import SECOND, T
from tests.support.house import DOCS, PC, House, RecordingWatcher
from tests.support.lives import DOCS_PATH


class Busy:
    """A house with many files, and something that happens when the check pauses for the n-th time."""

    def __init__(self, folder: Path) -> None:
        self.host = MemoryHost()
        self.docs = self.host.source(DOCS_PATH)
        for number in range(60):
            self.docs.write(b"d%d/f%02d" % (number % 5, number), b"first %d" % number, T)
        self.house = House(folder / "store", MemoryTransport({PC: self.host}))
        self.house.back_up()
        self.edit(1)
        self.house.back_up()
        self.pauses = 0
        self.events = 0

    def edit(self, round_: int) -> None:
        """Change, add, delete, turn a folder into a file and back."""
        for number in range(0, 60, 7):
            self.docs.write(b"d%d/f%02d" % (number % 5, number), b"round %d" % round_, T + round_ * SECOND)
        self.docs.write(b"new %d" % round_, b"new", T)
        self.docs.delete(b"d3")
        if round_ % 2:
            self.docs.write(b"d3", b"a file now", T + round_)
        else:
            self.docs.write(b"d3/again", b"a folder again", T + round_)

    def checked_while(self, every: int, event) -> set[tuple[str, str, bytes]]:
        """What a check finds while ``event`` happens at every so many pauses."""

        def asked() -> bool:
            self.pauses += 1
            if self.pauses % every == 0 and self.events < 6:
                self.events += 1
                self.house.watcher, watching = RecordingWatcher(), self.house.watcher
                event()
                self.house.watcher = watching
            return False

        self.house.watcher.stop = asked
        try:
            return told(checked(self.house, ALL))
        finally:
            self.house.watcher.stop = lambda: False


@pytest.fixture
def busy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Busy:
    monkeypatch.setattr(check_files, "OPEN_AT_ONCE", 5)  # so that it has many batches
    return Busy(tmp_path)


@pytest.mark.parametrize("every", [1, 2, 5, 13, 29])
def test_a_check_beside_backups_and_prunes_finds_nothing(busy: Busy, every: int) -> None:
    def event() -> None:
        busy.edit(busy.events + 1)
        if busy.events % 3 == 2:
            busy.host.cut_after = 5
        busy.house.back_up()
        if busy.events % 2:
            busy.house.prune(keep_last=2)

    assert busy.checked_while(every, event) == set()
    assert busy.events > 1
    assert told(checked(busy.house, ALL)) == set()


def test_harm_is_found_beside_a_backup(busy: Busy) -> None:
    place = busy.house.current() / "d1" / "f01"
    harm.flip(bytes(place))

    def event() -> None:
        busy.edit(busy.events + 1)
        busy.house.back_up()

    assert busy.checked_while(7, event) == {("bit-rot", "current", b"docs/d1/f01")}


def test_a_check_waits_while_a_backup_holds_the_profile(busy: Busy) -> None:
    with busy.house.database.units(read_only=True) as uow:
        ref = uow.profiles.get(DOCS).ref
    lock = busy.house.storage.lock(ref, wait_seconds=0)
    lock.__enter__()
    released: list[bool] = []

    def asked() -> bool:
        if not released and len(busy.house.watcher.lines) and "waits" in busy.house.watcher.lines[-1]:
            lock.__exit__(None, None, None)
            released.append(True)
        return False

    busy.house.watcher.lines.clear()
    busy.house.watcher.stop = asked
    assert told(checked(busy.house)) == set()
    assert released
    assert sum("waits" in line for line in busy.house.watcher.lines) == 1


def test_the_lock_is_free_while_bytes_are_read(busy: Busy) -> None:
    with busy.house.database.units(read_only=True) as uow:
        ref = uow.profiles.get(DOCS).ref
    busied: list[int] = []

    def event() -> None:
        try:
            with busy.house.storage.lock(ref, wait_seconds=0):
                pass
        except StoreBusyError:
            busied.append(busy.pauses)

    busy.checked_while(3, event)
    assert busied == []
