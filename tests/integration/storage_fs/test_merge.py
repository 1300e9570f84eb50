"""Merge and free: retention moves increments into newer ones, the older entry winning whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from bck_adapters.storage_fs import FsStorage
from tests.support.storage_fs import (
    REF,
    Link,
    Tree,
    cut_everywhere,
    found,
    increment,
    new_store,
    plant,
    poured,
    run_id,
)

OLDER, NEWER = run_id(1), run_id(2)


def planted(folder: Path, older: Tree, newer: Tree) -> FsStorage:
    storage = new_store(folder)
    for run, tree in ((OLDER, older), (NEWER, newer)):
        if tree:
            plant(increment(folder / "store", run), tree)
    return storage


def increments(folder: Path) -> dict[bytes, bytes | Link]:
    return found(folder / "store" / ".history")


def expected(run: str, tree: Tree) -> dict[bytes, bytes | Link]:
    return {b"%b/pc1/docs/home/%b" % (run.encode(), path): content for path, content in tree.items()}


CASES: list[tuple[Tree, Tree]] = [
    ({b"a": b"1", b"d/x": b"1"}, {b"a": b"2", b"d/x": b"2", b"d/y": b"2"}),
    ({b"a": b"file"}, {b"a/b/c": b"2", b"a/d": b"2", b"e": b"2"}),
    ({b"a/b/c": b"1"}, {b"a": b"file", b"e": b"2"}),
    ({b"a/b/c": b"1", b"a/x": b"1"}, {b"a/b": b"file", b"a/y": b"2"}),
    ({b"a": Link(b"/nowhere")}, {b"a/b": b"2"}),
    ({b"a/b": b"1"}, {b"a": Link(b"/nowhere")}),
    ({b"only/older": b"1"}, {}),
    ({}, {b"only/newer": b"2"}),
    ({}, {}),
]


@pytest.mark.parametrize(("older", "newer"), CASES)
def test_the_older_entry_wins_whole(tmp_path, older, newer):
    planted(tmp_path, older, newer).merge(REF, OLDER, NEWER)
    assert increments(tmp_path) == expected(NEWER, poured(older, newer))
    assert not (tmp_path / "store" / ".history" / OLDER).exists()


@pytest.mark.parametrize(("older", "newer"), CASES)
def test_a_merge_cut_at_any_change_and_repeated_gives_the_uncut_result(tmp_path, older, newer):
    places: list[Path] = []

    def scene() -> Callable[[], None]:
        places.append(tmp_path / str(len(places)))
        storage = planted(places[-1], older, newer)
        return lambda: storage.merge(REF, OLDER, NEWER)

    def check() -> None:
        assert increments(places[-1]) == expected(NEWER, poured(older, newer))
        shutil.rmtree(places[-1])

    cut_everywhere(scene, check)


def test_an_empty_folder_of_the_older_increment_frees_nothing(tmp_path):
    storage = planted(tmp_path, {b"x": b"1"}, {b"a": b"needed"})
    (increment(tmp_path / "store", OLDER) / "a" / "b").mkdir(parents=True)
    storage.merge(REF, OLDER, NEWER)
    assert increments(tmp_path) == expected(NEWER, {b"x": b"1", b"a": b"needed"})


def test_folders_without_rights_are_merged_and_freed(tmp_path):
    storage = planted(tmp_path, {b"r/s/x": b"1", b"n/o/z": b"1"}, {b"r/s/y": b"2"})
    for run in (OLDER, NEWER):
        (increment(tmp_path / "store", run) / "r" / "s").chmod(0o000)
        (increment(tmp_path / "store", run) / "r").chmod(0o555)
    (increment(tmp_path / "store", OLDER) / "n").chmod(0o555)
    storage.merge(REF, OLDER, NEWER)
    assert increments(tmp_path) == expected(NEWER, {b"r/s/x": b"1", b"r/s/y": b"2", b"n/o/z": b"1"})
    (increment(tmp_path / "store", NEWER) / "r").chmod(0o000)
    storage.free(REF, NEWER)
    assert not os.listdir(tmp_path / "store" / ".history")


def test_merging_and_freeing_leave_other_profiles_alone(tmp_path):
    storage = planted(tmp_path, {b"a": b"1"}, {b"a": b"2"})
    other = {b"pc1/other/home/a": b"3", b"pc2/docs/home/a": b"4"}
    for run in (OLDER, NEWER):
        plant(tmp_path / "store" / ".history" / run, other)
    storage.merge(REF, OLDER, NEWER)
    storage.free(REF, NEWER)
    for run in (OLDER, NEWER):
        assert found(tmp_path / "store" / ".history" / run) == other


def test_a_link_in_an_increment_never_leads_a_merge_or_free_outside(tmp_path):
    outside = tmp_path / "outside"
    plant(outside, {b"b": b"precious", b"c/d": b"precious"})
    link = Link(bytes(outside))
    storage = planted(
        tmp_path, {b"a/b": b"1", b"l": link, b"m/c": b"1"}, {b"a": link, b"l/b": b"2", b"m/c": link}
    )
    storage.merge(REF, OLDER, NEWER)
    assert increments(tmp_path) == expected(NEWER, {b"a/b": b"1", b"l": link, b"m/c": b"1"})
    storage.free(REF, NEWER)
    assert found(outside) == {b"b": b"precious", b"c/d": b"precious"}


def test_free_is_safe_to_repeat_and_to_cut(tmp_path):
    places: list[Path] = []

    def scene() -> Callable[[], None]:
        places.append(tmp_path / str(len(places)))
        storage = planted(places[-1], {b"a": b"1", b"d/e/f": b"1", b"d/g": b"1"}, {b"z": b"2"})
        return lambda: storage.free(REF, OLDER)

    def check() -> None:
        assert increments(places[-1]) == expected(NEWER, {b"z": b"2"})
        FsStorage(places[-1] / "store").free(REF, OLDER)
        shutil.rmtree(places[-1])

    assert cut_everywhere(scene, check) > 5
