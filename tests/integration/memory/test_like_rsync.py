"""The memory transport leaves behind exactly what the rsync program leaves behind."""

import os
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bck_adapters.memory.transport import MemoryTree
from bckcore.domain.file_version import EntryKind
from bckcore.domain.paths import components
from tests.support.memory_pull import PullBench, stored
from tests.support.patience import examples

SECOND = 1_700_000_000_000_000_000
TIMES = st.integers(0, 3).map(lambda number: SECOND + number * 400_000_000)
NAMES = st.sampled_from([b"a", b"b", b"a/x", b"a/y", b"a/x/deep", b"b/\xff \n", b"c"])
CONTENTS = st.sampled_from([b"", b"1", b"2", b"22"])
EDITS = st.one_of(
    st.tuples(st.just("write"), NAMES, CONTENTS, TIMES, st.sampled_from([0o644, 0o4755])),
    st.tuples(st.just("mkdir"), NAMES, TIMES, st.sampled_from([0o755, 0o555, 0o2700])),
    st.tuples(st.just("symlink"), NAMES, st.sampled_from([b"a", b"/else where"]), TIMES),
    st.tuples(st.just("fifo"), NAMES, TIMES),
    st.tuples(st.just("delete"), NAMES),
    st.tuples(st.just("again"), st.integers(0, 3), CONTENTS, TIMES),
    st.tuples(st.just("again"), st.integers(0, 3), CONTENTS, TIMES),
)


@pytest.fixture(scope="module")
def rsync(require_tool):
    return require_tool("rsync")


def _edited(tree: MemoryTree, edits) -> None:
    for verb, *arguments in edits:
        if verb == "again":
            _written_again(tree, *arguments)
        else:
            getattr(tree, verb)(*arguments)
    for path in tree.nodes:
        tree.chown(path, os.getuid(), os.getgid())


def _written_again(tree: MemoryTree, number: int, data: bytes, mtime_ns: int) -> None:
    """New bytes for a file that is there: what a quick look may miss."""
    files = [path for path, node in tree.nodes.items() if node.kind is EntryKind.FILE]
    for path in files[number : number + 1]:
        tree.write(path, data, mtime_ns, tree.nodes[path].mode)


def _on_disk(tree: MemoryTree, folder: Path) -> None:
    """The tree as real files; folders get their modes and times last, from the leaves up."""
    by_depth = sorted(tree.nodes, key=components)
    for path in by_depth:
        node, place = tree.nodes[path], os.path.join(os.fsencode(folder), *components(path))
        if node.kind is EntryKind.FOLDER:
            os.mkdir(place)
        elif node.kind is EntryKind.LINK:
            os.symlink(node.data, place)
        elif node.kind is EntryKind.FIFO:
            os.mkfifo(place)
        else:
            Path(os.fsdecode(place)).write_bytes(node.data)
    for path in reversed(by_depth):
        node, place = tree.nodes[path], os.path.join(os.fsencode(folder), *components(path))
        if node.kind is not EntryKind.LINK:
            os.chmod(place, node.mode)
        os.utime(place, ns=(node.mtime_ns, node.mtime_ns), follow_symlinks=False)


def _removed(folder: Path) -> None:
    for inner, _, _ in os.walk(folder):
        os.chmod(inner, 0o700)
    shutil.rmtree(folder)


def _pulled_by_rsync(rsync, tree: MemoryTree, root: Path, number: int) -> Path:
    displaced, source = root / f"displaced{number}", root / "source"
    displaced.mkdir(parents=True)
    _on_disk(tree, source)
    options = ["-a", "--numeric-ids", "--fake-super", "--force", "--modify-window=-1", "--backup"]
    places = [f"--backup-dir={displaced}", f"--partial-dir={root}/partial"]
    subprocess.run([rsync, *options, *places, f"{source}/", f"{root}/current/"], check=True)
    _removed(source)
    return displaced


def _files(root: Path):
    return {path: found for path, found in stored(root).items() if found[0].kind is not EntryKind.FOLDER}


@settings(max_examples=examples(5))
@given(turns=st.lists(st.lists(EDITS, min_size=1, max_size=6), min_size=1, max_size=4))
@example(turns=[[("write", b"a", b"1", SECOND, 0o644)], [("write", b"a", b"2", SECOND + 1, 0o644)]])
@example(
    turns=[
        [("write", b"a/x/deep", b"1", SECOND, 0o644), ("mkdir", b"a/y", SECOND, 0o755)],
        [("write", b"a", b"2", SECOND, 0o644)],
        [("symlink", b"a", b"b", SECOND)],
        [("symlink", b"a", b"c", SECOND), ("mkdir", b"b", SECOND, 0o2555)],
        [("write", b"a/x", b"1", SECOND, 0o4755), ("fifo", b"b", SECOND)],
    ]
)
def test_any_life_of_a_tree_leaves_the_same_files_in_current_and_aside(rsync, turns):
    with TemporaryDirectory() as folder:
        bench, real = PullBench(Path(folder) / "m"), Path(folder) / "r"
        (real / "current").mkdir(parents=True)
        for number, edits in enumerate(turns):
            _edited(bench.tree, edits)
            bench.pull()
            displaced = _pulled_by_rsync(rsync, bench.tree, real, number)
            assert stored(bench.current) == stored(real / "current")
            assert _files(bench.displaced) == _files(displaced)
            assert stored(bench.displaced).keys() == stored(displaced).keys()
