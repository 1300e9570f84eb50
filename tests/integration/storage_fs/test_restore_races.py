"""Things that appear in the target while a restore works: the choice holds for them, too."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bck_adapters.storage_fs import naming, placing
from bckcore.domain.file_version import EntryKind
from bckcore.domain.push import Conflict
from tests.support.filled import CHOICES, NOW, THINGS, WANTED, a_file, file, folder, home, into, link, stored
from tests.support.storage_fs import SUFFIX, Link, Placings, Tree, extract, found, plant

NEW: dict[str, Tree] = {"file": {b"x": b"x"}, "link": {b"x": Link(b"else/where")}, "folder": {b"x/f": b"x/f"}}


@pytest.fixture(params=["link", "rename", "claim"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How a name is given: what a file system can do decides."""
    if request.param != "link":
        monkeypatch.setattr(os, "link", refusing(errno.EPERM))
    if request.param == "claim":
        monkeypatch.setattr(naming, "_renameat2", None)
    return str(request.param)


def refusing(number: int) -> Callable[..., None]:
    def refuse(*_args: object, **_named: object) -> None:
        raise OSError(number, os.strerror(number))

    return refuse


def before(monkeypatch: pytest.MonkeyPatch, call: str, act: Callable[[], None], name: bytes = b"") -> None:
    """Do ``act`` once, right before the system call is made (for that name)."""
    real = getattr(os, call)
    done: list[bool] = []

    def hooked(*args: Any, **named: Any) -> Any:
        if not done and name in (b"", args[0]):
            done.append(True)
            act()
        return real(*args, **named)

    monkeypatch.setattr(os, call, hooked)


def while_made(monkeypatch: pytest.MonkeyPatch, wanted: str, act: Callable[[], None]) -> Placings:
    """Do ``act`` after the first look at the place of the thing and before it is there."""
    watcher = Placings()
    if wanted == "link":
        before(monkeypatch, "symlink", act, b"else/where")
    elif wanted == "folder":
        before(monkeypatch, "mkdir", act, b"x")
    else:
        waiting = [act]
        watcher.on_moved = lambda _count: waiting.pop()() if waiting else None
    return watcher


def aside(things: Tree) -> Tree:
    return {b"x" + SUFFIX.encode() + path[1:]: one for path, one in things.items()}


@pytest.mark.parametrize("there", THINGS)
@pytest.mark.parametrize("wanted", WANTED)
@pytest.mark.parametrize("conflict", CHOICES)
@pytest.mark.parametrize("first", ["new folder", "folder that is there"])
@pytest.mark.usefixtures("way")
def test_what_appears_meanwhile_is_treated_as_if_it_had_been_there(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    there: str,
    wanted: str,
    conflict: Conflict | None,
    first: str,
) -> None:
    if (there, wanted) == ("full folder", "folder"):
        there = "file"
    entries, mine = WANTED[wanted], dict(THINGS[there])
    storage = stored(tmp_path, entries)
    if first != "new folder":
        home(tmp_path).mkdir(parents=True)
    place = into(tmp_path, conflict)
    watcher = while_made(monkeypatch, wanted, lambda: plant(home(tmp_path), mine))
    done = extract(storage, entries, [], place, watcher)
    kept = conflict is Conflict.KEEP_BOTH or (conflict is Conflict.OVERWRITE and there == "full folder")
    if conflict in (None, Conflict.SKIP):
        assert set(done.outcomes.values()) == {"failed" if conflict is None else "skipped"}
        assert found(home(tmp_path)) == mine
    else:
        assert done.outcomes[b"x"] == ("kept-both" if kept else "replaced")
        assert found(home(tmp_path)) == {**NEW[wanted], **(aside(mine) if kept else {})}


@pytest.mark.parametrize("conflict", CHOICES)
@pytest.mark.usefixtures("way")
def test_a_folder_that_appears_is_merged_with_and_no_name_in_it_is_taken_unseen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, conflict: Conflict | None
) -> None:
    entries = [folder(b"x"), a_file(b"x/f")]
    storage = stored(tmp_path, entries)
    place = into(tmp_path, conflict)
    watcher = while_made(monkeypatch, "folder", lambda: plant(home(tmp_path), {b"x/f": b"mine"}))
    done = extract(storage, entries, [], place, watcher)
    outcome, content = {
        None: ("failed", b"mine"),
        Conflict.SKIP: ("skipped", b"mine"),
        Conflict.KEEP_BOTH: ("kept-both", b"x/f"),
        Conflict.OVERWRITE: ("replaced", b"x/f"),
    }[conflict]
    assert done.outcomes[b"x/f"] == outcome
    assert found(home(tmp_path))[b"x/f"] == content
    assert (b"mine" in found(home(tmp_path)).values()) is (conflict is not Conflict.OVERWRITE)


