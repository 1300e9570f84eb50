"""What is taken for harmed is read first: only what was harmed leaves history; and how that goes at last."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bck_adapters.digest import digest_of
from bck_adapters.storage_fs import FsStorage
from bck_adapters.storage_fs.root import ASIDE, WORK
from bckcore.domain.file_version import EntryKind, FileEntry
from bckcore.domain.paths import RelPath
from bckcore.domain.stored_stat import XATTR_NAME
from tests.support.second_preimage import second_preimage
from tests.support.storage_fs import REF, SOURCE, increment, new_store, plant, run_id

RUN, T = run_id(5), 1_700_000_000_000_000_000
GOOD = b"a good file " * 200
EVIL = second_preimage(GOOD, b"an evil one " * 200)
PATH = RelPath(b"d/f")


class Scene:
    """A run that displaced ``d/f`` although nothing had changed, by what came."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "store"
        self.storage: FsStorage = new_store(folder)
        self.displaced = increment(self.root, RUN) / "d" / "f"
        self.current = self.root / "current" / REF.host / REF.profile / SOURCE / "d" / "f"

    def holds(self, displaced: bytes, current: bytes) -> None:
        plant(self.displaced.parent, {b"f": displaced}, mtime_ns=T)
        plant(self.current.parent, {b"f": current}, mtime_ns=T)

    def withdrawn(self, *, digest: bytes = digest_of(GOOD)) -> tuple[list[bytes], list[bytes]]:
        """What went aside, and what was forged; a second time nothing is left to be moved."""
        live = FileEntry(PATH, EntryKind.FILE, 0o600, os.getuid(), os.getgid(), T, len(GOOD), digest=digest)
        found = self.storage.withdraw(REF, RUN, SOURCE, [live])
        assert not self.storage.withdraw(REF, RUN, SOURCE, [live]).aside
        assert self.displaced.exists() != bool(found.aside)
        return list(found.aside), list(found.forged)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_bytes_of_another_digest_were_harmed_and_leave(scene: Scene) -> None:
    rotten = GOOD[:-1] + b"?"
    scene.holds(rotten, GOOD)
    assert scene.withdrawn() == ([PATH], [])
    aside = scene.root / WORK / ASIDE / RUN / REF.host / REF.profile / SOURCE / "d" / "f"
    assert aside.read_bytes() == rotten


@pytest.mark.parametrize(("current", "forged"), [(EVIL, [PATH]), (GOOD, [])], ids=["forged", "the same"])
def test_bytes_of_the_known_digest_stay(scene: Scene, current: bytes, forged: list[bytes]) -> None:
    assert digest_of(EVIL) == digest_of(GOOD)
    scene.holds(GOOD, current)
    assert scene.withdrawn() == ([], forged)
    assert scene.displaced.read_bytes() == GOOD


def test_where_no_digest_is_known_what_looks_as_it_did_stays(scene: Scene) -> None:
    scene.holds(GOOD, b"?" * len(GOOD))
    assert scene.withdrawn(digest=b"") == ([], [PATH])


def _other_time(place: Path) -> None:
    os.utime(place, ns=(T + 1, T + 1))


def _no_file(place: Path) -> None:
    os.setxattr(place, XATTR_NAME, b"120777 0,0 0:0")


def _damaged(place: Path) -> None:
    os.setxattr(place, XATTR_NAME, b"nonsense")


@pytest.mark.parametrize("harm", [_other_time, _no_file, _damaged])
def test_good_bytes_with_wrong_attributes_are_put_right_if_nothing_else_has_them(
    scene: Scene, harm: Callable[[Path], None]
) -> None:
    scene.holds(GOOD, EVIL)
    harm(scene.displaced)
    assert scene.withdrawn() == ([], [PATH])
    assert scene.displaced.stat().st_mtime_ns == T
    assert XATTR_NAME not in os.listxattr(scene.displaced)


@pytest.mark.parametrize("harm", [_other_time, _no_file])
def test_good_bytes_with_wrong_attributes_leave_if_current_has_them(
    scene: Scene, harm: Callable[[Path], None]
) -> None:
    scene.holds(GOOD, GOOD)
    harm(scene.displaced)
    assert scene.withdrawn() == ([PATH], [])


@pytest.mark.parametrize("what", ["link", "folder", "fifo"])
def test_what_is_no_file_was_harmed(scene: Scene, what: str) -> None:
    scene.holds(GOOD, GOOD)
    scene.displaced.unlink()
    make = {"link": lambda place: place.symlink_to("/etc/passwd"), "folder": Path.mkdir, "fifo": os.mkfifo}
    make[what](scene.displaced)
    assert scene.withdrawn() == ([PATH], [])


def test_what_older_runs_of_the_profile_set_aside_goes_and_nothing_else(scene: Scene) -> None:
    area = scene.root / WORK / ASIDE
    for number in (1, 2, 3):
        plant(area / run_id(number) / REF.host / REF.profile / SOURCE, {b"a": b"1", b"b/c": b"2"})
    plant(area / run_id(1) / REF.host / "other" / SOURCE, {b"a": b"1"})
    assert scene.storage.drop_aside(REF, run_id(3)) == 4
    assert sorted(os.listdir(area)) == [run_id(1), run_id(3)]
    assert os.listdir(area / run_id(1) / REF.host) == ["other"]
    assert scene.storage.drop_aside(REF, run_id(3)) == 0
