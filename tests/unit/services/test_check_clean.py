"""A storage that nobody harmed has no findings, whatever its history."""

from pathlib import Path

from bck_adapters.memory.hosts import MemoryHost
from bck_adapters.memory.transport import MemoryTransport
from bckcore.domain.paths import rel_path
from tests.support.checking import LOOK, assert_check_is_clean, checked, told
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


def cut_life(folder: Path) -> tuple[House, MemoryHost]:
    """A run that was cut has brought a file that is gone from the PC since: no version explains it."""
    host = MemoryHost()
    docs = host.source(DOCS_PATH)
    docs.write(b"a", b"first", T)
    house = House(folder / "store", MemoryTransport({PC: host}))
    house.back_up()
    docs.write(b"b", b"brought by the cut run", T)
    docs.write(b"c/d", b"as well", T)
    host.cut_after = 7
    assert house.back_up().outcome == "failed"
    docs.delete(b"b")
    docs.delete(b"c")
    house.back_up()
    assert (house.current() / "b").exists()
    return house, host


def test_what_a_cut_run_left_is_counted_and_is_no_finding(tmp_path: Path) -> None:
    house, _ = cut_life(tmp_path)
    report = assert_check_is_clean(house)
    assert report.counts.leftovers >= 1


def test_a_stranger_beside_leftovers_is_told_from_them(tmp_path: Path) -> None:
    house, _ = cut_life(tmp_path)
    (house.current() / "stranger").write_bytes(b"later than the cut run")
    assert told(checked(house)) == {("extra", "current", b"docs/stranger")}


def test_what_is_displaced_of_a_leftover_is_no_finding_either(tmp_path: Path) -> None:
    house, host = cut_life(tmp_path)
    docs = host.source(DOCS_PATH)
    docs.write(b"c", b"a file where the cut run left a folder", T + SECOND)
    docs.write(b"b", b"comes back as another file", T + SECOND)
    house.back_up()
    assert_check_is_clean(house)


def test_digests_that_were_not_known_are_learned_once_and_told(tmp_path: Path) -> None:
    host = MemoryHost()
    docs = host.source(DOCS_PATH)
    docs.write(b"a", b"first", T)
    docs.changes_while_read[rel_path(b"a")] = b"longer while it was read"
    house = House(tmp_path / "store", MemoryTransport({PC: host}))
    house.back_up()
    first, second = assert_check_is_clean(house).counts, assert_check_is_clean(house).counts
    assert (first.digests_learned, first.files_proven) == (1, 0)
    assert (second.digests_learned, second.files_proven) == (0, 1)
    life = house.restore(house.points()[0], tmp_path / "back")
    assert (life / "docs" / "a").read_bytes() == b"longer while it was read"
