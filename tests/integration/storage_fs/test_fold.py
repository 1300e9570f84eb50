"""Fold: what an attempt displaced gets into the increment, oldest entry first, never outside the store."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from bck_adapters.storage_fs import FsStorage
from bckcore.errors import BckError, StorageError
from tests.support.storage_fs import (
    REF,
    SOURCE,
    Link,
    Tree,
    cut_everywhere,
    folders,
    found,
    increment,
    new_store,
    plant,
    poured,
    run_id,
)

RUN = run_id(1)
HISTORY = increment(Path("store"), RUN)


def folded(folder: Path, *attempts: Tree) -> dict[bytes, bytes | Link]:
    """Displace each tree in an attempt of its own, fold it, and read the increment."""
    storage = new_store(folder)
    for tree in attempts:
        attempt = storage.begin_attempt(REF, RUN, SOURCE)
        plant(attempt.displaced_dir, tree)
        storage.fold(attempt)
    assert not os.listdir(folder / "store" / ".work" / "a")
    return found(folder / HISTORY)


def test_entries_of_different_attempts_stand_together(tmp_path):
    assert folded(tmp_path, {b"a": b"1", b"d/x": b"2"}, {b"d/y": b"3", b"e/f/g": b"4"}) == {
        b"a": b"1",
        b"d/x": b"2",
        b"d/y": b"3",
        b"e/f/g": b"4",
    }


def test_what_nothing_took_the_place_of_goes_back_when_the_attempt_was_cut(tmp_path):
    storage = new_store(tmp_path)
    attempt = storage.begin_attempt(REF, RUN, SOURCE)
    plant(attempt.displaced_dir, {b"a": b"moved", b"d/x": b"moved", b"e/x": b"moved", b"f/x": b"moved"})
    plant(attempt.destination, {b"b": b"other", b"d/y": b"other", b"e": b"was a folder"})
    report = storage.fold(attempt, gives_back=True)
    assert (report.given_back, report.moved) == (2, 2)
    assert found(tmp_path / HISTORY) == {b"e/x": b"moved", b"f/x": b"moved"}
    assert found(attempt.destination) == {
        b"a": b"moved", b"b": b"other", b"d/x": b"moved", b"d/y": b"other", b"e": b"was a folder",
    }  # fmt: skip


def test_the_oldest_entry_of_a_path_wins(tmp_path):
    assert folded(tmp_path, {b"a": b"good"}, {b"a": b"stump"}, {b"a": b"later"}) == {b"a": b"good"}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({b"a": b"file"}, {b"a/b/c": b"below", b"a/d": b"below", b"z": b"other"}),
        ({b"a/b/c": b"below"}, {b"a": b"file", b"z": b"other"}),
        ({b"a/b/c": b"below"}, {b"a/b": b"file", b"a/z": b"other"}),
        ({b"a": Link(b"/nowhere")}, {b"a/b": b"below"}),
        ({b"a/b": b"below"}, {b"a": Link(b"/nowhere")}),
    ],
)
def test_the_oldest_wins_whole_where_types_conflict(tmp_path, first, second):
    assert folded(tmp_path, first, second) == poured(first, second)


def test_counts_tell_what_was_moved_and_freed(tmp_path):
    storage = new_store(tmp_path)
    for tree, counts in (
        ({b"a": b"1", b"b/c": b"2"}, (2, 0)),
        ({b"a": b"3", b"b": b"4", b"n": b"5"}, (1, 2)),
    ):
        attempt = storage.begin_attempt(REF, RUN, SOURCE)
        plant(attempt.displaced_dir, tree)
        report = storage.fold(attempt)
        assert (report.moved, report.freed) == counts


def test_empty_displaced_folders_vanish(tmp_path):
    storage = new_store(tmp_path)
    attempt = storage.begin_attempt(REF, RUN, SOURCE)
    (attempt.displaced_dir / "a" / "b").mkdir(parents=True)
    storage.fold(attempt)
    assert not os.listdir(tmp_path / "store" / ".history")


def test_an_empty_folder_left_by_a_cut_does_not_beat_a_file(tmp_path):
    storage = new_store(tmp_path)
    (tmp_path / HISTORY / "a" / "b").mkdir(parents=True)
    attempt = storage.begin_attempt(REF, RUN, SOURCE)
    plant(attempt.displaced_dir, {b"a": b"needed"})
    storage.fold(attempt)
    assert found(tmp_path / HISTORY) == {b"a": b"needed"}


def test_an_entry_that_is_still_the_file_in_current_is_dropped(tmp_path):
    storage = new_store(tmp_path)
    attempt = storage.begin_attempt(REF, RUN, SOURCE)
    plant(attempt.destination, {b"d/same": b"1", b"d/other": b"2"})
    (attempt.displaced_dir / "d").mkdir()
    for mine, theirs in (("same", "same"), ("elsewhere", "other")):
        os.link(attempt.destination / "d" / theirs, attempt.displaced_dir / "d" / mine)
    storage.fold(attempt)
    assert found(tmp_path / HISTORY) == {b"d/elsewhere": b"2"}
    assert found(attempt.destination) == {b"d/same": b"1", b"d/other": b"2"}


def test_folders_without_rights_are_folded(tmp_path):
    storage = new_store(tmp_path)
    for name in (b"r/s/x", b"r/s/y"):
        attempt = storage.begin_attempt(REF, RUN, SOURCE)
        plant(attempt.displaced_dir, {name: name})
        (attempt.displaced_dir / "r" / "s").chmod(0o000)
        (attempt.displaced_dir / "r").chmod(0o555)
        storage.fold(attempt)
    assert found(tmp_path / HISTORY) == {b"r/s/x": b"r/s/x", b"r/s/y": b"r/s/y"}


def test_keep_displaced_leaves_the_work_folder_and_fold_ends_the_attempt(tmp_path):
    storage = new_store(tmp_path)
    attempt = storage.begin_attempt(REF, RUN, SOURCE)
    plant(attempt.displaced_dir, {b"a": b"1"})
    plant(attempt.work_dir, {b"log": b"lines"})
    assert storage.keep_displaced(attempt).moved == 1
    assert found(attempt.work_dir) == {b"log": b"lines"}
    assert storage.unfolded(REF) == [attempt]
    assert storage.fold(attempt).moved == 0
    assert storage.unfolded(REF) == []
    assert storage.fold(attempt).moved == 0
    assert found(tmp_path / HISTORY) == {b"a": b"1"}


# --- attacks ----------------------------------------------------------------------------------------


def naive_fold(displaced: Path, history: Path) -> None:
    """The obvious fold: names joined to paths."""
    for folder, below, names in os.walk(displaced):
        goal = history / Path(folder).relative_to(displaced)
        goal.mkdir(parents=True, exist_ok=True)
        for name in [*names, *(name for name in below if (Path(folder) / name).is_symlink())]:
            if not os.path.lexists(goal / name):
                os.rename(Path(folder) / name, goal / name)


def house_fold(displaced: Path, history: Path) -> None:
    storage = FsStorage(history.parents[4])
    attempt = storage.begin_attempt(REF, RUN, SOURCE)
    attempt.displaced_dir.rmdir()
    displaced.rename(attempt.displaced_dir)
    storage.fold(attempt)


def link_then_file(folder: Path, fold: Callable[[Path, Path], None]) -> Path:
    """Displace a link in one attempt, a file below it in the next; return the link's target."""
    new_store(folder)
    outside = folder / "outside"
    outside.mkdir()
    trees: list[Tree] = [{b"a": Link(bytes(outside))}, {b"a/authorized_keys": b"evil"}]
    for number, tree in enumerate(trees):
        displaced = folder / f"displaced{number}"
        plant(displaced, tree)
        fold(displaced, folder / HISTORY)
    return outside


