"""What the obvious recipe makes of the traps that lose nothing with ours.

The tests beside this one hold the same situations against our own runs. Some more stand there with their
own counterpart. Nothing is to be shown where the recipe does well: a file or a link that becomes something
else for the first time, folders without the right to write, a store out of inodes.
"""

import contextlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.pc import MIB, ObviousRecipe
from tests.support.worlds import world_of_folder

Happening = Callable[[ObviousRecipe], tuple[str, ...]]
"""Changes the PC's folder after the first run; gives further options for the second."""


@pytest.fixture
def recipe(tmp_path: Path) -> ObviousRecipe:
    """The recipe, for a folder with two notes that it has copied once."""
    folder = tmp_path / "pc"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "note").write_bytes(b"text")
    (folder / "other").write_bytes(b"text")
    made = ObviousRecipe(tmp_path, folder)
    assert made.run("run1") == 0
    return made


def files(root: Path) -> dict[bytes, bytes]:
    """All copies that a person finds there, by their paths."""
    return {path: thing.data for path, thing in world_of_folder(root).items() if thing.kind == "f"}


def deleted(recipe: ObviousRecipe) -> tuple[str, ...]:
    shutil.rmtree(recipe.folder / "deep")
    return ()


def unreadable_folder(recipe: ObviousRecipe) -> tuple[str, ...]:
    (recipe.folder / "deep").chmod(0)
    return ()


def unreadable_file(recipe: ObviousRecipe) -> tuple[str, ...]:
    (recipe.folder / "deep" / "note").write_bytes(b"changed, and closed")
    (recipe.folder / "deep" / "note").chmod(0)
    return ()


def missing_root(recipe: ObviousRecipe) -> tuple[str, ...]:
    recipe.folder.rename(recipe.folder.with_name("unplugged"))
    return ()


def empty_root(recipe: ObviousRecipe) -> tuple[str, ...]:
    missing_root(recipe)
    recipe.folder.mkdir()
    return ()


def added_filter(recipe: ObviousRecipe) -> tuple[str, ...]:
    return ("--exclude=deep",)


@pytest.mark.parametrize(
    "happening", [unreadable_folder, unreadable_file, missing_root, empty_root, added_filter]
)
def test_what_was_not_read_looks_like_what_is_gone(
    recipe: ObviousRecipe, happening: Happening, tmp_path: Path
) -> None:
    recipe.run("run2", *happening(recipe))
    for place in (recipe.folder, recipe.current):  # the mode of the PC's folder is that of the copy
        with contextlib.suppress(FileNotFoundError):
            (place / "deep").chmod(0o700)
    truly = ObviousRecipe(tmp_path / "twin", tmp_path / "twin" / "pc")
    shutil.copytree(recipe.current, truly.folder)
    assert truly.run("run1") == 0
    assert truly.run("run2", *deleted(truly)) == 0
    assert files(recipe.root) == files(truly.root), "the recipe tells them apart"


def test_a_deleted_file_comes_back_with_the_newest_state(recipe: ObviousRecipe) -> None:
    assert recipe.run("run2", *deleted(recipe)) == 0
    assert recipe.contents("note") == [b"text"]


def test_a_mode_that_changed_is_lost(recipe: ObviousRecipe) -> None:
    (recipe.folder / "deep" / "note").chmod(0o600)
    before = (recipe.current / "deep" / "note").stat().st_mode & 0o777
    assert before != 0o600
    assert recipe.run("run2") == 0
    modes = {path.stat().st_mode & 0o777 for path in recipe.root.rglob("note")}
    assert modes == {0o600}


def test_an_empty_folder_and_its_mode_are_lost(recipe: ObviousRecipe) -> None:
    (recipe.folder / "void").mkdir(mode=0o711)
    assert recipe.run("run2") == 0
    (recipe.folder / "void").rmdir()
    (recipe.folder / "void").write_bytes(b"a file now")
    assert recipe.run("run3", "--force") == 0
    assert [path for path in recipe.root.rglob("void") if path.is_dir()] == []


def test_a_sparse_file_takes_all_its_room(recipe: ObviousRecipe) -> None:
    with (recipe.folder / "disk.img").open("wb") as file:
        file.truncate(16 * MIB)
    assert (recipe.folder / "disk.img").stat().st_blocks * 512 < MIB
    assert recipe.run("run2") == 0
    assert (recipe.current / "disk.img").stat().st_blocks * 512 >= 16 * MIB


def test_a_full_store_costs_the_good_copy(tmp_path: Path, small_fs: Path) -> None:
    folder = tmp_path / "pc"
    folder.mkdir()
    (folder / "big").write_bytes(first := os.urandom(8 * MIB))
    recipe = ObviousRecipe(small_fs, folder)
    assert recipe.run("run1") == 0
    (folder / "big").write_bytes(os.urandom(80 * MIB))
    codes = [recipe.run("run2") for _ in range(2)]  # a retry, or cron with the date of the day
    assert 0 not in codes
    assert first not in recipe.contents("big")


def test_a_displaced_path_that_is_too_long_ends_every_run(tmp_path: Path) -> None:
    folder = tmp_path / "pc"
    recipe = ObviousRecipe(tmp_path, folder)
    folder.mkdir()
    far = deep_folder(folder, bytes_below=3900 - len(os.fsencode(recipe.current)))
    try:
        for number, run in enumerate(("run1", "run2-" + "x" * 200, "run3-" + "x" * 200)):
            (folder / "zz").mkdir(exist_ok=True)
            (folder / "zz" / "later").write_bytes(b"%d" % number)
            with open(os.open("far", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, dir_fd=far), "wb") as file:
                file.write(b"x" * number)
            assert recipe.run(run) == (11 if number else 0)
    finally:
        os.close(far)
    assert recipe.contents("later") == [b"0"], "one path keeps all that follows out"


def deep_folder(root: Path, *, bytes_below: int) -> int:
    """Make folders with paths of about that many bytes below the root; the last one, opened."""
    name = "d" * 20
    handle = os.open(root, os.O_RDONLY)
    for _ in range(bytes_below // (len(name) + 1)):
        os.mkdir(name, dir_fd=handle)
        above, handle = handle, os.open(name, os.O_RDONLY, dir_fd=handle)
        os.close(above)
    return handle
