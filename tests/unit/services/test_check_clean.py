"""A storage that nobody harmed has no findings, whatever its history."""

from pathlib import Path

from bck_adapters.memory.hosts import MemoryHost
from bck_adapters.memory.transport import MemoryTransport
from tests.support.checking import LOOK, assert_check_is_clean, checked
from tests.support.house import PC, House
from tests.support.lives import DOCS_PATH, SECOND, Life, T


def test_a_new_profile_is_clean(tmp_path: Path) -> None:
    house = House(tmp_path / "store", MemoryTransport({PC: MemoryHost()}))
    report = assert_check_is_clean(house)
    assert (report.counts.files, report.total) == (0, 0)


def test_an_eventful_life_is_clean_at_every_step(tmp_path: Path) -> None:
    life = Life(tmp_path).begin()
    assert_check_is_clean(life.house)
    life.change_much()
    life.back_up()
    assert_check_is_clean(life.house)
    for keep in (3, 2, 1):
        life.change_much()
        life.change_little(b"mark %d" % keep)
        life.back_up()
        assert_check_is_clean(life.house)
        life.house.prune(keep)
        assert_check_is_clean(life.house)
    life.assert_every_point_restores()


def test_whole_check_reads_every_file_and_proves_it(tmp_path: Path) -> None:
    host = MemoryHost()
    docs = host.source(DOCS_PATH)
    for number in range(10):
        docs.write(b"f%d" % number, b"x" * number, T)
    docs.symlink(b"link", b"f1", T)
    house = House(tmp_path / "store", MemoryTransport({PC: host}))
    house.back_up()
    docs.write(b"f1", b"changed", T + SECOND)
    house.back_up()
    counts = assert_check_is_clean(house).counts
    assert (counts.files_read, counts.files_proven, counts.points_replayed) == (11, 11, 2)
    assert counts.bytes_read == sum(range(10)) + len(b"changed")
    assert counts.records == 4
    look = checked(house, LOOK).counts
    assert (look.files_read, look.points_replayed, look.files) == (0, 1, counts.files)
