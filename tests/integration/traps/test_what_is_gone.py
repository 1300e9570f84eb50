"""L3 over a real sshd: gone only when proved - filters, missing roots, vanished files, unplugged disks."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from bckcore.domain.restore_point import Counted
from bckcore.domain.run import RunOutcome
from bckcore.domain.transfer import TransferOptions
from tests.support.pc import MIB, T0, ObviousRecipe, Pc, good, make_pc, when_arrived
from tests.support.sshd import LoopbackSshd
from tests.support.worlds import FolderTree, World, differences


def test_deleted_files_leave_the_point_and_stay_in_the_store(pc: Pc) -> None:
    for name in (b"keep", b"drop", b"room/drop"):
        pc.docs.write(name, b"text of " + name, T0)
    expected: dict[int, World] = {}
    expected[good(pc.house.back_up()).seq] = pc.world()
    pc.docs.delete(b"drop")
    pc.docs.delete(b"room")
    run = good(pc.house.back_up())
    expected[run.seq] = pc.world()
    assert run.counts.gone == 2
    assert (pc.house.current() / "drop").read_bytes() == b"text of drop"
    pc.docs.write(b"drop", b"text of drop", T0)  # comes back as it was
    expected[good(pc.house.back_up()).seq] = pc.world()
    pc.docs.delete(b"drop")
    expected[good(pc.house.back_up()).seq] = pc.world()
    pc.docs.write(b"drop", b"comes back different", T0 + 9)
    expected[good(pc.house.back_up()).seq] = pc.world()
    pc.require_exact(expected)


def test_missing_source_root_loses_nothing(pc: Pc) -> None:
    pc.docs.write(b"note", b"text", T0)
    first = good(pc.house.back_up()).seq
    before = pc.world()
    pc.folder.rename(pc.folder.with_name("moved"))
    run = pc.house.back_up()
    assert (run.outcome, run.error_code) == (RunOutcome.FAILED, "source-missing")
    pc.require_exact({first: before})
    pc.folder.with_name("moved").rename(pc.folder)
    again = good(pc.house.back_up())
    assert again.made_point is False
    pc.require_exact({first: before})


def test_empty_source_root_is_suspect_and_loses_nothing(pc: Pc) -> None:
    """An unplugged disk: the mount point is there, and empty; rsync ends with 0."""
    for number in range(5):
        pc.docs.write(b"note %d" % number, b"text", T0)
    first = good(pc.house.back_up()).seq
    before = pc.world()
    disk = pc.folder.rename(pc.folder.with_name("disk"))
    pc.folder.mkdir()
    run = pc.house.back_up()
    assert run.outcome is RunOutcome.SUSPECT
    after = {**before, b".": pc.world()[b"."]}
    expected = {first: before, run.seq: after}
    pc.require_exact(expected)
    assert [point.counted for point in pc.house.points()] == [Counted.COUNTED, Counted.SUSPECT]
    pc.folder.rmdir()
    disk.rename(pc.folder)
    expected[good(pc.house.back_up()).seq] = before
    pc.require_exact(expected)


def test_filter_added_between_runs_excludes_and_does_not_delete(pc: Pc) -> None:
    for name in (b"a.txt", b"b.tmp", b"cache/c", b"keep/d.tmp"):
        pc.docs.write(name, b"text", T0)
    expected: dict[int, World] = {}
    expected[good(pc.house.back_up()).seq] = pc.world()
    pc.house.change_profile(excludes=("*.tmp", "/cache/", "!/keep/d.tmp"))
    run = good(pc.house.back_up())
    hidden = (b"b.tmp", b"cache", b"cache/c")
    expected[run.seq] = {path: thing for path, thing in pc.world().items() if path not in hidden}
    assert run.counts.gone == 0
    pc.house.change_profile(excludes=())
    expected[good(pc.house.back_up()).seq] = pc.world()
    pc.require_exact(expected)


def test_vanished_file_is_decided_by_the_next_run(tmp_path: Path, sshd: LoopbackSshd) -> None:
    pc = make_pc(tmp_path, sshd, options=TransferOptions(attempts=1, bandwidth_limit=8 * MIB))
    pc.docs.write(b"z last", b"here at first", T0)
    first = good(pc.house.back_up()).seq
    before = pc.world()
    pc.docs.write(b"a first", os.urandom(8 * MIB), T0)
    pc.docs.write(b"z last", b"changed, then gone", T0 + 1)
    with when_arrived(pc.store, 2 * MIB, lambda: pc.docs.delete(b"z last")):
        run = pc.house.back_up()
    assert (good(run).problem_count, run.made_point) == (1, True), pc.house.watcher.lines
    carried = {**pc.world(), b"z last": before[b"z last"]}
    found = pc.restored(run.seq)
    carried[b"."] = found[b"."]  # its time was read before the file vanished
    assert differences(carried, found) == []
    second = good(pc.house.back_up())
    assert second.counts.gone == 1
    assert differences(before, pc.restored(first)) == []
    assert differences(pc.world(), pc.restored(second.seq)) == []


def test_two_sources_with_the_same_last_component_stay_apart(tmp_path: Path, sshd: LoopbackSshd) -> None:
    one, two = tmp_path / "pc" / "one" / "docs", tmp_path / "pc" / "two" / "docs"
    trees = [FolderTree(one), FolderTree(two)]
    for number, tree in enumerate(trees):
        tree.write(b"note", b"of tree %d" % number, T0)
    pc = make_pc(tmp_path, sshd, sources=(str(one), str(two)))
    seq = good(pc.house.back_up()).seq
    assert differences(pc.world(one), pc.restored(seq, "docs")) == []
    assert differences(pc.world(two), pc.restored(seq, "docs-2")) == []


def test_two_sources_swallow_one_another_with_the_obvious_recipe(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "docs").mkdir(parents=True)
        (tmp_path / name / "docs" / "note").write_text(name)
    recipe = ObviousRecipe(tmp_path, tmp_path / "one")
    argv = recipe.argv("run1")
    argv[-2:-1] = [str(tmp_path / "one" / "docs"), str(tmp_path / "two" / "docs")]
    assert os.spawnvp(os.P_WAIT, argv[0], argv) == 0
    assert len(recipe.contents("note")) == 1


def test_user_folder_called_like_a_partial_dir_is_backed_up(pc: Pc) -> None:
    pc.docs.write(b".rsync-partial/mine", b"a user's file", T0)
    seq = good(pc.house.back_up()).seq
    pc.require_exact({seq: pc.world()})


def test_user_folder_called_like_a_partial_dir_is_hidden_by_the_obvious_recipe(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    (folder / ".rsync-partial").mkdir(parents=True)
    (folder / ".rsync-partial" / "mine").write_text("a user's file")
    recipe = ObviousRecipe(tmp_path, folder)
    assert recipe.run("run1", "--partial-dir=.rsync-partial") == 0
    assert recipe.contents("mine") == []


def test_path_too_long_to_be_put_aside_is_not_overwritten_and_says_what_to_do(pc: Pc) -> None:
    """A path that just fits on the PC and, with our folders before it, no longer on the server."""
    room = 4090 - len(os.fsencode(pc.docs.root))
    names = [b"x" * 220] * (room // 221)
    far = b"far".ljust(min(220, room - len(names) * 221 - 1), b"r")
    pc.docs.write(b"note", b"text", T0)
    written(pc.docs.root, names, far, b"one")
    pc.docs.write(b"note", b"one", T0)
    assert good(pc.house.back_up()).seq == 1
    assert read(os.fsencode(pc.house.current()), names, far) == b"one"
    written(pc.docs.root, names, far, b"second")
    pc.docs.write(b"note", b"second", T0 + 1)
    run = pc.house.back_up()
    assert run.outcome is RunOutcome.FAILED
    assert "of more than 4,000 bytes" in run.error
    assert read(os.fsencode(pc.house.current()), names, far) == b"one"
    pc.house.change_profile(excludes=("/x*",))
    assert pc.house.back_up().outcome is RunOutcome.SUCCEEDED
    assert (pc.house.current() / "note").read_bytes() == b"second"


def written(root: bytes, names: Sequence[bytes], last: bytes, content: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    with entered(root, names, make=True) as handle, open(os.open(last, flags, dir_fd=handle), "wb") as file:
        file.write(content)


def read(root: bytes, names: Sequence[bytes], last: bytes) -> bytes:
    with entered(root, names) as handle, open(os.open(last, os.O_RDONLY, dir_fd=handle), "rb") as file:
        return file.read()


@contextmanager
def entered(folder: bytes, names: Sequence[bytes], *, make: bool = False) -> Iterator[int]:
    """A handle of a folder that is too deep to be named as a whole."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        for name in names:
            if make:
                with suppress(FileExistsError):
                    os.mkdir(name, dir_fd=handle)
            inner = os.open(name, os.O_RDONLY, dir_fd=handle)
            os.close(handle)
            handle = inner
        yield handle
    finally:
        os.close(handle)


def test_an_unreadable_file_is_named_once_in_the_log(pc: Pc) -> None:
    pc.docs.write(b"note", b"text", T0)
    pc.docs.write(b"other", b"text", T0)
    pc.docs.chmod(b"note", 0)
    assert pc.house.back_up().outcome is RunOutcome.PARTIAL
    [named] = [line for line in pc.house.watcher.lines if "note" in line]
    assert named.startswith("warning: unreadable: docs/note: rsync: ")
    theirs = [line for line in pc.house.watcher.lines if "some files/attrs were not transferred" in line]
    assert [line.partition(" ")[0] for line in theirs] == ["info:"]
