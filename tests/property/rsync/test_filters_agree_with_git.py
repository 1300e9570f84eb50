"""Law: our reading of gitignore rules is git's own; and where pathspec is not, that is written down here."""

from __future__ import annotations

import os
import shutil
import subprocess
import warnings
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from pathspec import GitIgnoreSpec
from pathspec.patterns.gitignore import GitIgnorePatternError

from bck_adapters.rsync.filters import GitIgnoreFilter
from bck_adapters.testkit.strategies import gitignore_rules
from bckcore.domain.gather import Gathered
from bckcore.domain.paths import RelPath, parents
from bckcore.errors import InvalidInputError
from bckcore.services.host_rules import HostRules, host_rules
from tests.support.patience import patient

NOTHING: Mapping[str, str] = {}
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
    repository: Path,
    rules: list[str],
    tree: dict[str, bool],
    *,
    ignore_case: bool,
    nested: Mapping[str, str] = NOTHING,
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
    for within, lines in nested.items():
        (repository / within / ".gitignore").write_text(lines, "utf-8")
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


@st.composite
def nested(draw: st.DrawFn) -> tuple[dict[str, bool], dict[str, list[str]]]:
    """A tree, and rules in some of its folders; the root is called ''."""
    tree = _spelled_once(draw(trees()))
    folders = ["", *sorted(path for path, folder in tree.items() if folder)]
    chosen = draw(st.lists(st.sampled_from(folders), min_size=1, max_size=3, unique=True))
    return tree, {folder: draw(st.lists(gitignore_rules(), max_size=4)) for folder in chosen}


def _spelled_once(tree: dict[str, bool]) -> dict[str, bool]:
    """Without what is another spelling of the same folder to a PC that takes either case."""
    spelled: dict[str, str] = {}
    kept: dict[str, bool] = {}
    for path in sorted(tree, key=lambda one: one.count("/")):
        above = path.rpartition("/")[0]
        if spelled.setdefault(path.lower(), path) == path and (not above or above in kept):
            kept[path] = tree[path]
    return kept


Case = tuple[dict[str, bool], dict[str, list[str]]]


@settings(max_examples=500 if patient() else 20)
@given(cases=st.lists(nested(), min_size=1, max_size=12), ignore_case=st.booleans())
@example(cases=[({"a": True, "a/b": False}, {"a": ["/"]})], ignore_case=False)
@example(cases=[({"a": True, "a/b": True}, {"": ["a/*"], "a": ["!"]})], ignore_case=False)
def test_git_and_we_hide_the_same_by_files_in_folders(
    repository: Path, cases: list[Case], ignore_case: bool
) -> None:
    """Each case has a folder of its own, so that git is asked once for all."""
    ours: set[str] = set()
    whole: dict[str, bool] = {}
    said: dict[str, str] = {}
    for number, (tree, rules) in enumerate(cases):
        lines = {folder: "".join(f"{rule}\n" for rule in ones) for folder, ones in rules.items()}
        found = _found_on_host(lines)
        if found.problem_count:
            continue  # what we do not understand is said, and hides nothing
        top = f"case{number}"
        hides = hidden(GitIgnoreFilter(found.rules, ignore_case=ignore_case), tree)
        ours |= {f"{top}/{path}" for path in hides}
        whole |= {top: True, **{f"{top}/{path}": folder for path, folder in tree.items()}}
        said |= {f"{top}/{folder}": text for folder, text in lines.items()}
    assert ours == ignored_by_git(repository, [], whole, ignore_case=ignore_case, nested=said)


def _found_on_host(lines: dict[str, str]) -> HostRules:
    files = [(f"{folder}/.bckignore".lstrip("/"), text.encode()) for folder, text in lines.items()]
    return host_rules(
        Gathered(files=tuple((RelPath(os.fsencode(path)), text) for path, text in files)),
        lambda rule: GitIgnoreFilter((rule,)),
    )


@settings(max_examples=300)
@given(rules=RULES, tree=trees())
@example(rules=["[!-[]"], tree={"a": False})
def test_pathspec_hides_the_same_or_git_is_on_our_side(
    repository: Path, rules: list[str], tree: dict[str, bool]
) -> None:
    ours = hidden(made(rules), tree)
    if hidden_by_pathspec(rules, tree) != ours:
        assert ours == ignored_by_git(repository, rules, tree, ignore_case=False)


def hidden_by_pathspec(rules: list[str], tree: dict[str, bool]) -> set[str] | None:
    """What pathspec's reading of a .gitignore file hides, walking from the top folder down as git does; None
    for rules that it refuses."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # it hands '[[:alpha:]]' to re as it stands
        try:
            spec = GitIgnoreSpec.from_lines(rules)
        except GitIgnorePatternError:
            return None
    found: set[str] = set()
    for path in sorted(tree, key=lambda one: one.count("/")):
        above = {os.fsdecode(folder) for folder in parents(RelPath(os.fsencode(path)))}
        if above & found or spec.match_file(path + "/" if tree[path] else path):
            found.add(path)
    return found


def test_where_git_differs_from_its_own_words(repository: Path) -> None:
    """Stars beside other characters are ordinary ones, its manual says; after plain text they are not."""
    tree = {"b": True, "b/x": True, "b/x/y": True, "b/x/y/c": False, "b/c": False}
    assert hidden(made(["b**/c"]), tree) == {"b/c"}
    assert ignored_by_git(repository, ["[b]**/c"], tree, ignore_case=False) == {"b/c"}
    assert ignored_by_git(repository, ["b**/c"], tree, ignore_case=False) == {"b/c", "b/x/y/c"}


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