def test_the_link_then_file_attack_works_on_the_obvious_fold(tmp_path):
    assert found(link_then_file(tmp_path, naive_fold)) == {b"authorized_keys": b"evil"}


def test_a_link_in_history_never_leads_outside(tmp_path):
    outside = link_then_file(tmp_path, house_fold)
    assert found(outside) == {}
    assert found(tmp_path / HISTORY) == {b"a": Link(bytes(outside))}


def test_a_link_in_the_attempt_is_moved_not_followed(tmp_path):
    outside = tmp_path / "outside"
    plant(outside, {b"precious": b"1"})
    tree = {b"d/l": Link(bytes(outside)), b"d/m": Link(bytes(outside / "precious"))}
    assert folded(tmp_path, tree) == tree
    assert folded(tmp_path, {b"d/l/precious": b"2", b"d/m": b"3"}) == tree
    assert found(outside) == {b"precious": b"1"}


@pytest.mark.parametrize("place", ["", "d", "w", "t"])
def test_a_link_in_place_of_an_attempt_folder_is_not_followed(tmp_path, place):
    storage = new_store(tmp_path)
    outside = tmp_path / "outside"
    plant(outside, {b"precious": b"1", b"d/precious": b"2"})
    attempt = storage.begin_attempt(REF, RUN, SOURCE)
    victim = attempt.work_dir.parent / place
    victim.rename(tmp_path / "moved")
    victim.symlink_to(outside)
    with suppress(BckError):  # whether it is refused or finds nothing, nothing outside may be touched
        storage.fold(attempt)
    assert found(outside) == {b"precious": b"1", b"d/precious": b"2"}
    assert found(tmp_path / HISTORY) == {}


