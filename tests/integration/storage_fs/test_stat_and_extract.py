"""What rsync stored is told and brought back exactly; the oracle is the tree that was backed up."""

from __future__ import annotations

import os
import random
import resource
import stat
import subprocess
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from bck_adapters.storage_fs import FsStorage
from bck_adapters.testkit.lacking import need_ordinary_user
from bckcore.domain.file_version import EntryKind, FileEntry
from bckcore.domain.ids import RunId
from bckcore.domain.paths import ROOT, RelPath
from bckcore.domain.stored_stat import XATTR_NAME
from bckcore.domain.transfer import PathProblem, ProblemKind
from bckcore.errors import StorageError, StoreFullError
from bckcore.ports.extraction import Placed
from tests.support.storage_fs import (
    REF,
    SOURCE,
    Link,
    Placings,
    Seen,
    Tree,
    entries_of,
    extract,
    found,
    increment,
    new_store,
    plant,
    run_id,
    seen,
)

AS_ROOT = os.geteuid() == 0
TIME = 1_000_000_001
HARD_NAMES = [
    b"plain",
    b"with space",
    b"new\nline",
    b"tab\there",
    b"'single' \"double\" $HOME `x`",
    b"-rf",
    b"a -> b",
    b"\xff\xfe not utf-8",
    "è".encode(),
    b"x" * 255,
    b" before the dot",
    b"!",
    b".hidden",
    b"...",
    b"a",
    b"a-b",
    b"a.b",
    b"a0",
]
HARD: Tree = (
    {name + b"/f": b"in " + name for name in HARD_NAMES}
    | {b"f " + name[:250]: b"file " + name for name in HARD_NAMES}
    | {b"a-b/c/" + name: b"deep " + name for name in HARD_NAMES}
    | {
        b"links/to file": Link(b"../plain/f"),
        b"links/dangling": Link(b"\xff\n/none"),
        b"links/up": Link(b"/etc"),
    }
)


def current(folder: Path) -> Path:
    return folder / "store" / "current" / REF.host / REF.profile / SOURCE


def stored(folder: Path, require_tool: Callable[[str], str]) -> FsStorage:
    """Back up ``folder/pc`` with rsync, the way the product does."""
    storage = new_store(folder)
    storage.begin_attempt(REF, run_id(1), SOURCE)
    rsync = [require_tool("rsync"), "-a", "--sparse", "--modify-window=-1", "-M--fake-super"]
    subprocess.run([*rsync, f"{folder}/pc/", f"{current(folder)}/"], check=True)
    return storage


def extracted(
    storage: FsStorage, into: Path, entries: list[FileEntry], increments: list[RunId]
) -> dict[bytes, PathProblem]:
    """Restore; give the problems. Every entry must be reported once."""
    into.mkdir(exist_ok=True)
    done = extract(storage, entries, increments, into)
    assert sorted(one.entry.path for one in done.found) == sorted(entry.path for entry in entries)
    return done.problems


def told(storage: FsStorage, paths: list[bytes]) -> list[FileEntry]:
    """What stat says, all paths being there."""
    pairs = list(storage.stat(REF, SOURCE, map(RelPath, paths)))
    assert [path for path, _ in pairs] == paths
    entries = [entry for _, entry in pairs if entry is not None]
    assert len(entries) == len(paths)
    return entries


def dress(pc: Path) -> None:
    """Rights and times of all kinds."""
    rights = [0o000, 0o644, 0o400, 0o755, 0o4711, 0o600]
    for number, (folder, _, names) in enumerate(os.walk(bytes(pc), topdown=False)):
        for place, name in enumerate(names):
            path = os.path.join(folder, name)
            when = 1_600_000_000_123_456_789 + number * 1001 + place
            os.utime(path, ns=(when, when), follow_symlinks=False)
            if not os.path.islink(path) and AS_ROOT:
                os.chmod(path, rights[place % 6])
            elif not os.path.islink(path):
                os.chmod(path, rights[place % 6] | 0o400)  # else an ordinary user's rsync cannot read it
        os.utime(folder, ns=(7 + number, 1_500_000_000_000_000_001 + number))
        os.chmod(folder, [0o555, 0o755, 0o700, 0o1777][number % 4])


def test_a_tree_stored_by_rsync_is_told_and_restored_exactly(roomy_dir, require_tool):
    plant(roomy_dir / "pc", HARD)
    (roomy_dir / "pc" / "empty" / "er").mkdir(parents=True)
    os.mkfifo(roomy_dir / "pc" / "fifo", 0o640)
    dress(roomy_dir / "pc")
    storage = stored(roomy_dir, require_tool)
    truth = seen(roomy_dir / "pc")
    entries = told(storage, sorted(truth))
    assert entries == entries_of(truth)
    assert extracted(storage, roomy_dir / "into", entries, []) == {}
    assert seen(roomy_dir / "into") == truth


