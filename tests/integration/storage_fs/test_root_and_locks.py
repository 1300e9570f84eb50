"""The root: set-up, what doctor sees, attempts, locks, restore folders, full file systems."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from bck_adapters.storage_fs import FsRestoreTargets, FsStorage
from bck_adapters.storage_fs.readme import FULL_RESTORE_AS_ROOT, FULL_RESTORE_AS_USER, TEXT
from bck_adapters.testkit.lacking import lacking
from bckcore.domain.ids import HostId, ProfileId, SourceName
from bckcore.domain.run import ProfileRef
from bckcore.errors import (
    ConflictError,
    InvalidInputError,
    RefusedError,
    StorageError,
    StoreBusyError,
    StoreFullError,
)
from tests.support.storage_fs import (
    REF,
    SOURCE,
    Link,
    folders,
    found,
    increment,
    new_store,
    plant,
    run_id,
    seen,
)

# --- set-up -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("umask", [0o000, 0o077, 0o777])
def test_everything_made_is_private_whatever_the_umask(tmp_path, umask):
    before = os.umask(umask)
    try:
        storage = FsStorage(tmp_path / "store")
        (tmp_path / "store").mkdir()
        (tmp_path / "store").chmod(0o700)
        storage.prepare()
        attempt = storage.begin_attempt(REF, run_id(1), SOURCE)
        os.link(tmp_path / "store" / "README.txt", attempt.displaced_dir / "f")
        storage.keep_displaced(attempt)
        storage.write_manifest(REF, seq=1, base=None, changes=[])
        for _ in range(2):
            with storage.lock(REF, wait_seconds=0):
                pass
    finally:
        os.umask(before)
    assert increment(tmp_path / "store", run_id(1)).joinpath("f").is_file()
    for path in (tmp_path / "store").rglob("*"):
        assert stat.S_IMODE(path.lstat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_prepare_may_be_repeated_and_leaves_nothing_but_the_layout(tmp_path):
    for _ in range(2):
        FsStorage(tmp_path / "a" / "b" / "store").prepare()
    store = tmp_path / "a" / "b" / "store"
    assert set(found(store)) == {b"README.txt", b"restore.sh", b".work/locks/setup.lock"}
    areas = {b"current", b".history", b".receipts", b".work", b".work/a", b".work/partial", b".work/locks"}
    assert folders(store) == areas
    assert all(finding.ok for finding in FsStorage(store).inspect() if finding.name != "storage space")


def test_a_root_may_be_prepared_by_many_at_once(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: FsStorage(tmp_path / "store").prepare(), range(40)))


def test_a_root_that_is_no_folder_or_not_mounted_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError):
        FsStorage(tmp_path / "file").prepare()
    (tmp_path / "mount-point").mkdir()
    for place in ("missing", "mount-point"):
        storage = FsStorage(tmp_path / place)
        with pytest.raises(StorageError, match="mount"):
            storage.begin_attempt(REF, run_id(1), SOURCE)
        with pytest.raises(StorageError, match="mount"):
            list(storage.receipts(REF))
        with pytest.raises(StorageError, match="mount"):
            storage.profiles()
        assert not all(finding.ok for finding in storage.inspect())


def test_an_area_that_is_a_link_is_refused(tmp_path):
    storage = new_store(tmp_path)
    (tmp_path / "store" / ".history").rmdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "store" / ".history").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StorageError):
        storage.prepare()
    assert not all(finding.ok for finding in storage.inspect())


PREPARE = """
import sys
from pathlib import Path
from bck_adapters.storage_fs import FsStorage
from bckcore.errors import StorageError

try:
    FsStorage(Path(sys.argv[1])).prepare()
except StorageError as exc:
    sys.exit(str(exc))
