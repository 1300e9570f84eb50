"""Descent: a place reached by handles; few stay open and going up never goes astray."""

from __future__ import annotations

import os

import pytest

from bck_adapters.storage_fs.handles import Descent, remove_if_hollow, remove_tree
from bckcore.errors import StorageError


def descent(path):
    return Descent(os.open(path, os.O_RDONLY))


def inode(fd):
    return os.fstat(fd).st_ino


def test_going_down_and_up_again_comes_to_the_same_folders(tmp_path):
    names = [b"%d" % number for number in range(3 * Descent.KEPT)]
    os.makedirs(os.path.join(bytes(tmp_path), *names))
    with descent(tmp_path) as place:
        way = [inode(place.fd)]
        for name in names:
            place.enter(name)
            way.append(inode(place.fd))
        assert place.depth == len(names)
        for name in reversed(names):
            assert inode(place.fd) == way.pop()
            assert place.leave() == name
        assert inode(place.fd) == way.pop()


def test_few_handles_stay_open_however_deep(tmp_path):
    names = [b"d"] * 100
    os.makedirs(os.path.join(bytes(tmp_path), *names))
    before = len(os.listdir("/proc/self/fd"))
    with descent(tmp_path) as place:
        place.goto(names)
        assert len(os.listdir("/proc/self/fd")) - before <= Descent.KEPT + 1
    assert len(os.listdir("/proc/self/fd")) == before


def test_goto_takes_the_shortest_way_and_reach_tells_what_is_missing(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "c").mkdir()
    (tmp_path / "f").touch()
    (tmp_path / "l").symlink_to("a")
    with descent(tmp_path) as place:
        for names, there in (
            (["a", "b"], True),
            (["a", "c"], True),
            (["a", "x", "y"], False),
            (["f"], False),
            (["l", "b"], False),
            (["n" * 300], False),
            ([], True),
        ):
            assert place.reach([name.encode() for name in names]) is there
            if there:
                assert inode(place.fd) == (tmp_path.joinpath(*names)).stat().st_ino


def test_a_folder_moved_meanwhile_is_noticed(tmp_path):
    names = [b"d"] * (Descent.KEPT + 2)
    os.makedirs(os.path.join(bytes(tmp_path), *names))
    with descent(tmp_path) as place:
        place.goto(names)
        (tmp_path / "d" / "d").rename(tmp_path / "moved")
        with pytest.raises(StorageError):
            place.goto([])


def test_remove_tree_counts_files_and_may_be_repeated(tmp_path):
    (tmp_path / "t" / "a" / "b").mkdir(parents=True)
    (tmp_path / "t" / "f").touch()
    (tmp_path / "t" / "a" / "b" / "g").touch()
    (tmp_path / "t" / "l").symlink_to(tmp_path)
    fd = os.open(tmp_path, os.O_RDONLY)
    assert remove_tree(fd, b"t") == 3
    assert remove_tree(fd, b"t") == 0
    os.close(fd)
    assert os.listdir(tmp_path) == []


def test_only_hollow_folders_are_removed(tmp_path):
    (tmp_path / "hollow" / "a" / "b").mkdir(parents=True)
    (tmp_path / "full" / "a" / "b").mkdir(parents=True)
    (tmp_path / "full" / "z").mkdir()
    (tmp_path / "full" / "a" / "b" / "f").touch()
    fd = os.open(tmp_path, os.O_RDONLY)
    assert remove_if_hollow(fd, b"hollow")
    assert not remove_if_hollow(fd, b"full")
    os.close(fd)
    assert os.listdir(tmp_path) == ["full"]
    assert (tmp_path / "full" / "a" / "b" / "f").exists()