def test_mode_000_is_restored_when_the_store_says_so(roomy_dir):
    storage = new_store(roomy_dir)
    attempt = storage.begin_attempt(REF, run_id(1), SOURCE)
    plant(attempt.destination, {b"d/secret": b"1"})
    for path, mode in ((b"d/secret", b"100000"), (b"d", b"40000")):
        os.setxattr(
            bytes(attempt.destination) + b"/" + path,
            XATTR_NAME,
            mode + b" 0,0 %d:%d" % (os.getuid(), os.getgid()),
        )
    entries = told(storage, [b"d", b"d/secret"])
    assert [entry.mode for entry in entries] == [0, 0]
    assert extracted(storage, roomy_dir / "into", entries, []) == {}
    restored = seen(roomy_dir / "into")
    assert [stat.S_IMODE(restored[path].mode) for path in (b"d", b"d/secret")] == [0, 0]
    assert restored[b"d/secret"].content == b"1"


@pytest.mark.parametrize(
    "path",
    [
        b"/".join([b"n" * 199] * 25),
        pytest.param(b"/".join([b"d"] * 2500), marks=pytest.mark.long),
        pytest.param(b"x/" * 1200 + b"f" * 255, marks=pytest.mark.long),
    ],
)
def test_paths_longer_than_the_system_takes_at_once(roomy_dir, path):
    storage = new_store(roomy_dir)
    attempt = storage.begin_attempt(REF, run_id(1), SOURCE)
    tree = {path: b"deep", b"aside": b"1", path.rpartition(b"/")[0] + b"/z": b"beside"}
    plant(attempt.displaced_dir, tree)
    plant(attempt.destination, {path: b"new"})
    truth = seen(attempt.displaced_dir)
    truth[b"."] = truth[b"."]
    assert storage.fold(attempt).moved == 3
    assert told(storage, [path])[0].size == 3
    storage.merge(REF, run_id(1), run_id(2))
    plant(increment(roomy_dir / "store", run_id(1)), {path: b"older"}, mtime_ns=truth[path].mtime_ns)
    storage.merge(REF, run_id(1), run_id(2))
    entries = [replace(e, size=5) if e.path == path else e for e in entries_of(truth)]
    assert extracted(storage, roomy_dir / "into", entries, [run_id(2)]) == {}
    assert found(roomy_dir / "into") == tree | {path: b"older"}
    storage.free(REF, run_id(2))
    assert not os.listdir(roomy_dir / "store" / ".history")


# --- stat -------------------------------------------------------------------------------------------


def test_stat_gives_none_where_nothing_stands(tmp_path):
    storage = new_store(tmp_path)
    assert list(storage.stat(REF, SOURCE, [ROOT])) == [(ROOT, None)]
    attempt = storage.begin_attempt(REF, run_id(1), SOURCE)
    plant(attempt.destination, {b"file": b"1", b"link": Link(b"/"), b"d/x": b"1"})
    paths = [
        b"absent",
        b"d/absent",
        b"d/x/below",
        b"file/below",
        b"link/etc",
        b"x" * 300,
        b"y" * 300 + b"/z",
        b"d/x",
    ]
    kinds = [entry and entry.kind for _, entry in storage.stat(REF, SOURCE, map(RelPath, paths))]
    assert kinds == [None] * 7 + [EntryKind.FILE]


def test_stat_tells_devices_and_links_from_the_stored_attribute(tmp_path):
    storage = new_store(tmp_path)
    attempt = storage.begin_attempt(REF, run_id(1), SOURCE)
    stored_as = {
        b"c": b"20644 1,3 0:0",
        b"b": b"60660 8,17 0:6",
        b"l": b"120777 0,0 5:6",
        b"s": b"140755 0,0 0:0",
        b"set-id": b"104711 0,0 7:8",
    }
    plant(attempt.destination, {path: b"../target" if path == b"l" else b"" for path in stored_as})
    for path, value in stored_as.items():
        os.setxattr(bytes(attempt.destination) + b"/" + path, XATTR_NAME, value)
    entries = told(storage, list(stored_as))
    assert [(e.kind.value, e.mode, e.uid, e.gid, e.size, e.target) for e in entries] == [
        ("c", 0o644, 0, 0, 0, b"1,3"),
        ("b", 0o660, 0, 6, 0, b"8,17"),
        ("l", 0o777, 5, 6, 0, b"../target"),
        ("s", 0o755, 0, 0, 0, b""),
        ("f", 0o4711, 7, 8, 0, b""),
    ]