"""


@pytest.mark.parametrize("area", [".history", "current", ".work/a"])
@pytest.mark.parametrize("mount", ["mount -t tmpfs tmpfs", "mount --bind $PWD"])
def test_an_area_that_no_rename_reaches_is_refused(tmp_path, require_tool, area, mount):
    new_store(tmp_path)
    apart = [require_tool("unshare"), "--mount", "--propagation", "private"]
    if os.geteuid() != 0:
        apart += ["--user", "--map-root-user"]
    if subprocess.run([*apart, "true"], check=False, capture_output=True).returncode:
        lacking("this machine lets no ordinary user mount in a name space of his own")
    (tmp_path / "other").mkdir()
    places = [str(tmp_path / "store" / area), str(tmp_path / "store")]
    ended = subprocess.run(
        [*apart, "sh", "-c", f'{mount} "$2" && exec "$0" -c "$1" "$3"', sys.executable, PREPARE, *places],
        cwd=tmp_path / "other",
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 1
    assert f"store/{area} lies on another file system" in ended.stderr


def test_a_file_system_without_user_attributes_is_refused():
    storage = FsStorage(Path("/proc/self/bck-store"))
    with pytest.raises(StorageError):
        storage.prepare()


def test_space_is_that_of_the_file_system(tmp_path):
    space = new_store(tmp_path).space()
    assert 0 < space.bytes_free <= space.bytes_total


# --- the README -------------------------------------------------------------------------------------


def test_the_readme_says_how_to_restore_in_two_languages(tmp_path):
    new_store(tmp_path)
    text = (tmp_path / "store" / "README.txt").read_text("utf-8")
    assert text == TEXT
    for command in (FULL_RESTORE_AS_ROOT, FULL_RESTORE_AS_USER):
        assert text.count(" ".join(command)) == 2
    assert max(map(len, text.splitlines())) <= 110


def test_the_command_of_the_readme_brings_modes_times_and_links_back(roomy_dir, require_tool):
    rsync = require_tool("rsync")
    pc, back = roomy_dir / "pc", roomy_dir / "back"
    plant(pc, {b"d/f": b"1", b"d/l": Link(b"f"), b"script": b"2"})
    (pc / "empty").mkdir()
    (pc / "script").chmod(0o500)
    (pc / "d").chmod(0o555)
    for place in (pc / "d", pc / "script", pc):
        os.utime(place, ns=(1, 1_500_000_000_123_456_789))
    new_store(roomy_dir).begin_attempt(REF, run_id(1), SOURCE)
    store = increment(roomy_dir / "store", run_id(1)).parents[4] / "current" / "pc1" / "docs" / SOURCE
    subprocess.run([rsync, "-a", "--modify-window=-1", "-M--fake-super", f"{pc}/", f"{store}/"], check=True)
    _, *options = FULL_RESTORE_AS_ROOT if os.geteuid() == 0 else FULL_RESTORE_AS_USER
    subprocess.run([rsync, *options, f"{store}/", f"{back}/"], check=True)
    assert seen(back) == seen(pc)


# --- attempts ---------------------------------------------------------------------------------------


def test_every_attempt_gets_fresh_folders_and_a_number_of_its_own(tmp_path):
    storage = new_store(tmp_path)
    (tmp_path / "store" / ".work" / "a" / "3").mkdir()
    other = ProfileRef(host=HostId("pc2"), profile=ProfileId("docs"))
    attempts = [storage.begin_attempt(ref, run_id(1), SOURCE) for ref in (REF, other, REF)]
    assert [attempt.number for attempt in attempts] == [4, 5, 6]
    for attempt in attempts:
        for folder in (attempt.displaced_dir, attempt.temp_dir, attempt.work_dir, attempt.partial_dir):
            assert os.listdir(folder) == []
        assert attempt.destination.is_dir()
        assert len(str(attempt.displaced_dir.relative_to(tmp_path / "store"))) <= len(".work/a/nnnn/d")
    assert storage.unfolded(REF) == [attempts[0], attempts[2]]
    assert storage.unfolded(other) == [attempts[1]]


def test_partial_files_are_kept_between_attempts_and_freed_at_the_end(tmp_path):
    storage = new_store(tmp_path)
    first = storage.begin_attempt(REF, run_id(1), SOURCE)
    plant(first.partial_dir, {b"d/half": b"1"})
    storage.fold(first)
    second = storage.begin_attempt(REF, run_id(1), SOURCE)
    other = storage.begin_attempt(REF, run_id(1), SourceName("other"))
    plant(other.partial_dir, {b"x": b"1"})
    assert found(second.partial_dir) == {b"d/half": b"1"}
    storage.free_attempt_space(REF, SOURCE)
    storage.free_attempt_space(REF, SourceName("unknown"))
    assert found(second.partial_dir) == {}
    assert found(other.partial_dir) == {b"x": b"1"}


def test_a_damaged_record_of_an_attempt_is_named(tmp_path):
    storage = new_store(tmp_path)
    attempt = storage.begin_attempt(REF, run_id(1), SOURCE)
    record = attempt.work_dir.parent / "order.json"
    whole = json.loads(record.read_text())
    for damaged in (
        "",
        "[]",
        "{}",
        json.dumps(whole | {"run": "../../x"}),
        json.dumps(whole | {"source": ".."}),
    ):
        record.write_text(damaged)
        with pytest.raises(StorageError, match=r"order\.json"):
            storage.unfolded(REF)


@pytest.mark.parametrize("name", ["..", "a/b", "", ".hidden", "A"])
def test_names_that_are_no_names_never_become_paths(tmp_path, name):
    storage = new_store(tmp_path)
    with pytest.raises(InvalidInputError):
        storage.begin_attempt(REF, run_id(1), SourceName(name))
    with pytest.raises(InvalidInputError):
        storage.free(ProfileRef(host=HostId(name), profile=ProfileId("x")), run_id(1))


# --- locks ------------------------------------------------------------------------------------------


def test_a_held_lock_is_refused_after_the_wait_and_free_afterwards(tmp_path):
    storage = new_store(tmp_path)
    with storage.lock(REF, wait_seconds=0) as lock:
        assert lock.ref == REF
        started = time.monotonic()
        with (
            pytest.raises(StoreBusyError, match="docs"),
            FsStorage(tmp_path / "store").lock(REF, wait_seconds=0.2),
        ):
            pass
        assert 0.2 <= time.monotonic() - started < 5
    with storage.lock(REF, wait_seconds=0):
        pass


def test_profiles_whose_names_run_together_have_locks_of_their_own(tmp_path):
    storage = new_store(tmp_path)
    one = ProfileRef(host=HostId("a.b"), profile=ProfileId("c"))
    two = ProfileRef(host=HostId("a"), profile=ProfileId("b.c"))
    with storage.lock(one, wait_seconds=0), storage.lock(two, wait_seconds=0):
        pass


def test_a_process_that_inherits_the_lock_keeps_it(tmp_path):
    storage = new_store(tmp_path)
    with storage.lock(REF, wait_seconds=0) as lock:
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=[lock.fd])
    with pytest.raises(StoreBusyError), storage.lock(REF, wait_seconds=0):
        pass
    child.communicate(b"\n")
    with storage.lock(REF, wait_seconds=5):
        pass


# --- restore folders --------------------------------------------------------------------------------


def test_a_restore_folder_is_made_or_taken_when_empty(tmp_path):
    new_store(tmp_path)
    targets = FsRestoreTargets(tmp_path / "store")
    for _ in range(2):
        with targets.claim(tmp_path / "x" / "y") as target:
            assert target.path == tmp_path / "x" / "y"
    (tmp_path / "link").symlink_to(tmp_path / "x" / "y")
    with pytest.raises(RefusedError, match="is a link"):
        targets.claim(tmp_path / "link")
    with targets.claim(tmp_path / "link" / "z") as target:
        assert target.path == tmp_path / "x" / "y" / "z"
    (tmp_path / "x" / "y" / "z").rmdir()
    (tmp_path / "x" / "y" / ".hidden").touch()
    with pytest.raises(ConflictError, match="--keep-both"):
        targets.claim(tmp_path / "x" / "y")
    with targets.claim(tmp_path / "x" / "y", filled=True) as target:
        assert target.path == tmp_path / "x" / "y"
    with pytest.raises(ConflictError):
        targets.claim(tmp_path / "x" / "y" / ".hidden")


def test_a_restore_folder_in_or_around_the_storage_is_refused(tmp_path):
    new_store(tmp_path)
    (tmp_path / "way-in").symlink_to(tmp_path / "store" / "current")
    (tmp_path / "to-root").symlink_to(tmp_path / "store")
    for root in (tmp_path / "store", tmp_path / "to-root"):
        targets = FsRestoreTargets(root)
        for place in (
            "store",
            "store/current/new",
            "way-in",
            "way-in/new",
            "store/../store/x",
            ".",
            "to-root/y",
        ):
            with pytest.raises(RefusedError):
                targets.claim(tmp_path / place)
    assert folders(tmp_path / "store" / "current") == set()


def test_a_look_at_a_restore_folder_makes_nothing(tmp_path):
    new_store(tmp_path)
    targets = FsRestoreTargets(tmp_path / "store")
    assert targets.look(tmp_path / "x" / "y") == tmp_path / "x" / "y"
    assert not (tmp_path / "x").exists()
    with pytest.raises(RefusedError):
        targets.look(tmp_path / "store" / "new" / "er")


def test_a_restore_folder_that_cannot_be_one_is_invalid(tmp_path):
    new_store(tmp_path)
    (tmp_path / "loop").symlink_to("loop")
    for place in (tmp_path / "loop" / "x", Path("/tmp/a\0b")):
        with pytest.raises((InvalidInputError, ConflictError, RefusedError)):
            FsRestoreTargets(tmp_path / "store").claim(place)


# --- no room left -----------------------------------------------------------------------------------


def fill(folder: Path, size: int) -> list[Path]:
    """Write files of ``size`` until nothing more fits."""
    made: list[Path] = []
    folder.mkdir()
    with suppress(OSError):
        while True:
            made.append(folder / str(len(made)))
            made[-1].write_bytes(b"x" * size)
    return made


def test_a_fold_without_inodes_stops_keeps_all_and_is_completed_later(few_inodes_fs):
    storage = new_store(few_inodes_fs)
    attempt = storage.begin_attempt(REF, run_id(1), SOURCE)
    tree = {b"a/b/c": b"1", b"d/e": b"2"}
    plant(attempt.displaced_dir, tree)
    filler = fill(few_inodes_fs / "filler", 0)
    with pytest.raises(StoreFullError):
        storage.fold(attempt)
    with pytest.raises(StoreFullError):
        storage.begin_attempt(REF, run_id(1), SOURCE)
    with pytest.raises(StoreFullError):
        storage.write_manifest(REF, seq=1, base=None, changes=[])
    for path in filler[:50]:
        path.unlink(missing_ok=True)
    left = storage.unfolded(REF)  # the second, which was begun in what the first gave free, holds nothing
    assert left[0] == attempt
    assert sum(storage.fold(one).moved for one in left) == len(tree)
    assert storage.unfolded(REF) == []
    assert found(increment(few_inodes_fs / "store", run_id(1))) == tree


def test_folding_needs_no_bytes(small_fs):
    storage = new_store(small_fs)
    attempt = storage.begin_attempt(REF, run_id(1), SOURCE)
    plant(attempt.displaced_dir, {b"big": b"1" * 1_000_000})
    fill(small_fs / "filler", 1 << 20)
    with suppress(OSError):
        (small_fs / "last").write_bytes(b"x" * (1 << 20))
    assert storage.fold(attempt).moved == 1
