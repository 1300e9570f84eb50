"""The demonstration's own judge: it sees every kind of difference, and its edits are what they say."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.demo_parts.trees import change_tree, copy_tree, differences, set_aside
from tests.support.trees import RealTree, assert_same_tree

Spoil = Callable[[RealTree], None]


@pytest.fixture
def tree(tmp_path: Path) -> RealTree:
    made = RealTree.at(tmp_path / "tree")
    for number in range(30):
        made.write(b"f%d/file-\xff" % number, b"content %d" % number)
    made.mkdir(b"empty")
    made.symlink(b"link", b"target")
    return made


def test_a_copy_is_the_same_and_an_aside_too(tree: RealTree, tmp_path: Path) -> None:
    done = copy_tree(tmp_path / "tree", tmp_path / "copy")
    assert (done.files, done.links, done.folders, done.cut) == (30, 1, 32, False)
    assert_same_tree(tmp_path / "tree", tmp_path / "copy")
    set_aside(tmp_path / "copy", tmp_path / "aside")
    assert differences(tmp_path / "tree", tmp_path / "aside") == (63, [])


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (lambda tree: tree.delete(b"f1/file-\xff"), "missing"),
        (lambda tree: tree.delete(b"empty"), "missing"),
        (lambda tree: tree.write(b"f1/more", b""), "too many"),
        (lambda tree: tree.write(b"f1/file-\xff", b"CONTENT 1"), "content"),
        (lambda tree: tree.chmod(b"f1/file-\xff", 0o600), "mode"),
        (lambda tree: tree.touch(b"f1/file-\xff", 1), "mtime_ns"),
        (lambda tree: tree.touch(b"f1/file-\xff", 1_700_000_000_123_456_788), "mtime_ns"),
        (lambda tree: tree.touch(b"empty", 1), "mtime_ns"),
        (lambda tree: tree.touch(b"link", 1), "mtime_ns"),
        (lambda tree: tree.symlink(b"link", b"other"), "content"),
        (lambda tree: tree.write(b"link", b"target"), "kind"),
        (lambda tree: tree.chmod(b".", 0o700), "mode"),
    ],
)
def test_every_kind_of_difference_is_seen(tree: RealTree, tmp_path: Path, spoil: Spoil, word: str) -> None:
    set_aside(tmp_path / "tree", tmp_path / "aside")
    spoil(tree)
    _compared, lines = differences(tmp_path / "aside", tmp_path / "tree")
    assert any(line.startswith(word) for line in lines), lines


def test_the_edits_change_what_they_say(tree: RealTree, tmp_path: Path) -> None:
    set_aside(tmp_path / "tree", tmp_path / "aside")
    changes = change_tree(tmp_path / "tree")
    verbs = {change.verb for change in changes}
    assert verbs == {"edited", "rewritten", "mode set", "renamed", "deleted", "added"}
    [rewritten] = [change.path for change in changes if change.verb == "rewritten"]
    before = os.lstat(os.path.join(os.fsencode(tmp_path / "aside"), rewritten))
    after = os.lstat(os.path.join(os.fsencode(tmp_path / "tree"), rewritten))
    assert (before.st_size, before.st_mtime_ns // 10**9) == (after.st_size, after.st_mtime_ns // 10**9)
    assert before.st_mtime_ns != after.st_mtime_ns
    compared, lines = differences(tmp_path / "aside", tmp_path / "tree")
    assert lines
    assert compared == 63


def test_a_tree_that_is_too_large_is_cut_and_says_so(
    tree: RealTree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scripts.demo_parts.trees.MOST_FILES", 10)
    done = copy_tree(tmp_path / "tree", tmp_path / "copy")
    assert (done.files, done.cut) == (10, True)