@pytest.mark.parametrize("conflict", CHOICES)
@pytest.mark.usefixtures("way")
def test_a_pipe_takes_no_name_unseen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, conflict: Conflict | None
) -> None:
    pipe = replace(a_file(b"x"), kind=EntryKind.FIFO, size=0, digest=b"")
    storage = stored(tmp_path, [])
    place = into(tmp_path, conflict)
    before(monkeypatch, "mknod", lambda: plant(home(tmp_path), {b"x": b"mine"}))
    extract(storage, [pipe], [], place)
    names = {one.name: one for one in home(tmp_path).iterdir()}
    assert names["x"].is_fifo() is (conflict in (Conflict.OVERWRITE, Conflict.KEEP_BOTH))
    kept = [one.read_bytes() for one in names.values() if one.is_file()]
    assert kept == ([] if conflict is Conflict.OVERWRITE else [b"mine"])


@pytest.mark.usefixtures("way")
def test_what_appears_exactly_so_is_left(tmp_path: Path) -> None:
    storage = stored(tmp_path, [a_file(b"x")])
    place = into(tmp_path, None)

    def appear(_count: int) -> None:
        (home(tmp_path) / "x").write_bytes(b"x")
        (home(tmp_path) / "x").chmod(0o644)
        os.utime(home(tmp_path) / "x", ns=(NOW, NOW))

    done = extract(storage, [a_file(b"x")], [], place, Placings(on_moved=appear))
    assert done.outcomes == {b"x": "same"}
    assert found(home(tmp_path)) == {b"x": b"x"}


@pytest.mark.parametrize("there", THINGS)
@pytest.mark.usefixtures("way")
def test_overwriting_looks_again_at_what_took_the_place_of_what_it_saw(tmp_path: Path, there: str) -> None:
    storage = stored(tmp_path, [a_file(b"x")])
    plant(home(tmp_path), {b"x": b"seen"})

    def swap(_count: int) -> None:
        (home(tmp_path) / "x").unlink()
        plant(home(tmp_path), THINGS[there])

    done = extract(storage, [a_file(b"x")], [], into(tmp_path, Conflict.OVERWRITE), Placings(on_moved=swap))
    full = there == "full folder"
    assert done.outcomes == {b"x": "kept-both" if full else "replaced"}
    assert found(home(tmp_path)) == {b"x": b"x", **(aside(THINGS[there]) if full else {})}


@pytest.mark.usefixtures("way")
def test_what_goes_away_meanwhile_is_no_trouble(tmp_path: Path) -> None:
    for conflict in (Conflict.OVERWRITE, Conflict.KEEP_BOTH):
        base = tmp_path / conflict.value
        base.mkdir()
        storage = stored(base, [a_file(b"x")])
        plant(home(base), {b"x": b"seen"})
        gone = Placings(on_moved=lambda _count, base=base: (home(base) / "x").unlink())  # type: ignore[misc]
        done = extract(storage, [a_file(b"x")], [], into(base, conflict), gone)
        assert done.outcomes == {b"x": "created"}
        assert found(home(base)) == {b"x": b"x"}


@pytest.mark.parametrize("wanted", WANTED)
@pytest.mark.parametrize("there", ["file", "full folder"])
@pytest.mark.usefixtures("way")
def test_a_name_aside_that_is_taken_meanwhile_is_not_taken_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: str, there: str
) -> None:
    if (there, wanted) == ("full folder", "folder"):
        there = "file"
    storage = stored(tmp_path, WANTED[wanted])
    plant(home(tmp_path), THINGS[there])
    real, taken = placing.name_aside, b"x" + SUFFIX.encode()

    def raced(name: bytes, suffix: str, parent: int) -> bytes:
        free = real(name, suffix, parent)
        if free == taken:
            plant(home(tmp_path), {taken: b"somebody's"})
        return free

    monkeypatch.setattr(naming, "name_aside", raced)
    done = extract(storage, WANTED[wanted], [], into(tmp_path))
    assert done.outcomes[b"x"] == "kept-both"
    second = {taken + b"-2" + path[1:]: one for path, one in THINGS[there].items()}
    assert found(home(tmp_path)) == {**NEW[wanted], **second, taken: b"somebody's"}


@pytest.mark.usefixtures("way")
def test_names_of_any_bytes_and_length_are_given(tmp_path: Path) -> None:
    names = [b"-rf", b" a \"b'\\", b"c\xff\n", b"z" * 255]
    entries = sorted([file(name, name * 3) for name in names], key=lambda one: one.path)
    entries.append(link(b"\xfe", b"\xff\n"))
    storage = stored(tmp_path, entries)
    done = extract(storage, entries, [], into(tmp_path, None))
    assert set(done.outcomes.values()) == {"created"}
    assert found(home(tmp_path)) == {**{name: name * 3 for name in names}, b"\xfe": Link(b"\xff\n")}
    assert {os.lstat(bytes(home(tmp_path)) + b"/" + one.path).st_nlink for one in entries} == {1}