@pytest.mark.parametrize("value", [b"nonsense", b"40755 0,0 0:0", b"170000 0,0 0:0"])
def test_stat_names_a_file_whose_attribute_is_damaged(tmp_path, value):
    storage = new_store(tmp_path)
    attempt = storage.begin_attempt(REF, run_id(1), SOURCE)
    plant(attempt.destination, {b"d/victim": b""})
    os.setxattr(attempt.destination / "d" / "victim", XATTR_NAME, value)
    with pytest.raises(StorageError, match="d/victim"):
        list(storage.stat(REF, SOURCE, [RelPath(b"d/victim")]))


def test_stat_is_right_for_any_order_of_paths(tmp_path):
    storage = new_store(tmp_path)
    attempt = storage.begin_attempt(REF, run_id(1), SOURCE)
    plant(attempt.destination, {b"a/b/%d/c/%d" % (n % 5, n): b"x" * n for n in range(50)})
    paths = [b"a/b/%d/c/%d" % (n % 5, n) for n in range(50)] + [b"a/b/3", b".", b"a", b"a/b/9/c/1"]
    random.Random(1).shuffle(paths)
    for path, entry in storage.stat(REF, SOURCE, map(RelPath, paths)):
        if path == b"a/b/9/c/1":
            assert entry is None
        elif path.count(b"/") == 4:
            assert entry is not None
            assert entry.size == int(path.rpartition(b"/")[2])
        else:
            assert entry is not None
            assert entry.kind is EntryKind.FOLDER


# --- where the bytes come from ----------------------------------------------------------------------


def plain(path: bytes, size: int, mode: int = 0o644) -> FileEntry:
    return FileEntry(RelPath(path), EntryKind.FILE, mode, os.getuid(), os.getgid(), TIME, size)


def folder_entry(path: bytes, mode: int = 0o755) -> FileEntry:
    return FileEntry(RelPath(path), EntryKind.FOLDER, mode, os.getuid(), os.getgid(), 1_000_000_002, 0)


def layered(folder: Path, now: Tree, *layers: Tree) -> FsStorage:
    """A store whose ``current`` is ``now`` and whose runs 1, 2, … displaced the layers."""
    storage = new_store(folder)
    storage.begin_attempt(REF, run_id(1), SOURCE)
    plant(current(folder), now, mtime_ns=TIME)
    for number, layer in enumerate(layers, 1):
        plant(increment(folder / "store", run_id(number)), layer, mtime_ns=TIME)
    return storage


def test_bytes_come_from_the_first_increment_that_holds_the_path_as_no_folder(tmp_path):
    storage = layered(
        tmp_path,
        {b"a": b"now", b"b": b"now", b"d/x": b"now", b"d/y": b"now", b"e": b"now"},
        {b"b/inside": b"1", b"d/other": b"1"},
        {b"a": b"2", b"d/x": b"2", b"e/f/g": b"2"},
        {b"a": b"3", b"b": b"3", b"d/x": b"3"},
    )
    entries = [plain(b"a", 1), plain(b"b", 1), plain(b"d/x", 1), plain(b"d/y", 3), plain(b"e", 3)]
    runs = [run_id(number) for number in (1, 2, 3, 4)]
    assert extracted(storage, tmp_path / "into", entries, runs) == {}
    assert found(tmp_path / "into") == {b"a": b"2", b"b": b"3", b"d/x": b"2", b"d/y": b"now", b"e": b"now"}
    entries = [plain(b"a", 1), plain(b"d/x", 1)]
    assert extracted(storage, tmp_path / "later", entries, runs[2:]) == {}
    assert found(tmp_path / "later") == {b"a": b"3", b"d/x": b"3"}


