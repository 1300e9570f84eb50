"""The folder of a restore is taken once and held: what is swapped in at its path later leads nowhere."""

import os
from pathlib import Path

import pytest

from bck_adapters.storage_fs import FsRestoreTargets
from bckcore.errors import BckError, RefusedError
from bckcore.ports.extraction import Placed
from bckcore.services.restore_report import RestoreWork
from tests.support.desks import DOCS_PATH, Desk
from tests.support.house import DOCS

PICS = "/home/u/pictures"


@pytest.fixture
def desk(quick_dir: Path) -> Desk:
    desk = Desk(quick_dir, sources=(DOCS_PATH, PICS))
    desk.write("a", "b")
    desk.tree(PICS).write(b"p", b"picture")
    desk.back_up()
    return desk


def listing(folder: Path) -> set[str]:
    return {str(one.relative_to(folder)) for one in folder.rglob("*")}


@pytest.mark.parametrize("swapped", ["above", "itself"])
def test_a_link_swapped_in_between_two_sources_is_not_followed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, swapped: str
) -> None:
    anna, store = desk.folder / "anna", desk.house.root
    (anna / "out").mkdir(parents=True)
    (store / "current" / "out").mkdir()
    held, real, waiting = listing(store / "current"), RestoreWork.placed, [True]
    moved = anna if swapped == "above" else anna / "out"

    def placed(self: RestoreWork, one: Placed) -> None:
        real(self, one)
        if waiting:
            waiting.clear()
            moved.rename(desk.folder / "away")
            moved.symlink_to(store / "current" if swapped == "above" else store / "current" / "out")

    monkeypatch.setattr(RestoreWork, "placed", placed)
    report = desk.house.restores.restore(
        DOCS, point="latest", to=anna / "out", paths=(), watcher=desk.house.watcher
    )
    assert report.problem_count == 0
    assert listing(store / "current") == held
    result = desk.folder / "away" / ("out" if swapped == "above" else "")
    assert sorted(one.name for one in result.rglob("*") if one.is_file()) == ["a", "b", "p"]


@pytest.mark.parametrize("place", ["anna/out", "anna/out/new/er"])
def test_a_link_swapped_in_while_the_folder_is_taken_is_refused(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    anna, store = desk.folder / "anna", desk.house.root
    (anna / "out").mkdir(parents=True)
    held, real = listing(store), FsRestoreTargets.look

    def look(self: FsRestoreTargets, path: Path, *, filled: bool = False) -> Path:
        full = real(self, path, filled=filled)
        anna.rename(desk.folder / "away")
        anna.symlink_to(store / "current")
        return full

    monkeypatch.setattr(FsRestoreTargets, "look", look)
    with pytest.raises(BckError):
        FsRestoreTargets(store).claim(desk.folder / place)
    assert listing(store) == held


def test_a_folder_moved_into_the_storage_while_it_is_taken_is_refused(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna, store = desk.folder / "anna", desk.house.root
    (anna / "out").mkdir(parents=True)
    real, waiting = os.open, [True]

    def opened(path: object, *args: object, **named: object) -> int:
        fd = real(path, *args, **named)  # type: ignore[arg-type]
        if waiting and path in ("anna", b"anna"):
            waiting.clear()
            anna.rename(store / "current" / "anna")
        return fd

    monkeypatch.setattr(os, "open", opened)
    with pytest.raises(RefusedError, match="lies in the backup storage"):
        FsRestoreTargets(store).claim(anna / "out")


def test_a_folder_that_is_filled_while_it_is_taken_is_refused(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = FsRestoreTargets.look

    def look(self: FsRestoreTargets, path: Path, *, filled: bool = False) -> Path:
        full = real(self, path, filled=filled)
        full.mkdir()
        (full / "mine").touch()
        return full

    monkeypatch.setattr(FsRestoreTargets, "look", look)
    with pytest.raises(BckError, match="not empty"):
        FsRestoreTargets(desk.house.root).claim(desk.folder / "out")


def test_nothing_stays_open(desk: Desk) -> None:
    before = os.listdir("/proc/self/fd")
    desk.house.restores.restore(
        DOCS, point="latest", to=desk.folder / "out", paths=(), watcher=desk.house.watcher
    )
    with pytest.raises(RefusedError):
        FsRestoreTargets(desk.house.root).claim(desk.house.root / "x")
    assert os.listdir("/proc/self/fd") == before
