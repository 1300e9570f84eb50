"""Law: our reading of gitignore rules is git's own; and where pathspec is not, that is written down here."""

from __future__ import annotations

import os
import shutil
import subprocess
import warnings
from pathlib import Path

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from pathspec import GitIgnoreSpec

from bck_adapters.rsync.filters import GitIgnoreFilter
from bck_adapters.testkit.strategies import gitignore_rules
from bckcore.domain.paths import RelPath, parents
from bckcore.errors import InvalidInputError

NAMES = st.sampled_from(
    ("a", "b", "A", "ab", "aB", "a.b", "c d", "x", "[x]", "#", "!a", "a ", "é", "É", "-", "]")
)
"""Names of files and folders."""


@st.composite
def trees(draw: st.DrawFn) -> dict[str, bool]:
    """Paths to whether they are folders; every folder above a path is there."""
    found: dict[str, bool] = {}
    for parts in draw(st.lists(st.lists(NAMES, min_size=1, max_size=4), min_size=1, max_size=12)):
        for depth in range(1, len(parts)):
            found["/".join(parts[:depth])] = True
        found.setdefault("/".join(parts), draw(st.booleans()))
    return found


RULES = st.lists(gitignore_rules(), min_size=1, max_size=5)


def hidden(decide: GitIgnoreFilter, tree: dict[str, bool]) -> set[str]:
    return {
        path for path, folder in tree.items() if decide.excludes(RelPath(os.fsencode(path)), is_folder=folder)
    }


def made(rules: list[str], *, ignore_case: bool = False) -> GitIgnoreFilter:
    try:
        return GitIgnoreFilter(rules, ignore_case=ignore_case)
    except InvalidInputError:
        assume(False)
        raise AssertionError from None


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory, require_tool) -> Path:
    require_tool("git")
    folder = tmp_path_factory.mktemp("git") / "repository"
    folder.mkdir()
    git(folder, "init", "--quiet")
    return folder


def git(folder: Path, *words: str, said: bytes = b"", codes: tuple[int, ...] = (0,)) -> bytes:
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder.parent),
        "GIT_CONFIG_NOSYSTEM": "1",
        "LC_ALL": "C",
    }
    argv = ["git", "-c", "core.excludesFile=/dev/null", "-c", "core.precomposeUnicode=false", *words]
    done = subprocess.run(argv, cwd=folder, env=env, input=said, capture_output=True, check=False)
    assert done.returncode in codes, done.stderr
    return done.stdout


def ignored_by_git(
    repository: Path, rules: list[str], tree: dict[str, bool], *, ignore_case: bool
) -> set[str]:
    """What git would ignore of a tree that really stands there."""
    for entry in repository.iterdir():
        if entry.name != ".git":
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    for path, folder in sorted(tree.items()):
        place = repository / path
        if folder:
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.touch()
    info = repository / ".git" / "info"
    info.mkdir(exist_ok=True)
    (info / "exclude").write_text("".join(rule + "\n" for rule in rules), "utf-8")
    case = ["-c", f"core.ignorecase={str(ignore_case).lower()}"]
    asked = b"".join(os.fsencode(path) + b"\0" for path in tree)
    # 1: none of them is ignored.
    said = git(repository, *case, "check-ignore", "--stdin", "-z", "--no-index", said=asked, codes=(0, 1))
    return {os.fsdecode(path) for path in said.split(b"\0") if path}


@settings(max_examples=60)
@given(rules=RULES, tree=trees(), ignore_case=st.booleans())
@example(rules=["a/*", "!a/b"], tree={"a": True, "a/b": False, "a/x": False}, ignore_case=False)
@example(rules=["[a-c]B"], tree={"AB": False, "ab": True}, ignore_case=True)
@example(rules=["a//"], tree={"a": True}, ignore_case=False)
@example(rules=["a\\ ", "!x"], tree={"a ": False, "a": False}, ignore_case=False)
def test_git_and_we_hide_the_same(
    repository: Path, rules: list[str], tree: dict[str, bool], ignore_case: bool
) -> None:
    decide = made(rules, ignore_case=ignore_case)
    assert hidden(decide, tree) == ignored_by_git(repository, rules, tree, ignore_case=ignore_case)


@settings(max_examples=300)
@given(rules=RULES, tree=trees())
@example(rules=["[!-[]"], tree={"a": False})
def test_pathspec_hides_the_same_or_git_is_on_our_side(
    repository: Path, rules: list[str], tree: dict[str, bool]
) -> None:
    ours = hidden(made(rules), tree)
    if hidden_by_pathspec(rules, tree) != ours:
        assert ours == ignored_by_git(repository, rules, tree, ignore_case=False)


def hidden_by_pathspec(rules: list[str], tree: dict[str, bool]) -> set[str]:
    """What pathspec's reading of a .gitignore file hides, walking from the top folder down as git does."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # it hands '[[:alpha:]]' to re as it stands
        spec = GitIgnoreSpec.from_lines(rules)
    found: set[str] = set()
    for path in sorted(tree, key=lambda one: one.count("/")):
        above = {os.fsdecode(folder) for folder in parents(RelPath(os.fsencode(path)))}
        if above & found or spec.match_file(path + "/" if tree[path] else path):
            found.add(path)
    return found


@pytest.mark.parametrize(
    ("rules", "tree", "ours"),
    [
        # It knows no named classes.
        (["[[:alpha:]]"], {"a": False}, {"a"}),
        # It lets 'a/**' mean the folder itself, too.
        (["a/**"], {"a": True, "a/b": False}, {"a/b"}),
        # And a rule that hides what lies in a folder outweighs one that shows the folder.
        (["*", "!a*"], {"a": True}, set()),
    ],
)
def test_where_pathspec_differs_from_git(
    repository: Path, rules: list[str], tree: dict[str, bool], ours: set[str]
) -> None:
    assert hidden(made(rules), tree) == ours == ignored_by_git(repository, rules, tree, ignore_case=False)
    assert hidden_by_pathspec(rules, tree) != ours
