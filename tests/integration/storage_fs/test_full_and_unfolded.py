"""A runner that is killed while the storage is full locks nobody out: one can restore, and prune."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from shutil import rmtree

import pytest

from bckcore.domain.ids import JobId, SourceName, new_run_id
from bckcore.domain.run import Run
from bckcore.errors import StoreFullError
from bckcore.ports.storage import AttemptDirs
from tests.support.desks import Desk, T
from tests.support.house import DOCS, PC, REF
from tests.support.worlds import World

NAMES = ("deep/f", "deep/er/f")


class Scene:
    """Three points; then a run whose runner was killed after newer files had come into ``deep``."""

    def __init__(self, place: Path) -> None:
        self.desk = Desk(place)
        self.worlds: dict[int, World] = {}
        for number in range(1, 4):
            self.desk.write(*NAMES, data=b"%d" % number, mtime_ns=T + number)
            self.desk.back_up()
            self.worlds[number] = self.desk.world()
        self.attempt = self._cut()
        self.others = place / "others"
        self.others.mkdir()

    def _cut(self) -> AttemptDirs:
        house = self.desk.house
        run = Run(
            id=new_run_id(house.clock.now(), b"abcd"),
            profile=DOCS,
            host=PC,
            job=JobId("killed"),
            seq=4,
            started=house.clock.now(),
        )
        with house.database.units() as uow:
            uow.runs.add(run)
            uow.commit()
        dirs = house.storage.begin_attempt(REF, run.id, SourceName("docs"))
        for name in NAMES:
            (dirs.displaced_dir / name).parent.mkdir(parents=True)
            (dirs.destination / name).rename(dirs.displaced_dir / name)
            (dirs.destination / name).write_bytes(b"4")
        return dirs

    def assert_restores(self, *points: int) -> None:
        assert [point.seq for point in self.desk.house.points()] == list(points)
        for number in points:
            self.desk.assert_restores(self.worlds[number], number)

    def fill(self, folder: Path) -> None:
        """Take every inode that is left."""
        with pytest.raises(OSError, match="No space left"):
            for number in itertools.count():
                (folder / str(number)).touch()


@pytest.fixture
def scene(few_inodes_fs: Path, tmp_path: Path) -> Scene:
    made = Scene(few_inodes_fs)
    made.desk.folder = tmp_path
    return made


def _temporary(scene: Scene) -> Path:
    return scene.attempt.temp_dir


def _working(scene: Scene) -> Path:
    return scene.attempt.work_dir


def _partial(scene: Scene) -> Path:
    return scene.attempt.partial_dir


@pytest.mark.parametrize("whose", [_temporary, _working, _partial])
def test_what_the_dead_attempt_took_itself_makes_room_for_its_fold(
    scene: Scene, whose: Callable[[Scene], Path]
) -> None:
    scene.fill(whose(scene))
    scene.assert_restores(1, 2, 3)
    assert scene.desk.house.storage.unfolded(REF) == []
    assert not list(whose(scene).glob("*"))


def test_a_disk_that_others_filled_keeps_nobody_from_a_restore_or_a_prune(scene: Scene) -> None:
    scene.fill(scene.others)
    scene.assert_restores(1, 2, 3)
    assert scene.desk.house.storage.unfolded(REF) == [scene.attempt]
    with pytest.raises(StoreFullError, match="folding an attempt"):
        scene.desk.back_up()
    scene.desk.house.prune(3)
    assert "What an interrupted attempt displaced stays where it is" in scene.desk.log
    scene.desk.house.prune(2)
    scene.assert_restores(2, 3)
    scene.desk.house.prune(1)
    scene.assert_restores(3)
    rmtree(scene.others)
    scene.desk.write("deep/f", data=b"5", mtime_ns=T + 5)
    run = scene.desk.back_up()
    scene.worlds[run.seq] = scene.desk.world()
    scene.assert_restores(3, run.seq)
    assert scene.desk.house.storage.unfolded(REF) == []
