"""What is staged for a push: exact, in batches, and gone afterwards whatever happens."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from bck_adapters.digest import digest_of
from bck_adapters.storage_fs import FsStorage
from bck_adapters.testkit.stored import StoredEntry, stored_tree
from bckcore.domain.file_version import EntryKind, FileEntry
from bckcore.domain.ids import HostId, ProfileId, RunId, SourceName
from bckcore.domain.paths import ROOT, RelPath, rel_path
from bckcore.domain.run import ProfileRef
from bckcore.domain.stored_stat import XATTR_NAME
from bckcore.errors import JobCancelledError, StoreFullError
from bckcore.ports.extraction import Wanted
from bckcore.ports.storage import StagedBatch

REF = ProfileRef(host=HostId("pc1"), profile=ProfileId("docs"))
SOURCE = SourceName("home")
RUN = RunId("20250101T000000Z-00000001")
T = 1_700_000_000_123_456_789


class Small(FsStorage):
    """Batches of four entries, or a little more than 1,000 bytes."""

    batch_entries = 4
    batch_room = 1000


@pytest.fixture
def storage(tmp_path: Path) -> Small:
    found = Small(tmp_path / "store")
    found.prepare()
    return found


def put(storage_root: Path, path: str, data: bytes, *, area: str = "current", mtime_ns: int = T) -> Path:
    """A stored file."""
    base = storage_root / ("current" if area == "current" else f".history/{area}")
    file = base / "pc1" / "docs" / "home" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    file.chmod(0o600)
    os.utime(file, ns=(mtime_ns, mtime_ns))
    return file


def entry(path: bytes, size: int = 0, kind: EntryKind = EntryKind.FILE, **more: object) -> Wanted:
    """What is wanted; owned by whoever runs the tests."""
    fields = {"mode": 0o600, "uid": os.geteuid(), "gid": os.getegid(), "mtime_ns": T} | more
    return Wanted(FileEntry(path=rel_path(path), kind=kind, size=size, **fields))  # type: ignore[arg-type]  # test


def known(path: bytes, data: bytes, mtime_ns: int = T) -> Wanted:
    """A file whose digest is known."""
    return entry(path, len(data), digest=digest_of(data), mtime_ns=mtime_ns)


def folder(path: bytes, **more: object) -> Wanted:
    return entry(path, 0, EntryKind.FOLDER, **({"mode": 0o755} | more))


def staged(
    storage: FsStorage, wanted: Iterable[Wanted], increments: tuple[RunId, ...] = ()
) -> list[tuple[StagedBatch, dict[bytes, StoredEntry]]]:
    """Every batch and what stood in it."""
    with storage.stage(REF, SOURCE, wanted, increments, lambda _: None) as batches:
        return [(batch, stored_tree(batch.origin)) for batch in batches]


def left(root: Path) -> list[Path]:
    return [path for path in (root / ".work" / "r").rglob("*") if path.name not in ("pc1", "docs")]


def test_everything_stands_there_as_the_point_had_it(storage: Small, tmp_path: Path) -> None:
    put(tmp_path / "store", "d/f", b"now")
    put(tmp_path / "store", "d/f", b"then", area=RUN, mtime_ns=T + 3)
    wanted = [
        folder(b".", mode=0o750, mtime_ns=T + 1),
        folder(b"d", mode=0o500, mtime_ns=T + 2),
        entry(b"d/f", 4, mode=0o4755, uid=54321, mtime_ns=T + 3),
        entry(b"d/l", kind=EntryKind.LINK, target=b"/some\xff where", mode=0o777),
    ]
    ((batch, found),) = staged(storage, wanted, (RUN,))
    assert found == {
        b".": StoredEntry(kind=EntryKind.FOLDER, mode=0o750, mtime_ns=T + 1),
        b"d": StoredEntry(kind=EntryKind.FOLDER, mode=0o500, mtime_ns=T + 2),
        b"d/f": StoredEntry(kind=EntryKind.FILE, mode=0o4755, mtime_ns=T + 3, data=b"then"),
        b"d/l": StoredEntry(kind=EntryKind.LINK, mode=0o777, mtime_ns=T, data=b"/some\xff where"),
    }
    assert (batch.files, batch.bytes, batch.last, batch.problems) == (2, 4, b"d/l", ())
    assert batch.folders == {b".", b"d"}
    assert left(tmp_path / "store") == []


def test_special_files_carry_what_they_are(storage: Small) -> None:
    wanted = [
        entry(b"dev", kind=EntryKind.BLOCK_DEVICE, target=b"8,1"),
        entry(b"pipe", kind=EntryKind.FIFO, mode=0o644),
    ]
    with storage.stage(REF, SOURCE, wanted, (), lambda _: None) as batches:
        origin = next(batches).origin
        owner = f"{os.geteuid()}:{os.getegid()}".encode()
        assert os.getxattr(origin / "dev", XATTR_NAME) == b"60600 8,1 " + owner
        assert os.getxattr(origin / "pipe", XATTR_NAME) == b"10644 0,0 " + owner


def test_each_batch_holds_the_folders_of_what_it_holds_with_their_times(
    storage: Small, tmp_path: Path
) -> None:
    names = [b"%02d" % number for number in range(10)]
    for name in names:
        put(tmp_path / "store", f"a/b/{name.decode()}", name)
    wanted = [
        folder(b"a", mtime_ns=T + 1),
        folder(b"a-b", mtime_ns=T + 2),
        folder(b"a/b", mtime_ns=T + 3),
        *(entry(b"a/b/" + name, 2) for name in names),
    ]
    found = staged(storage, wanted)
    assert len(found) == 4
    for batch, tree in found:
        assert tree[b"a"].mtime_ns == T + 1
        assert {path for path in tree if tree[path].kind is EntryKind.FOLDER} - {b"."} == set(batch.folders)
    assert [b"a-b" in tree for _, tree in found] == [True, False, False, False]
    assert [tree[b"a/b"].mtime_ns for _, tree in found] == [T + 3] * 4
    together = [path for _, tree in found for path in tree if tree[path].kind is EntryKind.FILE]
    assert sorted(together) == [b"a/b/" + name for name in names]
    assert [batch.last for batch, _ in found] == [b"a/b/00", b"a/b/04", b"a/b/08", b"a/b/09"]


def test_the_root_stands_in_each_batch_from_where_it_comes(storage: Small, tmp_path: Path) -> None:
    for name in ("!1", "!2", "!3", "!4", "a"):
        put(tmp_path / "store", name, b"x")
    names = (b"!1", b"!2", b"!3", b"!4")
    wanted = [*(entry(name, 1) for name in names), folder(b".", mode=0o750), entry(b"a", 1)]
    found = staged(storage, wanted)
    assert [ROOT in batch.folders for batch, _ in found] == [False, True]
    assert found[1][1][b"."].mode == 0o750


def test_a_batch_takes_little_room_and_one_large_file(storage: Small, tmp_path: Path) -> None:
    for name, size in (("a", 600), ("b", 600), ("c", 5000), ("d", 10)):
        put(tmp_path / "store", name, b"x" * size)
    sizes = ((b"a", 600), (b"b", 600), (b"c", 5000), (b"d", 10))
    wanted = [entry(name, size, mode=0o640) for name, size in sizes]  # another mode: it has to be copied
    assert [batch.bytes for batch, _ in staged(storage, wanted)] == [600, 600, 5000, 10]


def test_a_stored_file_that_is_exactly_so_is_linked_and_any_other_copied(
    storage: Small, tmp_path: Path
) -> None:
    root = tmp_path / "store"
    same, other = put(root, "same", b"1"), put(root, "other", b"2")
    wanted = [entry(b"mode", 1, mode=0o640), known(b"other", b"2", T + 1), entry(b"same", 1)]
    put(root, "mode", b"3")
    with storage.stage(REF, SOURCE, wanted, (), lambda _: None) as batches:
        origin = next(batches).origin
        assert os.path.samefile(origin / "same", same)
        assert not os.path.samefile(origin / "other", other)
        assert os.stat(origin / "mode").st_nlink == 1
    assert same.read_bytes() == b"1"
    assert (same.stat().st_nlink, same.stat().st_mtime_ns) == (1, T)


def test_bytes_that_are_lost_are_a_problem_and_the_rest_is_staged(storage: Small, tmp_path: Path) -> None:
    put(tmp_path / "store", "short", b"x")
    put(tmp_path / "store", "there", b"x")
    wanted = [entry(b"lost", 1), entry(b"short", 2), entry(b"there", 1)]
    ((batch, found),) = staged(storage, wanted)
    assert [problem.path for problem in batch.problems] == [b"lost", b"short"]
    assert set(found) == {b".", b"there"}
    assert batch.files == 1


def test_nothing_wanted_is_no_batch(storage: Small) -> None:
    assert staged(storage, []) == []


def test_an_error_in_between_leaves_nothing(storage: Small, tmp_path: Path) -> None:
    put(tmp_path / "store", "f", b"x" * 100)

    def stop(_count: int) -> None:
        raise JobCancelledError("stop")

    with (
        pytest.raises(JobCancelledError),
        storage.stage(REF, SOURCE, [entry(b"f", 100, mode=0o640)], (), stop) as batches,
    ):
        next(batches)
    assert left(tmp_path / "store") == []


def leftovers(storage: FsStorage, root: Path) -> None:
    """What a crash leaves: a batch whose context never ends."""
    put(root, "f", b"x")
    context = storage.stage(REF, SOURCE, [entry(b"f", 1)], (), lambda _: None)
    batch = next(context.__enter__())
    crashed = root / "crashed"
    os.rename(batch.origin, crashed)
    context.__exit__(None, None, None)
    (root / ".work" / "r" / "pc1" / "docs" / "w").mkdir(parents=True)
    os.rename(crashed, batch.origin)
    (batch.origin / "closed").mkdir(mode=0o500)
    assert (batch.origin / "f").exists()


def test_what_a_crash_left_goes_when_the_storage_is_prepared(storage: Small, tmp_path: Path) -> None:
    leftovers(storage, tmp_path / "store")
    FsStorage(tmp_path / "store").prepare()
    assert left(tmp_path / "store") == []


def test_what_a_restore_that_goes_on_has_staged_stays(storage: Small, tmp_path: Path) -> None:
    leftovers(storage, tmp_path / "store")
    with storage.lock(REF, wait_seconds=0):
        FsStorage(tmp_path / "store").prepare()
        assert left(tmp_path / "store") != []


def test_what_a_crash_left_goes_with_the_next_restore(storage: Small, tmp_path: Path) -> None:
    leftovers(storage, tmp_path / "store")
    ((_, found),) = staged(storage, [entry(b"f", 1)])
    assert set(found) == {b".", b"f"}
    assert left(tmp_path / "store") == []


def test_a_full_store_says_so_and_keeps_nothing_staged(small_fs: Path) -> None:
    storage = FsStorage(small_fs / "store")
    storage.prepare()
    put(small_fs / "store", "big", os.urandom(40 << 20))
    free = storage.space().bytes_free
    with (
        pytest.raises(StoreFullError) as caught,
        storage.stage(REF, SOURCE, [entry(b"big", 40 << 20, mode=0o640)], (), lambda _: None) as batches,
    ):
        next(batches)
    assert caught.value.advice
    assert left(small_fs / "store") == []
    assert storage.space().bytes_free >= free - (1 << 20)


def test_odd_and_deep_paths_are_staged(storage: Small, tmp_path: Path) -> None:
    deep = b"/".join([b"n" * 255, b"new\nline", b"\xff\xfe", b"-rf"])
    put(tmp_path / "store", os.fsdecode(deep), b"x")
    above = [RelPath(deep[:at]) for at in range(len(deep)) if deep[at : at + 1] == b"/"]
    ((_, found),) = staged(storage, [*map(folder, above), entry(deep, 1)])
    assert found[deep].data == b"x"
