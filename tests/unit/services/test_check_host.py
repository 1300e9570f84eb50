"""Files read again from the PC: what is the same is proven, what changed told, what rotted found."""

from pathlib import Path

import pytest

from bck_adapters.memory.hosts import MemoryHost
from bck_adapters.memory.transport import MemoryTransport
from bckcore.domain.check import HOST_FILES, CheckReport, CheckRequest
from bckcore.errors import HostUnreachableError, JobCancelledError
from tests.support import harm
from tests.support.checking import checked, told
from tests.support.harm import DOCS_PATH, SECOND, Scene, T
from tests.support.house import PC, House

ASK = CheckRequest(against_host=True)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def asked(scene: Scene, request: CheckRequest = ASK) -> CheckReport:
    return checked(scene.house, request, scene.transport)


def test_files_that_are_the_same_on_the_pc_are_proven(scene: Scene) -> None:
    report = asked(scene)
    counts = report.counts
    assert (counts.host_files, counts.host_proven, counts.host_changed) == (9, 9, 0)
    assert told(report) == set()
    assert any("9 of 9 files proven against the PC" in line for line in scene.house.watcher.lines)


def test_what_changed_on_the_pc_since_is_told_and_is_no_damage(scene: Scene) -> None:
    scene.docs.write(b"b", b"edited since", T + 5 * SECOND)
    scene.docs.delete(b"keep")
    scene.docs.delete(b"d")
    scene.docs.symlink(b"d", b"/etc", T)
    scene.docs.delete(b"new")
    scene.docs.mkdir(b"new", T)
    report = asked(scene)
    assert (report.counts.host_proven, report.counts.host_changed) == (4, 5)
    assert told(report) == set()


def test_a_rotten_copy_is_found_with_the_help_of_the_pc(scene: Scene) -> None:
    harm.flip(scene.current(b"keep"))
    report = asked(scene)
    assert told(report) == {("bit-rot", "current", b"docs/keep")}
    assert report.counts.host_proven == 8


def test_a_pc_that_hides_its_change_is_found(scene: Scene) -> None:
    scene.docs.write(b"keep", b"FIRST bytes of keep", T, 0o640)
    assert told(asked(scene)) == {("host-differs", "current", b"docs/keep")}


def test_nothing_is_left_in_the_storage_and_current_is_not_touched(scene: Scene) -> None:
    before = {path: path.lstat() for path in (scene.root / "current").rglob("*")}
    asked(scene)
    after = {path: path.lstat() for path in (scene.root / "current").rglob("*")}
    assert {path: status.st_ctime_ns for path, status in before.items()} == {
        path: status.st_ctime_ns for path, status in after.items()
    }
    assert list((scene.root / ".work" / "check" / "pc1" / "docs").iterdir()) == []


def test_what_a_crash_left_of_an_earlier_comparison_goes(scene: Scene) -> None:
    left = scene.root / ".work" / "check" / "pc1" / "docs" / "files" / "left"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"left")
    assert told(asked(scene)) == set()
    assert not left.exists()


def test_a_pc_that_does_not_answer_keeps_the_rest_of_the_result(scene: Scene) -> None:
    harm.remove(scene.current(b"keep"))
    scene.host.errors.append(HostUnreachableError("pc1 does not answer."))
    report = asked(scene)
    assert told(report) == {("missing", "current", b"docs/keep")}
    assert report.host_error is not None
    assert report.counts.host_files == 0


def test_a_large_profile_is_sampled_and_the_seed_chooses_the_same(tmp_path: Path) -> None:
    host = MemoryHost()
    docs = host.source(DOCS_PATH)
    for number in range(400):
        docs.write(b"%03d" % number, b"x" * number, T)
    transport = MemoryTransport({PC: host})
    house = House(tmp_path / "store", transport)
    house.back_up()
    counts = checked(house, ASK, transport).counts
    assert counts.host_files == counts.host_proven == HOST_FILES
    share = CheckRequest(sample=25, against_host=True)
    first, second = checked(house, share, transport).counts, checked(house, share, transport).counts
    assert 60 <= first.host_files <= 140
    assert (first.files_read, first.host_files) == (second.files_read, second.host_files)


@pytest.mark.parametrize("asks", [0, 3, 10, 30])
def test_a_cancelled_check_stops_and_leaves_nothing(scene: Scene, asks: int) -> None:
    left = iter(range(asks))
    scene.house.watcher.stop = lambda: next(left, None) is None
    with pytest.raises(JobCancelledError):
        asked(scene, CheckRequest(read_data=True, against_host=True))
    work = scene.root / ".work" / "check"
    assert not work.exists() or not any(path.is_file() for path in work.rglob("*"))
    scene.house.watcher.stop = lambda: False
    assert told(asked(scene)) == set()
