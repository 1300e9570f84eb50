"""A suspect run writes down what it missed, at little cost, and nothing of its state changes by that."""

from pathlib import Path

import pytest

from bckcore.domain.file_version import EntryKind
from bckcore.domain.manifest import FULL_EVERY
from bckcore.domain.paths import rel_path
from bckcore.domain.run import RunOutcome
from bckcore.services.missing import Topmost
from tests.support.desks import Desk
from tests.support.replay import Books, state_in_catalog
from tests.support.values import entry


@pytest.fixture
def desk(quick_dir: Path) -> Desk:
    """Two folders of 100 files each and two files; 205 paths with the folders and the root."""
    desk = Desk(quick_dir)
    desk.write("a", "b")
    desk.many(100)
    desk.many(100, "many-more")
    desk.back_up()
    return desk


def missing(desk: Desk, seq: int) -> list[bytes]:
    """The paths of the ``?`` lines."""
    changes = desk.house.storage.read_manifest(desk.newest_ref, seq)
    return [bytes(change.entry.path) for change in changes if change.op.value == "?"]


def test_only_the_topmost_missing_paths_are_named() -> None:
    named = Topmost()
    kinds = {b"a": "d", b"a-b": "f", b"a-c": "d", b"a-c/x": "f", b"a/x": "f", b"a/y/z": "f", b"a0": "f"}
    taken = [path for path in sorted(kinds) if named.takes(entry(path, EntryKind(kinds[path])))]
    assert taken == [b"a", b"a-b", b"a-c", b"a0"]


def test_a_root_is_never_named() -> None:
    assert not Topmost().takes(entry(b".", EntryKind.FOLDER))


def test_a_run_that_only_misses_names_the_folders_and_makes_no_point(desk: Desk) -> None:
    before = desk.entries(1)
    for folder in (b"many", b"many-more"):
        desk.docs.delete(folder)
    desk.docs.touch(b".", desk.docs.nodes[rel_path(b".")].mtime_ns)
    run = desk.back_up()
    assert (run.outcome, run.made_point, run.counts.gone) == (RunOutcome.SUSPECT, False, 0)
    assert missing(desk, 2) == [b"many", b"many-more"]
    assert desk.entries(2) == before
    assert desk.newest().seq == 1
    Books(desk.house.root).assert_chained()


def test_what_else_a_suspect_run_saw_makes_a_point_that_still_has_what_is_missing(desk: Desk) -> None:
    desk.docs.delete(b"many")
    for number in range(50):
        desk.docs.delete(b"many-more/%04d" % number)
    desk.write("new")
    run = desk.back_up()
    assert (run.outcome, run.made_point, run.counts.added) == (RunOutcome.SUSPECT, True, 1)
    named = missing(desk, 2)
    assert named[0] == b"many"
    assert len(named) == 51
    assert {b"many/0000", b"many-more/0000", b"new"} <= desk.entries(2).keys()
    assert Books(desk.house.root).state(2) == state_in_catalog(desk.house, 2)
    desk.restored()


def test_an_unplugged_disk_costs_a_few_lines_a_run_and_full_lists_stay_whole(desk: Desk) -> None:
    for name in list(desk.docs.nodes):
        if name != b".":
            desk.docs.delete(name)
    for _ in range(FULL_EVERY + 2):
        assert desk.back_up().outcome is RunOutcome.SUSPECT
    books = Books(desk.house.root)
    books.assert_chained()
    sizes = {seq: receipt["manifest"]["lines"] for seq, receipt in books.receipts.items()}
    full = [seq for seq, receipt in books.receipts.items() if receipt["manifest"]["base"] is None]
    assert {sizes[seq] for seq in sizes if seq not in full} == {4}
    assert [sizes[seq] for seq in full] == [205, 205]
    newest = max(sizes)
    assert books.state(newest) == state_in_catalog(desk.house, newest)


def test_what_comes_back_after_a_suspect_run_is_as_if_nothing_had_been(desk: Desk) -> None:
    whole = dict(desk.docs.nodes)
    desk.docs.delete(b"many")
    desk.docs.delete(b"many-more")
    desk.back_up()
    desk.docs.nodes = whole
    run = desk.back_up()
    assert (run.outcome, run.made_point) == (RunOutcome.SUCCEEDED, False)
    assert missing(desk, 2) == [b"many", b"many-more"]


def test_a_cut_run_before_a_suspect_one_leaves_right_books(desk: Desk) -> None:
    """What the cut run changed in current is told by its own line, beside the one for what is missing."""
    desk.write(*(f"many/{number:04d}" for number in range(100)), data=b"other", mtime_ns=9)
    desk.host.cut_after = 30
    assert desk.back_up().outcome is RunOutcome.FAILED
    desk.docs.delete(b"many")
    desk.docs.delete(b"many-more")
    run = desk.back_up()
    assert (run.outcome, run.made_point) == (RunOutcome.SUSPECT, True)
    assert Books(desk.house.root).state(3) == state_in_catalog(desk.house, 3)
    desk.restored()
