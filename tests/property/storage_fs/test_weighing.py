"""What a prune is said to give back is what it gives back, measured on the disk before and after."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bck_adapters.storage_fs import FsStorage
from tests.support.places import quick_folder
from tests.support.storage_fs import REF, Content, Link, Tree, conflicts, increment, new_store, plant, run_id

NAMES = [b"a", b"b", b"a/x", b"a/y", b"a/x/p", b"a/x/q", b"b/x", b"b/x/p", b"c", b"d/d/d/d"]
contents = st.one_of(
    st.just(b""), st.binary(min_size=1, max_size=9), st.just(b"x" * 9000), st.just(Link(b"a"))
)


@pytest.fixture
def quick_dir(tmp_path: Path) -> Iterator[Path]:
    yield from quick_folder(tmp_path)


@st.composite
def trees(draw: st.DrawFn) -> tuple[dict[bytes, Content], list[bytes]]:
    """Files, and folders that hold none."""
    tree: dict[bytes, Content] = {}
    for path in draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=6)):
        if not any(conflicts(path, other) for other in tree):
            tree[path] = draw(contents)
    hollow = draw(st.lists(st.sampled_from(NAMES), max_size=3))
    return tree, [path for path in hollow if not any(conflicts(path, other) for other in tree)]


steps = st.lists(st.tuples(st.integers(1, 5), st.none() | st.integers(1, 5)), max_size=6)
histories = st.lists(trees(), min_size=1, max_size=5)
twins = st.lists(st.tuples(st.integers(1, 5), st.integers(0, 5), st.sampled_from(NAMES)), max_size=4)


def planted(
    folder: Path,
    history: Sequence[tuple[Tree, list[bytes]]],
    pairs: Sequence[tuple[int, int, bytes]],
) -> FsStorage:
    """Increments from 1 on; a pair gives a file of one a second name, in another one or in ``current``."""
    storage = new_store(folder)
    for number, (tree, hollow) in enumerate(history, start=1):
        top = increment(folder / "store", run_id(number))
        if tree or hollow:
            plant(top, tree)
        for path in hollow:
            os.makedirs(os.fsencode(top) + b"/" + path, exist_ok=True)
    for one, other, path in pairs:
        origin = os.fsencode(increment(folder / "store", run_id(one))) + b"/" + path
        goal = os.fsencode(
            increment(folder / "store", run_id(other)) if other else folder / "store/current/twin"
        )
        if os.path.isfile(origin) and not os.path.islink(origin) and not os.path.lexists(goal + b"/linked"):
            os.makedirs(goal, exist_ok=True)
            os.link(origin, goal + b"/linked")
    return storage


def used(folder: Path) -> int:
    """Bytes that files take up below the folder, each content once; another way than the program's."""
    found = {}
    for place, _, names in os.walk(os.fsencode(folder)):
        for name in names:
            info = os.lstat(os.path.join(place, name))
            found[info.st_dev, info.st_ino] = info.st_blocks * 512
    return sum(found.values())


def carry_out(storage: FsStorage, chosen: Sequence[tuple[int, int | None]]) -> None:
    for older, newer in chosen:
        if newer is None:
            storage.free(REF, run_id(older))
        else:
            storage.merge(REF, run_id(older), run_id(newer))


BIG = b"x" * 9000
HOLLOW: tuple[Tree, list[bytes]] = ({}, [b"a/x/p"])
A_FILE: tuple[Tree, list[bytes]] = ({b"a": BIG, b"c": BIG}, [])
BELOW: tuple[Tree, list[bytes]] = ({b"a/x/q": BIG, b"c": b""}, [])


@given(histories, twins, steps)
@example([HOLLOW, A_FILE], [], [(1, 2)])
@example([HOLLOW, A_FILE, BELOW], [], [(1, 2), (2, 3)])
@example([HOLLOW, BELOW, A_FILE], [], [(1, 2), (2, 3)])
@example([A_FILE, BELOW, A_FILE, BELOW], [], [(1, None), (2, 3), (3, 4)])
@example([A_FILE, BELOW, ({}, [])], [(1, 0, b"c"), (2, 1, b"c")], [(1, None), (2, None)])
def test_what_is_weighed_comes_free(
    history: list[tuple[Tree, list[bytes]]],
    pairs: list[tuple[int, int, bytes]],
    chosen: list[tuple[int, int | None]],
) -> None:
    with (
        contextmanager(quick_folder)(Path(tempfile.gettempdir())) as place,
        tempfile.TemporaryDirectory(dir=place) as name,
    ):
        storage = planted(Path(name), history, pairs)
        plan = [(run_id(older), None if newer is None else run_id(newer)) for older, newer in chosen]
        before, listing = used(Path(name)), sorted(os.walk(name))
        said = storage.weigh(REF, plan)
        assert (used(Path(name)), sorted(os.walk(name))) == (before, listing), "weighing changed something"
        carry_out(storage, chosen)
        assert said == before - used(Path(name))


def test_what_is_weighed_is_what_du_says(quick_dir: Path) -> None:
    files = {b"a": b"x" * 9000, b"b/x": b"y" * 70_000, b"c": b""}
    storage = planted(
        quick_dir, [(files, []), (files, [b"d"]), ({b"a/x": b"z" * 5000, b"b/x": b"new"}, [])], []
    )
    plan = [(1, None), (2, 3)]

    def measured() -> int:
        """As people would; folders have a size of their own there, so all are made before."""
        du = subprocess.run(
            ["find", quick_dir, "!", "-type", "d", "-exec", "du", "-c", "--block-size=1", "{}", "+"],
            check=True,
            capture_output=True,
        )
        return int(du.stdout.splitlines()[-1].split()[0])

    before = measured()
    said = storage.weigh(
        REF, [(run_id(older), None if newer is None else run_id(newer)) for older, newer in plan]
    )
    carry_out(storage, plan)
    assert said == before - measured() > 79_000


@pytest.mark.parametrize("count", [60])
def test_a_chain_longer_than_the_handles_kept_open_is_weighed_whole(quick_dir: Path, count: int) -> None:
    storage = planted(quick_dir, [({b"d/x": b"x" * 5000}, [])] * count, [])
    before = used(quick_dir)
    chain = [(run_id(number), run_id(number + 1)) for number in range(1, count)]
    said = storage.weigh(REF, chain)
    carry_out(storage, [(number, number + 1) for number in range(1, count)])
    assert said == before - used(quick_dir) > 0
