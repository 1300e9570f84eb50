"""Going back to an earlier state on disk: what gives way is kept, increments stay, cuts heal."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bck_adapters.digest import digest_of
from bck_adapters.storage_fs import FsStorage
from bckcore.domain.file_version import EntryKind, FileEntry
from bckcore.domain.paths import RelPath
from bckcore.domain.stored_stat import XATTR_NAME
from bckcore.domain.transfer import PathProblem
from bckcore.ports.put_back import PutBackReport, StepBack
from tests.support.storage_fs import REF, SOURCE, cut_everywhere, found, increment, new_store, plant, run_id

UNDO = run_id(9)
T = 1_700_000_000_000_000_000


def file(path: bytes, content: bytes = b"", *, mtime_ns: int = T, mode: int = 0o640) -> FileEntry:
    """A plain file as the catalog has it."""
    owner, group = os.geteuid(), os.getegid()
    return FileEntry(
        RelPath(path), EntryKind.FILE, mode, owner, group, mtime_ns, len(content), b"", digest_of(content)
    )


def folder(path: bytes, mtime_ns: int = T) -> FileEntry:
    """A folder as the catalog has it."""
    return FileEntry(RelPath(path), EntryKind.FOLDER, 0o750, 12345, 1, mtime_ns, 0)


class Scene:
    """One source with a state in ``current`` and increments 2 and 3."""

    def __init__(self, base: Path) -> None:
        self.storage: FsStorage = new_store(base)
        self.root = base / "store"
        self.current = self.root / "current" / REF.host / REF.profile / SOURCE
        self.current.mkdir(parents=True)
        self.problems: list[PathProblem] = []

    def go_back(
        self, *steps: tuple[FileEntry | None, FileEntry | None], trusted: bool = True
    ) -> PutBackReport:
        """One attempt, folded at its end; the root is always among the steps."""
        top = folder(b".")
        ordered = sorted((StepBack(*step) for step in [*steps, (top, top)]), key=lambda step: step.path)
        attempt = self.storage.begin_attempt(REF, UNDO, SOURCE)
        report = self.storage.put_back(
            attempt, ordered, [run_id(2), run_id(3)], trusted=trusted, on_problem=self.problems.append
        )
        self.storage.fold(attempt)
        return report

    def now(self, path: bytes) -> FileEntry | None:
        """What stands in ``current``."""
        return next(iter(self.storage.stat(REF, SOURCE, [RelPath(path)])))[1]

    def displaced(self) -> dict[bytes, object]:
        """What the increment of the undo holds."""
        return dict(found(increment(self.root, UNDO)))


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_a_changed_file_comes_from_the_first_increment_and_gives_way_to_its_own(scene: Scene) -> None:
    plant(scene.current, {b"a": b"third!"})
    plant(increment(scene.root, run_id(2)), {b"a": b"first"})
    plant(increment(scene.root, run_id(3)), {b"a": b"second"})
    wanted = file(b"a", b"first", mtime_ns=T + 5, mode=0o4711)
    report = scene.go_back((file(b"a", b"third!"), wanted))
    assert (report.put, report.displaced, scene.problems) == (1, 1, [])
    assert found(scene.current) == {b"a": b"first"}
    assert scene.now(b"a") == wanted.without_digest()
    assert scene.displaced() == {b"a": b"third!"}
    assert found(increment(scene.root, run_id(2))) == {b"a": b"first"}
    assert found(increment(scene.root, run_id(3))) == {b"a": b"second"}


def test_bytes_that_stand_in_current_stay_and_get_their_attributes(scene: Scene) -> None:
    plant(scene.current, {b"gone": b"old", b"touched": b"same"})
    inode = (scene.current / "gone").stat().st_ino
    gone, touched = file(b"gone", b"old", mode=0o444), file(b"touched", b"same", mtime_ns=T + 1)
    report = scene.go_back((None, gone), (file(b"touched", b"same"), touched))
    assert (report.put, report.displaced) == (2, 0)
    assert (scene.now(b"gone"), scene.now(b"touched")) == (gone.without_digest(), touched.without_digest())
    assert (scene.current / "gone").stat().st_ino == inode
    assert scene.displaced() == {}


def test_what_was_added_moves_aside_and_empty_folders_go_but_not_what_is_older(scene: Scene) -> None:
    plant(scene.current, {b"new/x": b"1", b"new/deep/y": b"2", b"half/new": b"3", b"half/ghost": b"4"})
    steps = [folder(b"new"), file(b"new/x"), folder(b"new/deep"), file(b"new/deep/y"), folder(b"half")]
    scene.go_back(*((one, None) for one in [*steps, file(b"half/new")]))
    assert found(scene.current) == {b"half/ghost": b"4"}
    assert not (scene.current / "new").exists()
    assert scene.displaced() == {b"new/x": b"1", b"new/deep/y": b"2", b"half/new": b"3"}


def test_types_change_both_ways(scene: Scene) -> None:
    plant(
        scene.current,
        {b"to-folder": b"file now", b"to-file/x": b"1", b"to-file/old": b"2", b"to-file-2": b"3"},
    )
    plant(increment(scene.root, run_id(2)), {b"to-folder/in": b"inside", b"to-file": b"was a file"})
    scene.go_back(
        (file(b"to-folder", b"file now"), folder(b"to-folder")),
        (None, file(b"to-folder/in", b"inside")),
        (folder(b"to-file"), file(b"to-file", b"was a file")),
        (file(b"to-file/x", b"1"), None),
        (file(b"to-file-2", b"3"), file(b"to-file-2", b"3")),
    )
    assert scene.problems == []
    assert found(scene.current) == {
        b"to-folder/in": b"inside",
        b"to-file": b"was a file",
        b"to-file-2": b"3",
    }
    assert scene.displaced() == {b"to-folder": b"file now", b"to-file/x": b"1", b"to-file/old": b"2"}
    assert scene.now(b"to-folder") == folder(b"to-folder")


def test_links_and_pipes_are_written_anew_in_stored_form(scene: Scene) -> None:
    plant(scene.current, {b"l": b"other/target"})
    link = FileEntry(RelPath(b"l"), EntryKind.LINK, 0o777, 1, 2, T, 0, b"../\xff\n")
    pipe = FileEntry(RelPath(b"p"), EntryKind.FIFO, 0o600, 1, 2, T, 0)
    disk = FileEntry(RelPath(b"q"), EntryKind.BLOCK_DEVICE, 0o660, 0, 6, T, 0, b"8,1")
    scene.go_back((file(b"l"), link), (None, pipe), (None, disk))
    assert [scene.now(path) for path in (b"l", b"p", b"q")] == [link, pipe, disk]
    assert scene.displaced() == {b"l": b"other/target"}
    assert all((scene.current / name).is_file() for name in "lpq")


def test_a_folder_keeps_its_time_whatever_is_done_in_it(scene: Scene) -> None:
    plant(scene.current, {b"a": b"new", b"d/a": b"new", b"d/in/b": b"new"})
    plant(increment(scene.root, run_id(3)), {b"a": b"old", b"d/a": b"old", b"d/in/b": b"old"})
    same = [folder(b"d", T + 1), folder(b"d/in", T + 2)]
    scene.go_back(
        *((one, one) for one in same),
        (file(b"a", b"new"), file(b"a", b"old")),
        (file(b"d/a", b"new"), file(b"d/a", b"old")),
        (file(b"d/in/b", b"new"), file(b"d/in/b", b"old")),
    )
    assert [scene.now(b"d"), scene.now(b"d/in"), scene.now(b".")] == [*same, folder(b".")]


def test_names_of_any_bytes_and_of_full_length(scene: Scene) -> None:
    names = [b"-n", b"li\nne", b"caf\xe9", b"x" * 255, b" '\"\\$", b"d" * 255 + b"/" + b"e" * 255]
    plant(scene.current, dict.fromkeys(names, b"bad"))
    plant(increment(scene.root, run_id(2)), dict.fromkeys(names, b"good"))
    top = folder(b"d" * 255)
    scene.go_back((top, top), *((file(name, b"bad"), file(name, b"good")) for name in names))
    assert scene.problems == []
    assert found(scene.current) == dict.fromkeys(names, b"good")
    assert scene.displaced() == dict.fromkeys(names, b"bad")


def test_missing_or_shortened_bytes_are_a_problem_of_that_path_only(scene: Scene) -> None:
    plant(scene.current, {b"a": b"live", b"c": b"bad"})
    plant(increment(scene.root, run_id(2)), {b"a": b"short", b"c": b"good"})
    scene.go_back(
        (file(b"a", b"live"), file(b"a", b"was longer")),
        (None, file(b"b", b"nowhere")),
        (file(b"c", b"bad"), file(b"c", b"good")),
    )
    assert [problem.path for problem in scene.problems] == [b"a", b"b"]
    assert found(scene.current) == {b"a": b"live", b"c": b"good"}


def test_where_current_is_not_trusted_equal_paths_are_looked_at(scene: Scene) -> None:
    plant(scene.current, {b"a": b"cut", b"link": b"wrong"})
    plant(increment(scene.root, run_id(3)), {b"a": b"good"})
    good = file(b"a", b"good")
    link = FileEntry(RelPath(b"link"), EntryKind.LINK, 0o777, 1, 2, T, 0, b"right")
    scene.go_back((good, good), (link, link), trusted=True)
    assert found(scene.current)[b"link"] == b"wrong"
    scene.go_back((good, good), (link, link), trusted=False)
    assert found(scene.current) == {b"a": b"good", b"link": b"right"}


def test_bytes_that_are_only_said_to_be_the_same_give_way_to_those_in_an_increment(scene: Scene) -> None:
    plant(scene.current, {b"a": b"evil", b"b": b"good", b"c": b"here"}, mtime_ns=T)
    plant(increment(scene.root, run_id(3)), {b"a": b"good", b"b": b"good"}, mtime_ns=T)
    steps = [(file(name, b"good"), file(name, b"good")) for name in (b"a", b"b", b"c")]
    report = scene.go_back(*steps, trusted=True)
    assert (report.put, scene.problems) == (1, [])
    assert found(scene.current) == {b"a": b"good", b"b": b"good", b"c": b"here"}
    assert scene.displaced() == {b"a": b"evil"}


def test_a_second_name_of_a_stored_file_survives_merge_free_and_another_undo(scene: Scene) -> None:
    plant(scene.current, {b"a": b"bad"})
    plant(increment(scene.root, run_id(2)), {b"a": b"good"})
    scene.go_back((file(b"a", b"bad"), file(b"a", b"good")))
    again = scene.go_back((file(b"a", b"good"), file(b"a", b"good", mtime_ns=T + 1)), trusted=False)
    assert again.displaced == 0, "a file must not be displaced by itself"
    scene.storage.merge(REF, run_id(2), run_id(3))
    assert found(increment(scene.root, run_id(3))) == {b"a": b"good"}
    scene.storage.merge(REF, run_id(3), UNDO)
    assert scene.displaced() == {b"a": b"good"}
    scene.storage.free(REF, UNDO)
    assert found(scene.current) == {b"a": b"good"}


def test_where_files_get_no_second_name_they_are_copied(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_args: object, **_kwargs: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    plant(scene.current, {b"a": b"bad"})
    plant(increment(scene.root, run_id(2)), {b"a": b"good"})
    monkeypatch.setattr(os, "link", refused)
    report = scene.go_back((file(b"a", b"bad"), file(b"a", b"good")))
    assert report.copied in (0, 4)
    assert found(scene.current) == {b"a": b"good"}
    assert (scene.current / "a").stat().st_nlink == 1


def test_a_cut_at_any_change_of_the_file_system_heals(tmp_path: Path) -> None:
    scenes: list[Scene] = []

    def set_up() -> Callable[[], None]:
        scene = Scene(tmp_path / str(len(scenes)))
        scenes.append(scene)
        plant(scene.current, {b"a": b"bad", b"d/x": b"bad", b"new/y": b"bad", b"f/z": b"bad"})
        plant(increment(scene.root, run_id(2)), {b"a": b"good", b"d/x": b"good", b"f": b"good"})
        return lambda: go(scene)

    def go(scene: Scene) -> None:
        for left in scene.storage.unfolded(REF):
            scene.storage.fold(left)
        scene.go_back(
            (file(b"a", b"bad"), file(b"a", b"good")),
            (folder(b"d"), folder(b"d")),
            (file(b"d/x", b"bad"), file(b"d/x", b"good")),
            (folder(b"f"), file(b"f", b"good")),
            (file(b"f/z", b"bad"), None),
            (folder(b"new"), None),
            (file(b"new/y", b"bad"), None),
            trusted=False,
        )

    def check() -> None:
        scene = scenes[-1]
        assert scene.problems == []
        assert found(scene.current) == {b"a": b"good", b"d/x": b"good", b"f": b"good"}
        assert scene.displaced() == {b"a": b"bad", b"d/x": b"bad", b"new/y": b"bad", b"f/z": b"bad"}
        assert scene.storage.unfolded(REF) == []

    assert cut_everywhere(set_up, check) > 20


def test_the_attribute_is_written_as_rsync_writes_it(scene: Scene) -> None:
    plant(scene.current, {b"plain": b"1", b"odd": b"1"})
    scene.go_back((None, file(b"plain", b"1", mode=0o640)), (None, file(b"odd", b"1", mode=0o4640)))
    assert XATTR_NAME not in os.listxattr(scene.current / "plain")
    assert os.getxattr(scene.current / "odd", XATTR_NAME).startswith(b"104640 0,0 ")
