"""What a look ahead says is what a restore then does."""

from __future__ import annotations

import itertools

import pytest

from bckcore.domain.file_version import EntryKind, FileEntry
from bckcore.ports.extraction import Wanted
from tests.support.filled import (
    CHOICES,
    THINGS,
    WANTED,
    a_file,
    folder,
    home,
    into,
    link,
    stored,
)
from tests.support.storage_fs import (
    REF,
    SOURCE,
    Link,
    extract,
    placement,
    plant,
)
from tests.support.worlds import world_of_folder

# --- the look ahead ---------------------------------------------------------------------------------


@pytest.mark.parametrize("conflict", CHOICES)
def test_a_look_ahead_says_what_comes_and_changes_nothing(tmp_path, conflict):
    kinds = {
        f"{there}-{wanted}".replace(" ", "").encode(): (THINGS[there], WANTED[wanted])
        for there, wanted in itertools.product(THINGS, WANTED)
    }
    entries = [folder(b"."), folder(b"new"), a_file(b"new/x"), a_file(b"lost")]
    mine: dict[bytes, bytes | Link] = {}
    for name, (there, wanted) in kinds.items():
        entries += [folder(name), *(moved(one, name) for one in wanted)]
        mine |= {name + b"/" + path: one for path, one in there.items()}
    entries.sort(key=lambda one: one.path)
    storage = stored(tmp_path, [one for one in entries if one.path != b"lost"])
    plant(home(tmp_path), mine)
    before = world_of_folder(tmp_path / "into")
    place = into(tmp_path, conflict)
    ahead = {
        one.entry.path: one.outcome.value if one.outcome else "failed"
        for one in storage.examine(REF, SOURCE, map(Wanted, entries), [], place)
    }
    assert world_of_folder(tmp_path / "into") == before
    assert ahead == extract(storage, entries, [], place).outcomes


def moved(entry: FileEntry, name: bytes) -> FileEntry:
    path = name + b"/" + entry.path
    return (
        a_file(path)
        if entry.kind is EntryKind.FILE
        else folder(path)
        if entry.kind is EntryKind.FOLDER
        else link(path, entry.target)
    )


def test_a_look_ahead_needs_no_folder(tmp_path):
    entries = [folder(b"."), folder(b"d"), a_file(b"d/x"), a_file(b"d-e"), link(b"l", b"x")]
    storage = stored(tmp_path, entries)
    place = placement(tmp_path / "nowhere", below=b"home")
    found_ = list(storage.examine(REF, SOURCE, map(Wanted, entries), [], place))
    assert {one.outcome.value for one in found_ if one.outcome} == {"created"}
    assert len(found_) == len(entries)
    assert not (tmp_path / "nowhere").exists()
