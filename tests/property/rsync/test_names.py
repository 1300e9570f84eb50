"""Law: any name a PC can have comes through shell, rsync and listing byte for byte."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bck_adapters.testkit.contracts import contents
from bck_adapters.testkit.stored import stored_tree
from bck_adapters.testkit.strategies import names, rel_paths
from bckcore.domain.paths import RelPath
from tests.support.patience import examples
from tests.support.rsync_rigs import local_rig


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, require_tool) -> Path:
    """A folder emptied for each example."""
    require_tool("rsync")
    return tmp_path_factory.mktemp("names")


def _emptied(place: Path) -> Path:
    shutil.rmtree(place)
    place.mkdir()
    return place


@settings(max_examples=examples(3))
@given(root=names(), path=rel_paths())
def test_source_root_and_path_arrive_as_they_are(place: Path, root: bytes, path: RelPath) -> None:
    folder = _emptied(place)
    rig = local_rig(folder, source=folder / "pc" / os.fsdecode(root))
    rig.tree.write(path, b"here")
    pulled = rig.pull()
    assert pulled.report.problems == ()
    assert contents(stored_tree(rig.destination)) == {path: b"here"}
    assert path in pulled.changed


@settings(max_examples=examples(3))
@given(paths=st.lists(names(), min_size=1, max_size=8, unique=True))
def test_listing_names_all_and_nothing_else(place: Path, paths: list[bytes]) -> None:
    rig = local_rig(_emptied(place))
    for path in paths:
        rig.tree.write(path, path)
    assert rig.pull().paths == {b".", *paths}
