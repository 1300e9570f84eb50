"""Law: what our reading of gitignore rules hides is exactly what rsync hides under their translation."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bck_adapters.rsync.argv import environment
from bck_adapters.rsync.filters import GitIgnoreFilter, rsync_rules
from bck_adapters.rsync.listing import unescaped
from bck_adapters.testkit.strategies import gitignore_rules
from bckcore.domain.paths import RelPath
from bckcore.errors import InvalidInputError
from tests.support.patience import examples

NAMES = (b"a", b"b", b"ab", b"a.b", b"c d", "é".encode(), b"[x]", b"x\ny", b"a\\b", b"*", b"-", b"A")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory, require_tool) -> tuple[Path, dict[bytes, bool]]:
    """A folder three levels deep in which every name is now a file and now a folder; path to is-folder."""
    require_tool("rsync")
    root = tmp_path_factory.mktemp("filtered")
    found: dict[bytes, bool] = {}
    _fill(os.fsencode(root), b"", 0, found)
    return root, found


def _fill(root: bytes, prefix: bytes, depth: int, found: dict[bytes, bool]) -> None:
    for number, name in enumerate(NAMES):
        path = prefix + name
        found[path] = depth < 2 and (number + depth) % 2 == 0
        if found[path]:
            os.mkdir(root + b"/" + path)
            _fill(root, path + b"/", depth + 1, found)
        else:
            os.close(os.open(root + b"/" + path, os.O_CREAT | os.O_WRONLY))


@settings(max_examples=examples(3))
@given(rules=st.lists(gitignore_rules(), min_size=1, max_size=4), ignore_case=st.booleans())
def test_rsync_and_we_hide_the_same(
    tree: tuple[Path, dict[bytes, bool]], rules: list[str], ignore_case: bool
) -> None:
    root, kinds = tree
    try:
        decide = GitIgnoreFilter(rules, ignore_case=ignore_case)
    except InvalidInputError:
        with pytest.raises(InvalidInputError):
            rsync_rules(rules)
        return
    shown = {path for path, folder in kinds.items() if not decide.excludes(RelPath(path), is_folder=folder)}
    assert _sent(root, rsync_rules(rules, ignore_case=ignore_case)) == shown


def _sent(root: Path, rules: list[bytes]) -> set[bytes]:
    """What rsync would send of ``root`` under those rules."""
    argv = [b"rsync", b"-a", b"-n", b"--out-format=%n", *(b"--filter=" + rule for rule in rules)]
    done = subprocess.run(
        [*argv, os.fsencode(root) + b"/", b"/nonexistent/"],
        capture_output=True,
        check=True,
        env=dict(environment(os.environ["PATH"])),
    )
    lines = done.stdout.splitlines()
    names = {unescaped(line).removesuffix(b"/") for line in lines}
    return {name for name in names if not name.startswith((b"created directory", b"."))} - {b""}
