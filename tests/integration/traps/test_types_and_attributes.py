"""L2 and L3 over a real sshd: changes of type, attributes, times, and what a hostile PC makes of them."""

import os
from pathlib import Path

import pytest

from bckcore.domain.run import RunOutcome
from tests.support.pc import T0, ObviousRecipe, Pc, good
from tests.support.trees import ODD_NAMES
from tests.support.worlds import World

MAKERS = ("file", "folder", "link", "empty folder")


def make(pc: Pc, kind: str, text: bytes, when: int) -> None:
    """Put something of that kind at ``thing``."""
    pc.docs.delete(b"thing")
    if kind == "file":
        pc.docs.write(b"thing", text, T0 + when, 0o640)
    elif kind == "folder":
        pc.docs.write(b"thing/inner/deep", text, T0 + when)
        pc.docs.mkdir(b"thing/void", T0 + when, 0o750)
        pc.docs.mkdir(b"thing", T0 + when, 0o711)
    elif kind == "link":
        pc.docs.symlink(b"thing", b"target-" + text, T0 + when)
    else:
        pc.docs.mkdir(b"thing", T0 + when, 0o700)


@pytest.mark.parametrize("first", MAKERS)
@pytest.mark.parametrize("second", MAKERS)
def test_change_of_type_goes_through_twice_in_a_row(pc: Pc, first: str, second: str) -> None:
    expected: dict[int, World] = {}
    for number, kind in enumerate((first, second, first, second)):
        make(pc, kind, b"text %d" % number, number)
        expected[good(pc.house.back_up()).seq] = pc.world()
    pc.require_exact(expected)
    pc.house.prune(keep_last=2)
    pc.require_exact({seq: world for seq, world in expected.items() if seq > 2})


def test_folder_into_file_fails_for_ever_with_the_obvious_recipe(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    (folder / "thing").mkdir(parents=True)
    (folder / "thing" / "inner").write_text("x")
    recipe = ObviousRecipe(tmp_path, folder)
    assert recipe.run("run1") == 0
    (folder / "thing" / "inner").unlink()
    (folder / "thing").rmdir()
    (folder / "thing").write_text("now a file")
    assert [recipe.run(f"run{number}") for number in (2, 3, 4)] == [23, 23, 23]


def test_link_then_file_loses_the_link_with_the_obvious_recipe(tmp_path: Path) -> None:
    """A second try into the same backup directory deletes what the first one put there.

    How a naive fold writes through such a link is shown in tests/integration/storage_fs.
    """
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "a").symlink_to("elsewhere")
    recipe = ObviousRecipe(tmp_path, folder)
    assert recipe.run("run1") == 0
    (folder / "a").unlink()
    (folder / "a").mkdir()
    for text in ("first try", "second try"):
        (folder / "a" / "b").write_text(text)
        assert recipe.run("run2") == 0
    assert not [path for path in recipe.root.rglob("a") if path.is_symlink()]


