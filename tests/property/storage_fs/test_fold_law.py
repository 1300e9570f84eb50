"""Whatever attempts displace and wherever folds are cut, the increment is what the simple model says."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from bck_adapters.storage_fs import FsStorage
from tests.support.patience import examples
from tests.support.storage_fs import (
    REF,
    SOURCE,
    Content,
    Link,
    conflicts,
    cut_at,
    found,
    increment,
    new_store,
    plant,
    poured,
    run_id,
)

_NAMES = st.sampled_from([b"a", b"b", b"-\n", b"\xff'"])
_PATHS = st.lists(_NAMES, min_size=1, max_size=4).map(b"/".join)
_CONTENTS = st.binary(max_size=3) | st.just(Link(b"/nowhere"))


@st.composite
def trees(draw):
    """Files and links at paths that can stand side by side."""
    tree: dict[bytes, Content] = {}
    for path in draw(st.lists(_PATHS, max_size=8)):
        if not any(conflicts(path, other) for other in tree):
            tree[path] = draw(_CONTENTS)
    return tree


def fold_all(storage: FsStorage) -> None:
    for attempt in storage.unfolded(REF):
        storage.fold(attempt)


@settings(max_examples=examples(3))
@given(attempts=st.lists(st.tuples(trees(), st.lists(st.integers(1, 30), max_size=3)), max_size=4))
def test_the_increment_holds_the_oldest_entry_of_every_path(attempts):
    folder = Path(tempfile.mkdtemp(prefix="bck"))
    try:
        storage = new_store(folder)
        model: dict[bytes, Content] = {}
        for tree, cuts in attempts:
            attempt = storage.begin_attempt(REF, run_id(1), SOURCE)
            plant(attempt.displaced_dir, tree)
            for cut in cuts:
                with cut_at(cut):
                    fold_all(storage)
            fold_all(FsStorage(folder / "store"))
            model = poured(model, tree)
        assert found(increment(folder / "store", run_id(1))) == model
    finally:
        shutil.rmtree(folder)


@settings(max_examples=examples(3))
@given(older=trees(), newer=trees(), cuts=st.lists(st.integers(1, 30), max_size=3))
def test_a_merge_keeps_the_older_whole_and_what_does_not_conflict(older, newer, cuts):
    folder = Path(tempfile.mkdtemp(prefix="bck"))
    try:
        storage = new_store(folder)
        for number, tree in ((1, older), (2, newer)):
            if tree:
                plant(increment(folder / "store", run_id(number)), tree)
        for cut in cuts:
            with cut_at(cut):
                storage.merge(REF, run_id(1), run_id(2))
        storage.merge(REF, run_id(1), run_id(2))
        assert found(increment(folder / "store", run_id(2))) == poured(older, newer)
        assert not found(increment(folder / "store", run_id(1)))
    finally:
        shutil.rmtree(folder)
