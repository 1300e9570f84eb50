"""Restores into folders that hold something already: nothing goes without a word, no link leads out."""

from __future__ import annotations

import itertools
import os
import stat

import pytest

from bckcore.domain.push import Conflict
from tests.support.filled import (
    CHOICES,
    NOW,
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
    SUFFIX,
    Link,
    Tree,
    extract,
    found,
    plant,
    seen,
)

# --- one thing in the way of another ----------------------------------------------------------------

NEW: dict[str, Tree] = {
    "file": {b"x": b"x"},
    "link": {b"x": Link(b"else/where")},
    "folder": {b"x/f": b"x/f"},
}


def moved_aside(things: Tree) -> dict[bytes, bytes | Link]:
    return {b"x" + SUFFIX.encode() + path[1:]: one for path, one in things.items()}


@pytest.mark.parametrize(
    ("there", "wanted"),
    [pair for pair in itertools.product(THINGS, WANTED) if pair != ("full folder", "folder")],
)
@pytest.mark.parametrize("conflict", CHOICES)
def test_what_is_in_the_way_goes_only_when_asked_and_a_full_folder_never(
    tmp_path, there: str, wanted: str, conflict: Conflict | None
):
    entries, mine = WANTED[wanted], dict(THINGS[there])
    storage = stored(tmp_path, entries)
    plant(home(tmp_path), THINGS[there])
    done = extract(storage, entries, [], into(tmp_path, conflict))
    aside = conflict is Conflict.KEEP_BOTH or (conflict is Conflict.OVERWRITE and there == "full folder")
    if conflict is Conflict.SKIP:
        assert (set(done.outcomes.values()), found(home(tmp_path))) == ({"skipped"}, mine)
    elif conflict is None:
        assert (set(done.outcomes.values()), found(home(tmp_path))) == ({"failed"}, mine)
    elif aside:
        assert done.outcomes[b"x"] == "kept-both"
        assert found(home(tmp_path)) == {**NEW[wanted], **moved_aside(mine)}
    else:
        assert done.outcomes[b"x"] == "replaced"
        assert found(home(tmp_path)) == NEW[wanted]


def test_an_empty_folder_gives_way_when_overwriting(tmp_path):
    storage = stored(tmp_path, [a_file(b"x")])
    (home(tmp_path) / "x").mkdir(parents=True)
    done = extract(storage, [a_file(b"x")], [], into(tmp_path, Conflict.OVERWRITE))
    assert done.outcomes == {b"x": "replaced"}
    assert found(home(tmp_path)) == {b"x": b"x"}


@pytest.mark.parametrize("conflict", CHOICES)
def test_the_folder_of_the_source_itself_may_be_in_the_way(tmp_path, conflict):
    outside = tmp_path / "outside"
    plant(outside, {b"precious": b"mine"})
    storage = stored(tmp_path, [folder(b"."), a_file(b"x")])
    (tmp_path / "into").mkdir()
    home(tmp_path).symlink_to(outside)
    done = extract(storage, [folder(b"."), a_file(b"x")], [], into(tmp_path, conflict))
    assert found(outside) == {b"precious": b"mine"}
    if conflict in (None, Conflict.SKIP):
        assert home(tmp_path).is_symlink()
        assert set(done.outcomes.values()) == {"failed" if conflict is None else "skipped"}
    else:
        assert found(home(tmp_path)) == {b"x": b"x"}
        assert seen(home(tmp_path))[b"."].mtime_ns == NOW + 1
        aside = tmp_path / "into" / f"home{SUFFIX}"
        assert aside.is_symlink() is (conflict is Conflict.KEEP_BOTH)


# --- what stands there exactly so -------------------------------------------------------------------


@pytest.mark.parametrize("conflict", CHOICES)
def test_what_is_there_exactly_is_neither_touched_nor_doubled(tmp_path, conflict):
    entries = [folder(b"."), folder(b"d", 0o750), a_file(b"d/x", 0o600), link(b"l", b"\xff\n")]
    storage = stored(tmp_path, entries)
    extract(storage, entries, [], into(tmp_path, None))
    before = {path: os.lstat(home(tmp_path) / os.fsdecode(path)) for path in (b"d/x", b"l")}
    done = extract(storage, entries, [], into(tmp_path, conflict))
    assert set(done.outcomes.values()) == {"same"}
    for path, info in before.items():
        now = os.lstat(home(tmp_path) / os.fsdecode(path))
        assert (now.st_ino, now.st_ctime_ns) == (info.st_ino, info.st_ctime_ns)
    assert done.copied == 0