def test_link_then_file_stays_inside(pc: Pc, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    target = os.fsencode(victim)
    expected: dict[int, World] = {}
    for number in range(4):
        pc.docs.delete(b"a")
        if number % 2 == 0:
            pc.docs.symlink(b"a", target, T0 + number)
        else:
            pc.docs.write(b"a/b", b"planted %d" % number, T0 + number)
        expected[good(pc.house.back_up()).seq] = pc.world()
    pc.require_exact(expected)
    pc.house.prune(keep_last=1)
    assert list(victim.iterdir()) == []
    assert not [place for place in pc.store.rglob("*") if place.is_symlink()]


def test_same_second_edit_of_the_same_size_is_backed_up(pc: Pc) -> None:
    expected: dict[int, World] = {}
    for number, text in enumerate((b"one", b"two", b"six")):
        pc.docs.write(b"note", text, T0 + number)
        expected[good(pc.house.back_up()).seq] = pc.world()
    pc.require_exact(expected)


def test_same_second_edit_of_the_same_size_is_missed_by_the_obvious_recipe(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    recipe = ObviousRecipe(tmp_path, folder)
    for number, text in enumerate((b"one", b"two")):
        (folder / "note").write_bytes(text)
        os.utime(folder / "note", ns=(T0 + number, T0 + number))
        assert recipe.run(f"run{number}") == 0
    assert recipe.contents("note") == [b"one"]


def test_attributes_alone_make_a_point_and_come_back(pc: Pc) -> None:
    pc.docs.write(b"tool", b"#!/bin/sh\n", T0, 0o644)
    pc.docs.mkdir(b"room", T0, 0o755)
    expected: dict[int, World] = {}
    expected[good(pc.house.back_up()).seq] = pc.world()
    pc.docs.chmod(b"tool", 0o4755)
    pc.docs.chmod(b"room", 0o1777)
    expected[good(pc.house.back_up()).seq] = pc.world()
    pc.docs.touch(b"tool", T0 + 7)
    pc.docs.touch(b"room", T0 + 8)
    expected[good(pc.house.back_up()).seq] = pc.world()
    pc.require_exact(expected)


def test_quiet_run_makes_no_point_and_says_when_it_looked(pc: Pc) -> None:
    pc.docs.write(b"note", b"text", T0)
    first = good(pc.house.back_up())
    second = good(pc.house.back_up())
    (point,) = pc.house.points()
    assert (point.seq, second.made_point) == (first.seq, False)
    assert point.verified_at == second.finished


@pytest.mark.parametrize("mode", [0o000, 0o200, 0o555, 0o500])
def test_folders_and_files_of_any_mode_come_back(pc: Pc, mode: int) -> None:
    pc.docs.write(b"room/note", b"text", T0, 0o444)
    pc.docs.mkdir(b"room", T0, 0o755)
    first = good(pc.house.back_up()).seq
    before = pc.world()
    pc.docs.chmod(b"room", mode)
    readable = mode & 0o500 == 0o500
    run = pc.house.back_up()
    assert run.outcome is (RunOutcome.SUCCEEDED if readable else RunOutcome.PARTIAL)
    pc.require_exact({first: before, run.seq: pc.world()})


def test_unreadable_file_carries_on_as_it_was(pc: Pc) -> None:
    pc.docs.write(b"note", b"readable", T0, 0o600)
    pc.docs.write(b"other", b"x", T0)
    first = good(pc.house.back_up()).seq
    before = pc.world()
    pc.docs.write(b"note", b"changed, and closed", T0 + 5, 0o000)
    pc.docs.write(b"other", b"changed", T0 + 5)
    run = pc.house.back_up()
    assert (run.outcome, run.problem_count) == (RunOutcome.PARTIAL, 1)
    assert any("unreadable: docs/note" in line for line in pc.house.watcher.lines)
    pc.docs.chmod(b"note", 0o600)
    stale = {**pc.world(), b"note": before[b"note"]}
    pc.require_exact({first: before, run.seq: stale})


def test_odd_names_come_back(pc: Pc) -> None:
    for name in ODD_NAMES:
        pc.docs.write(name, b"in " + name, T0)
        pc.docs.write(b"f" + name[:200] + b"/" + name, b"below " + name, T0)
    pc.docs.symlink(b"points", b"no\nwhere -> \xff", T0)
    deep = b"/".join([b"d" * 200] * 15)
    pc.docs.mkdir(b"deep", T0)
    os.makedirs(os.path.join(pc.docs.root, b"deep", deep[:2000]))
    first = good(pc.house.back_up()).seq
    before = pc.world()
    for name in ODD_NAMES:
        pc.docs.write(name, b"changed " + name, T0 + 1)
    second = good(pc.house.back_up()).seq
    pc.require_exact({first: before, second: pc.world()})


def test_sparse_file_stays_sparse(pc: Pc, tmp_path: Path) -> None:
    place = pc.folder / "sparse"
    with place.open("wb") as file:
        file.seek(200 << 20)
        file.write(b"end")
    os.utime(place, ns=(T0, T0))
    seq = good(pc.house.back_up()).seq
    pc.require_exact({seq: pc.world()})
    stored = pc.house.current() / "sparse"
    restored = tmp_path / "restored-1" / "docs" / "sparse"
    for copy in (stored, restored):
        assert copy.stat().st_blocks * 512 < 10 << 20, copy
