"""Folders of previews and checks: one for each use, and what the dead leave is found by its lock."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.storage_fs import REF, new_store, plant


def left(storage_folder: Path) -> list[Path]:
    """What stands of all uses."""
    return sorted((storage_folder / "store" / ".work" / "check" / REF.host / REF.profile).iterdir())


def test_each_use_has_a_folder_of_its_own_and_removes_no_other(tmp_path: Path) -> None:
    storage = new_store(tmp_path)
    slow = storage.scratch(REF)
    first = slow.__enter__()
    (first / "items").write_text("of the first")
    with storage.scratch(REF) as second:
        assert list(second.iterdir()) == []
        (second / "items").write_text("of the second")
        slow.__exit__(None, None, None)
        assert left(tmp_path) == [second]
        assert (second / "items").read_text() == "of the second"
    assert left(tmp_path) == []


def test_what_a_dead_process_left_goes_with_the_next_use_and_what_is_used_stays(tmp_path: Path) -> None:
    storage = new_store(tmp_path)
    with storage.scratch(REF) as used:
        (used / "items").write_text("used")
        subprocess.run([sys.executable, "-c", DIES, tmp_path / "store", REF.host, REF.profile], check=True)
        assert len(left(tmp_path)) == 2
        with storage.scratch(REF) as next_one:
            assert left(tmp_path) == sorted([used, next_one])
        assert (used / "items").read_text() == "used"


def test_what_the_dead_left_goes_when_the_storage_is_set_up_and_what_is_used_stays(tmp_path: Path) -> None:
    storage = new_store(tmp_path)
    with storage.scratch(REF) as used:
        plant(used.parent / "dead", {b"a/b": b"left"})
        (used.parent / "of an earlier release").write_bytes(b"left")
        plant(used.parent.parent / "another" / "dead", {b"a/b": b"left"})
        storage.prepare()
        assert left(tmp_path) == [used]
        assert list((used.parent.parent / "another").iterdir()) == []


DIES = """
import os, sys
from pathlib import Path
from bck_adapters.storage_fs import FsStorage
from bckcore.domain.run import ProfileRef

use = FsStorage(Path(sys.argv[1])).scratch(ProfileRef(host=sys.argv[2], profile=sys.argv[3]))
(use.__enter__() / "of the dead").mkdir()
os._exit(0)
"""