@contextmanager
def few_handles(count: int):
    """Let the process open ``count`` files at a time."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_many_increments_and_deep_folders_need_few_open_files(tmp_path):
    deep = b"/".join([b"d"] * 30)
    layers = [{deep + b"/%d" % n: b"%d" % n, b"top": b"%d" % n} for n in range(100)]
    storage = layered(tmp_path, {b"now": b"1"}, *layers)
    entries = [plain(deep + b"/%d" % n, len(str(n))) for n in sorted(range(100), key=str)]
    with few_handles(400):
        problems = extracted(
            storage, tmp_path / "into", [*entries, plain(b"top", 1)], [run_id(n) for n in range(1, 101)]
        )
    assert problems == {}
    assert found(tmp_path / "into") == {deep + b"/%d" % n: b"%d" % n for n in range(100)} | {b"top": b"0"}


# --- what cannot be written -------------------------------------------------------------------------


def test_a_path_that_cannot_be_brought_back_is_a_problem_and_the_others_go_on(tmp_path):
    storage = layered(tmp_path, {b"good": b"1", b"short": b"12", b"folder/x": b"1", b"link": Link(b"good")})
    os.mkfifo(current(tmp_path) / "fifo")
    names = [b"absent", b"absent-folder/x", b"fifo", b"folder", b"link", b"short"]
    entries = [plain(name, 1) for name in sorted([*names, b"good"])]
    problems = extracted(storage, tmp_path / "into", entries, [])
    assert sorted(problems) == names
    assert {problem.kind for problem in problems.values()} == {ProblemKind.NOT_RESTORED}
    assert all(problem.path == path and problem.message for path, problem in problems.items())
    assert found(tmp_path / "into") == {b"good": b"1"}


def test_an_unreadable_stored_file_is_a_problem(tmp_path):
    need_ordinary_user()
    storage = layered(tmp_path, {b"good": b"1", b"locked": b"1"})
    (current(tmp_path) / "locked").chmod(0)
    assert list(extracted(storage, tmp_path / "into", [plain(b"good", 1), plain(b"locked", 1)], [])) == [
        b"locked"
    ]


def test_devices_are_made_by_root_and_are_a_problem_otherwise(tmp_path):
    storage = layered(tmp_path, {})
    device = replace(plain(b"null", 0), kind=EntryKind.CHAR_DEVICE, target=b"1,3")
    fifo = replace(plain(b"pipe", 0, 0o640), kind=EntryKind.FIFO)
    problems = extracted(storage, tmp_path / "into", [device, fifo], [])
    made = (tmp_path / "into" / "pipe").lstat()
    assert (stat.S_ISFIFO(made.st_mode), made.st_mode & 0o7777, made.st_mtime_ns) == (
        True,
        0o640,
        1_000_000_001,
    )
    if problems:
        assert list(problems) == [b"null"]
    else:
        info = (tmp_path / "into" / "null").lstat()
        assert (stat.S_ISCHR(info.st_mode), info.st_rdev) == (True, os.makedev(1, 3))
    assert AS_ROOT or problems


def test_a_restored_link_never_leads_the_restore_outside(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    storage = layered(tmp_path, {b"a": b"x", b"b": b"1"}, {b"a/evil": b"1", b"a/d/evil": b"1"})
    link = replace(plain(b"a", 0), kind=EntryKind.LINK, target=bytes(outside))
    entries = [link, folder_entry(b"a/d"), plain(b"a/d/evil", 1), plain(b"a/evil", 1), plain(b"b", 1)]
    problems = extracted(storage, tmp_path / "into", entries, [run_id(1)])
    assert sorted(problems) == [b"a/d", b"a/d/evil", b"a/evil"]
    assert found(outside) == {}
    assert found(tmp_path / "into") == {b"a": Link(bytes(outside)), b"b": b"1"}


def test_missing_parents_are_made(tmp_path):
    storage = layered(tmp_path, {b"a/b/c": b"1"})
    assert extracted(storage, tmp_path / "into", [plain(b"a/b/c", 1)], []) == {}
    assert found(tmp_path / "into") == {b"a/b/c": b"1"}


def test_an_exception_of_the_callback_stops_the_work(tmp_path):
    storage = layered(tmp_path, {b"a": b"1", b"b": b"1"})
    (tmp_path / "into").mkdir()

    def stop(_placed: Placed) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        extract(storage, [plain(b"a", 1), plain(b"b", 1)], [], tmp_path / "into", Placings(on_placed=stop))
    assert found(tmp_path / "into") == {b"a": b"1"}


def test_holes_stay_holes(tmp_path):
    storage = layered(tmp_path, {})
    size = 64 << 20
    with (current(tmp_path) / "sparse").open("wb") as file:
        file.seek(8 << 20)
        file.write(b"data" * 2000)
        file.truncate(size)
    os.utime(current(tmp_path) / "sparse", ns=(TIME, TIME))
    assert extracted(storage, tmp_path / "into", [plain(b"sparse", size)], []) == {}
    made = tmp_path / "into" / "sparse"
    assert made.stat().st_size == size
    assert made.stat().st_blocks * 512 < 1 << 20
    assert made.read_bytes() == (current(tmp_path) / "sparse").read_bytes()


def test_a_restore_across_file_systems_copies_every_byte(tmp_path, small_fs):
    content = random.Random(2).randbytes(3_000_001)
    storage = layered(tmp_path, {b"d/big": content})
    entries = [folder_entry(b"d", 0o555), plain(b"d/big", len(content))]
    assert extracted(storage, small_fs / "into", entries, []) == {}
    assert seen(small_fs / "into")[b"d/big"] == Seen(0o100644, 1_000_000_001, content)


def test_a_full_restore_folder_stops_the_restore_and_is_named(tmp_path, small_fs):
    storage = layered(tmp_path, {b"%d" % n: b"x" * (20 << 20) for n in range(4)})
    into = small_fs / "into"
    into.mkdir()
    with pytest.raises(StoreFullError, match="into"):
        extract(storage, [plain(b"%d" % n, 20 << 20) for n in range(4)], [], into)
