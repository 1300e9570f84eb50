"""What stands in the storage and belongs to no profile is named, and nothing else is."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bckcore.services.strays import StrayCheck
from tests.support.checking import LOOK, checked, told
from tests.support.harm import Scene


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def found(scene: Scene) -> list[bytes]:
    strays = StrayCheck(units=scene.house.database.units, storage=scene.house.storage).find()
    assert {(one.cause.value, one.place) for one in strays} <= {("extra", "storage")}
    return [one.path for one in strays]


def write(scene: Scene, path: bytes) -> None:
    whole = os.path.join(os.fsencode(scene.root), path)
    os.makedirs(os.path.dirname(whole), exist_ok=True)
    with open(whole, "wb") as file:
        file.write(b"stray")


def test_a_storage_that_nobody_touched_has_none(scene: Scene) -> None:
    assert found(scene) == []


@pytest.mark.parametrize(
    ("path", "told_as"),
    [
        (b"notes.txt", b"notes.txt"),
        (b"li\nne\xff", b"li\nne\xff"),
        (b"-rf/x", b"-rf"),
        (b".history/extra", b".history/extra"),
        (b".history/old/pc1/docs/docs/a", b".history/old"),
        (b"current/pc1/stray", b"current/pc1/stray"),
        (b"current/pc1/other/src/file", b"current/pc1/other"),
        (b"current/evilhost/docs/docs/file", b"current/evilhost"),
        (b".receipts/note", b".receipts/note"),
        (b".receipts/pc1/other/note", b".receipts/pc1/other"),
    ],
)
def test_each_stray_is_named_once(scene: Scene, path: bytes, told_as: bytes) -> None:
    write(scene, path)
    assert found(scene) == [told_as]
    assert told(checked(scene.house, LOOK)) == set()  # the check of a profile stays about that profile


@pytest.mark.parametrize("name", [b"evilhost/docs/x", b"pc1/other/x", b"file"])
def test_strays_in_an_increment_are_named(scene: Scene, name: bytes) -> None:
    run = os.fsencode(scene.runs[2])
    write(scene, b"/".join([b".history", run, name]))
    parts = 2 if name.startswith(b"pc1") else 1
    assert found(scene) == [b"/".join([b".history", run, *name.split(b"/")[:parts]])]


@pytest.mark.parametrize("name", ["current/link", ".history/link", "link", ".receipts/pc1/link"])
def test_a_link_is_a_stray_and_is_not_followed(scene: Scene, name: str) -> None:
    (scene.root / name).symlink_to(scene.root / "current" / "pc1")
    assert found(scene) == [name.encode()]


def _made_by_the_system(root: Path) -> None:
    (root / "lost+found").mkdir()


def _left_by_a_crash(root: Path) -> None:
    (root / ".README.txt.new").write_text("half")


def _set_aside(root: Path) -> None:
    (root / ".work" / "aside" / "20260101T000000Z-0a1b2c3d" / "pc1").mkdir(parents=True)


@pytest.mark.parametrize("change", [_made_by_the_system, _left_by_a_crash, _set_aside])
def test_what_belongs_there_is_none(scene: Scene, change: Callable[[Path], None]) -> None:
    change(scene.root)
    assert found(scene) == []
    assert scene.house.storage.runs_aside() == (change is _set_aside)


def test_a_profile_that_only_the_receipts_know_is_none(scene: Scene) -> None:
    for area in ("current", ".receipts"):
        (scene.root / area / "pc1" / "docs").rename(scene.root / area / "pc1" / "gone")
    assert found(scene) == []
