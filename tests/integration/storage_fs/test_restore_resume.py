"""Restores that are cut, stopped or run out of room go on; bytes that are not the right ones do not come."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from bckcore.errors import StoreFullError
from tests.support.filled import (
    a_file,
    content,
    file,
    folder,
    home,
    into,
    link,
    stored,
)
from tests.support.harm import same_time
from tests.support.storage_fs import (
    REF,
    SOURCE,
    Cut,
    Placings,
    cut_at,
    extract,
    found,
    placement,
    plant,
)
from tests.support.worlds import World, differences, world_of_folder

# --- cut, and resumed -------------------------------------------------------------------------------

ENTRIES = [
    folder(b"."),
    folder(b"a", 0o500),
    a_file(b"a/one"),
    folder(b"a/s", 0o711),
    a_file(b"a/s/two", 0o400),
    a_file(b"a-b"),
    link(b"l", b"a"),
    folder(b"z", 0o000),
    a_file(b"z/three"),
]


def test_a_restore_cut_at_any_system_call_goes_on_and_is_exact(tmp_path):
    storage = stored(tmp_path, ENTRIES)
    extract(storage, ENTRIES, [], into(tmp_path, None))
    wanted = world_of_folder(home(tmp_path))
    for number in itertools.count(1):
        remove(home(tmp_path))
        with cut_at(number) as changes:
            extract(storage, ENTRIES, [], into(tmp_path, None))
        require_whole(home(tmp_path), wanted)
        done = extract(storage, ENTRIES, [], into(tmp_path, None, resume=True))
        assert done.problems == {}
        assert differences(wanted, world_of_folder(home(tmp_path))) == []
        if len(changes) < number:
            break
    assert number > 20
    remove(home(tmp_path))


def remove(place: Path) -> None:
    """Take a restored tree away, closed folders too."""
    place.chmod(0o700)
    for one in place.iterdir():
        if one.is_dir() and not one.is_symlink():
            remove(one)
        else:
            one.unlink()
    place.rmdir()


def require_whole(place: Path, wanted: World) -> None:
    """Under a real name stands no half of a file."""
    for path, thing in world_of_folder(place).items() if place.exists() else ():
        if thing.kind == "f" and b".bck-restore-" not in path:
            assert thing == wanted[path]


def test_a_resume_names_what_is_not_its_own_and_leaves_it(tmp_path):
    storage = stored(tmp_path, ENTRIES)
    plant(
        home(tmp_path),
        {b"a-b": b"mine", b".bck-restore-0123456789abcdef": b"half", b".bck-restore-x": b"mine"},
    )
    done = extract(storage, ENTRIES, [], into(tmp_path, None, resume=True))
    assert set(done.problems) == {b"a-b"}
    result = world_of_folder(home(tmp_path))
    assert result[b"a-b"].data == b"mine"
    assert {path for path in result if b".bck" in path} == {b".bck-restore-x"}
    remove(home(tmp_path))


def test_what_a_watcher_raises_within_a_large_file_leaves_no_half_of_it(tmp_path):
    entries = [file(b"big", b"big" * 20_000_000)]
    storage = stored(tmp_path, entries)
    pieces = []

    def stop(count: int) -> None:
        pieces.append(count)
        raise Cut

    with pytest.raises(Cut):
        extract(storage, entries, [], into(tmp_path, None), Placings(on_moved=stop))
    assert found(home(tmp_path)) == {}
    assert pieces[0] <= 16 << 20


# --- digests ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "verify", "told"), [(1000, False, True), (3 << 20, True, True), (3 << 20, False, False)]
)
def test_bytes_that_are_not_those_of_the_digest_are_not_restored(tmp_path, size, verify, told):
    entry = file(b"f", b"f" * size)
    storage = stored(tmp_path, [entry])
    place = tmp_path / "store" / "current" / REF.host / REF.profile / SOURCE / "f"
    with same_time(bytes(place)), place.open("r+b") as rotten:
        rotten.seek(size // 2)
        rotten.write(b"X")
    done = extract(storage, [entry], [], into(tmp_path, None, verify=verify))
    assert (b"f" in done.problems) is told
    assert (home(tmp_path) / "f").exists() is not told
    if told:
        assert "digest" in done.problems[b"f"].message


# --- room -------------------------------------------------------------------------------------------


def test_a_full_disk_stops_and_after_room_is_made_the_restore_goes_on(tmp_path, small_fs):
    entries = [file(b"%02d" % number, b"%02d" % number * (1 << 20)) for number in range(20)]
    storage = stored(tmp_path, entries)
    place = placement(small_fs, below=b"home")
    ballast = small_fs / "ballast"
    ballast.write_bytes(b"x" * (40 << 20))
    with pytest.raises(StoreFullError, match="resume"):
        extract(storage, entries, [], place)
    begun = found(small_fs / "home")
    assert begun
    assert all(data == path * (1 << 20) for path, data in begun.items())
    ballast.unlink()
    extract(storage, entries, [], placement(small_fs, below=b"home", resume=True))
    assert found(small_fs / "home") == {entry.path: content(entry) for entry in entries}