def test_a_link_in_place_of_a_store_folder_is_refused(tmp_path):
    storage = new_store(tmp_path)
    attempt = storage.begin_attempt(REF, RUN, SOURCE)
    plant(attempt.displaced_dir, {b"a": b"1"})
    outside = tmp_path / "outside"
    (outside / REF.host / REF.profile).mkdir(parents=True)
    (tmp_path / "store" / ".history" / RUN).symlink_to(outside)
    with pytest.raises(StorageError):
        storage.fold(attempt)
    assert found(outside) == {}
    assert found(attempt.displaced_dir) == {b"a": b"1"}


# --- cuts -------------------------------------------------------------------------------------------

FIRST: Tree = {b"file": b"1", b"dir/x": b"1", b"dir/deep/y": b"1", b"link": Link(b"/nowhere"), b"both": b"1"}
SECOND: Tree = {
    b"file/below/p": b"2",
    b"file/q": b"2",
    b"dir/deep": b"2",
    b"dir/z": b"2",
    b"link/r": b"2",
    b"both": b"2",
    b"new/a/b": b"2",
    b"new/c": b"2",
}


def test_a_fold_cut_at_any_change_and_repeated_gives_the_uncut_result(tmp_path):
    places: list[Path] = []

    def scene() -> Callable[[], None]:
        places.append(tmp_path / str(len(places)))
        storage = new_store(places[-1])
        first = storage.begin_attempt(REF, RUN, SOURCE)
        plant(first.displaced_dir, FIRST)
        storage.fold(first)
        second = storage.begin_attempt(REF, RUN, SOURCE)
        plant(second.displaced_dir, SECOND)
        plant(second.work_dir, {b"log": b"1", b"more/log": b"2"})
        plant(second.destination, {b"kept/same": b"3"})
        (second.displaced_dir / "empty" / "er").mkdir(parents=True)
        (second.displaced_dir / "kept").mkdir()
        os.link(second.destination / "kept" / "same", second.displaced_dir / "kept" / "same")

        def recover() -> None:
            fresh = FsStorage(places[-1] / "store")
            for attempt in fresh.unfolded(REF):
                fresh.fold(attempt)
            fresh.prepare()

        return recover

    def check() -> None:
        assert found(places[-1] / HISTORY) == poured(FIRST, SECOND)
        assert folders(places[-1] / HISTORY) == {b"dir", b"dir/deep", b"new", b"new/a"}
        assert found(places[-1] / "store" / "current" / REF.host / REF.profile / SOURCE) == {
            b"kept/same": b"3"
        }
        assert folders(places[-1] / "store" / ".work" / "a") == set()
        shutil.rmtree(places[-1])

    assert cut_everywhere(scene, check) > 30


def test_an_attempt_cut_at_any_change_of_its_beginning_is_found_or_leaves_nothing(tmp_path):
    storage = new_store(tmp_path)

    def check() -> None:
        for attempt in storage.unfolded(REF):
            plant(attempt.displaced_dir, {b"a": b"1"})
            storage.fold(attempt)
        storage.prepare()
        assert folders(tmp_path / "store" / ".work" / "a") == set()

    assert cut_everywhere(lambda: lambda: _begin_and_forget(storage), check) > 5


def _begin_and_forget(storage: FsStorage) -> None:
    storage.begin_attempt(REF, RUN, SOURCE)


KILLED = """
import os
import signal
import sys
from pathlib import Path
from bck_adapters.storage_fs import FsStorage
from bckcore.errors import BckError, StorageError
from tests.support.storage_fs import REF

moves = 0
def kill(event, args):
    global moves
    if event == "os.rename":
        moves += 1
        if moves == 150:
            os.kill(os.getpid(), signal.SIGKILL)

storage = FsStorage(Path(sys.argv[1]))
sys.addaudithook(kill)
storage.fold(storage.unfolded(REF)[0])
"""


def test_a_fold_whose_process_is_killed_is_completed_by_the_next(tmp_path):
    storage = new_store(tmp_path)
    attempt = storage.begin_attempt(REF, RUN, SOURCE)
    tree = {b"%d/%d" % (number % 7, number): b"%d" % number for number in range(300)}
    plant(attempt.displaced_dir, tree)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, [Path(__file__).parents[3], *sys.path])),
    }
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path / "store")], env=environment, check=False, timeout=60
    )
    assert ended.returncode == -signal.SIGKILL
    assert 0 < len(found(tmp_path / HISTORY)) < 300
    (left,) = storage.unfolded(REF)
    assert left == attempt
    storage.fold(left)
    assert found(tmp_path / HISTORY) == tree
    assert storage.unfolded(REF) == []