@pytest.mark.parametrize("change", ["size", "time", "mode", "nanosecond"])
def test_the_least_difference_counts(tmp_path, change):
    storage = stored(tmp_path, [a_file(b"x")])
    extract(storage, [a_file(b"x")], [], into(tmp_path, None))
    place = home(tmp_path) / "x"
    if change == "size":
        place.write_bytes(b"xx")
        os.utime(place, ns=(NOW, NOW))
    elif change == "mode":
        place.chmod(0o640)
    else:
        other = NOW + (1 if change == "nanosecond" else 10**9)
        os.utime(place, ns=(other, other))
    done = extract(storage, [a_file(b"x")], [], into(tmp_path))
    assert done.outcomes == {b"x": "kept-both"}
    assert set(found(home(tmp_path))) == {b"x", b"x" + SUFFIX.encode()}


def test_a_second_clash_gets_a_number_and_a_long_name_is_shortened(tmp_path):
    long = "è".encode() * 127
    storage = stored(tmp_path, [a_file(b"x"), a_file(long)])
    mine = {b"x": b"m1", b"x" + SUFFIX.encode(): b"m2", b"x" + SUFFIX.encode() + b"-2": b"m3", long: b"m4"}
    plant(home(tmp_path), mine)
    done = extract(storage, [a_file(b"x"), a_file(long)], [], into(tmp_path))
    assert set(done.outcomes.values()) == {"kept-both"}
    result = found(home(tmp_path))
    [short] = set(result) - {*mine, b"x" + SUFFIX.encode() + b"-3"}
    assert result.pop(short) == b"m4"
    assert short.endswith(SUFFIX.encode())
    assert len(short) <= 255
    assert short.decode()  # no character was cut in two
    kept = {path: data for path, data in mine.items() if path not in (b"x", long)}
    assert result == {b"x": b"x", long: long, **kept, b"x" + SUFFIX.encode() + b"-3": b"m1"}


def test_folders_keep_what_they_hold_and_their_mode_and_time(tmp_path):
    entries = [folder(b"d", 0o700), a_file(b"d/x")]
    storage = stored(tmp_path, entries)
    plant(home(tmp_path), {b"d/mine": b"mine"})
    (home(tmp_path) / "d").chmod(0o550)
    done = extract(storage, entries, [], into(tmp_path))
    assert done.outcomes == {b"d": "same", b"d/x": "created"}
    assert found(home(tmp_path)) == {b"d/mine": b"mine", b"d/x": b"d/x"}
    assert stat.S_IMODE((home(tmp_path) / "d").stat().st_mode) == 0o550
    done = extract(storage, entries, [], into(tmp_path, Conflict.OVERWRITE))
    assert done.outcomes == {b"d": "adjusted", b"d/x": "same"}
    assert seen(home(tmp_path))[b"d"].mtime_ns == NOW + 1
    assert found(home(tmp_path)) == {b"d/mine": b"mine", b"d/x": b"d/x"}


# --- links planted in the target --------------------------------------------------------------------


@pytest.mark.parametrize("conflict", CHOICES)
def test_no_link_in_the_target_leads_out_of_it(tmp_path, conflict):
    outside = tmp_path / "outside"
    plant(outside, {b"d/x": b"precious", b"y": b"precious"})
    entries = [folder(b"a"), folder(b"a/d"), a_file(b"a/d/x"), folder(b"d"), a_file(b"d/x"), a_file(b"y")]
    storage = stored(tmp_path, entries)
    plant(
        home(tmp_path),
        {b"d": Link(bytes(outside) + b"/d"), b"y": Link(bytes(outside) + b"/y"), b"a": Link(bytes(outside))},
    )
    extract(storage, entries, [], into(tmp_path, conflict))
    assert found(outside) == {b"d/x": b"precious", b"y": b"precious"}
    assert not any(one.name.startswith(".bck") for one in outside.rglob("*"))
    if conflict in (Conflict.OVERWRITE, Conflict.KEEP_BOTH):
        assert (home(tmp_path) / "a" / "d" / "x").read_bytes() == b"a/d/x"
        assert not (home(tmp_path) / "d").is_symlink()
