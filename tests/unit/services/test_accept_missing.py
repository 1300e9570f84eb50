"""A suspect run says what is missing and what to do; a person who accepts it ends the suspicion."""

from pathlib import Path

import pytest

from bckcore.domain.paths import RelPath
from bckcore.domain.restore_point import Counted
from bckcore.domain.run import RunOutcome
from tests.support.desks import DOCS_PATH, Desk, T

PICS = "/home/u/pictures"
MEANING = "Nothing was marked as deleted; everything kept stays."


@pytest.fixture
def desk(quick_dir: Path) -> Desk:
    """197 files in one folder, two beside it: 201 paths with the folder and the root."""
    desk = Desk(quick_dir)
    desk.write("a", "b")
    desk.many(197)
    return desk


def lose(desk: Desk, count: int) -> None:
    for number in range(count):
        desk.docs.delete(f"many/{number:04d}".encode())


def test_a_suspect_run_says_how_much_of_which_source_is_missing_and_the_way_out(desk: Desk) -> None:
    desk.back_up()
    lose(desk, 111)
    run = desk.back_up()
    assert run.outcome is RunOutcome.SUSPECT
    assert run.error_code == "files-missing"
    assert run.error.startswith("docs: 111 of 201 paths are missing. " + MEANING)
    assert "unplugged disk or a moved folder" in run.error
    assert "`bck backup docs --accept-missing`" in run.error
    assert f"warning: {run.error}" in desk.log


def test_an_empty_folder_is_called_empty(quick_dir: Path) -> None:
    desk = Desk(quick_dir)
    desk.write("only")
    desk.back_up()
    desk.docs.delete(b"only")
    assert desk.back_up().error.startswith("docs: 1 of 2 paths are missing (the folder is empty). ")


def test_every_suspect_source_is_named_and_no_other(quick_dir: Path) -> None:
    desk = Desk(quick_dir, sources=(DOCS_PATH, PICS, "/home/u/music"))
    for path in (DOCS_PATH, PICS, "/home/u/music"):
        desk.tree(path).write(b"x", b"1", T)
    desk.tree("/home/u/music").write(b"y", b"1", T)
    desk.back_up()
    for path in (DOCS_PATH, PICS, "/home/u/music"):
        desk.tree(path).delete(b"x")
    error = desk.back_up().error
    assert "docs: 1 of 2" in error
    assert "pictures: 1 of 2" in error
    assert "music" not in error


def test_an_accepted_run_marks_the_missing_as_gone_counts_and_ends_the_suspicion(desk: Desk) -> None:
    worlds = {1: desk.world()}
    desk.back_up()
    lose(desk, 150)
    desk.write("new")
    assert desk.back_up().outcome is RunOutcome.SUSPECT
    kept = worlds[1] | {b"new": desk.world()[b"new"], b".": desk.world()[b"."]}
    worlds[2] = {path: desk.world().get(path, node) for path, node in kept.items()}
    run = desk.back_up(accept_missing=True)
    worlds[3] = desk.world()
    assert (run.outcome, run.counts.gone, run.error) == (RunOutcome.SUCCEEDED, 150, "")
    assert desk.newest().counted is Counted.COUNTED
    assert "warning: docs: 150 of 202 paths are missing. They count as deleted" in desk.log
    assert "as test asked" in desk.log
    quiet = desk.back_up()
    assert (quiet.outcome, quiet.made_point) == (RunOutcome.SUCCEEDED, False)
    desk.write("later")
    desk.back_up()
    worlds[5] = desk.world()
    for seq, world in worlds.items():
        desk.assert_restores(world, seq)


def test_accepting_an_emptied_folder_leaves_its_root_and_the_older_point_whole(quick_dir: Path) -> None:
    desk = Desk(quick_dir)
    desk.write("only")
    before = desk.world()
    desk.back_up()
    desk.docs.delete(b"only")
    run = desk.back_up(accept_missing=True)
    assert (run.outcome, run.counts.files, run.counts.gone) == (RunOutcome.SUCCEEDED, 0, 1)
    desk.assert_restores(before, 1)
    desk.assert_restores(desk.world(), 2)


def test_what_comes_back_after_it_was_accepted_as_gone_is_stored_and_restores(desk: Desk) -> None:
    desk.back_up()
    whole = dict(desk.docs.nodes)
    lose(desk, 150)
    desk.back_up(accept_missing=True)
    desk.docs.nodes = whole
    run = desk.back_up()
    assert (run.outcome, run.counts.added) == (RunOutcome.SUCCEEDED, 150)
    desk.assert_restores(desk.world())


def test_accepting_takes_nothing_that_could_not_be_seen_as_gone(desk: Desk) -> None:
    """A folder that cannot be listed, a file that vanished midway, and what a filter hides."""
    desk.write("closed/x", "closed/y", "hidden.tmp", "fleeting")
    desk.back_up()
    before = desk.world()
    lose(desk, 150)
    desk.docs.chmod(b"closed", 0o000)
    desk.docs.write(b"fleeting", b"other", T + 1)
    desk.docs.vanishing.add(RelPath(b"fleeting"))
    desk.house.change_profile(excludes=("*.tmp",))
    run = desk.back_up(accept_missing=True)
    changes = {name: op for name, op in desk.changes(2).items() if not name.startswith("docs/many/")}
    assert run.outcome is RunOutcome.PARTIAL
    assert run.counts.gone == 150
    assert changes == {"docs/hidden.tmp": "X"}
    assert {b"closed/x", b"closed/y", b"fleeting"} <= desk.entries(2).keys()
    desk.assert_restores(before, 1)


def test_accepting_where_nothing_is_missing_is_a_plain_run(desk: Desk) -> None:
    desk.back_up()
    desk.write("new")
    run = desk.back_up(accept_missing=True)
    assert (run.outcome, run.counts.added, run.counts.gone) == (RunOutcome.SUCCEEDED, 1, 0)
    assert "warning" not in desk.log


def test_an_acceptance_holds_for_one_run_only(desk: Desk) -> None:
    desk.back_up(accept_missing=True)
    lose(desk, 150)
    assert desk.back_up().outcome is RunOutcome.SUSPECT


def test_a_source_that_cannot_be_read_at_all_is_not_gone_for_being_accepted(desk: Desk) -> None:
    desk.back_up()
    before = desk.world()
    desk.docs.chmod(b".", 0o000)
    run = desk.back_up(accept_missing=True)
    assert (run.outcome, run.error_code) == (RunOutcome.FAILED, "source-missing")
    desk.assert_restores(before)


def test_a_run_says_in_its_log_what_it_did(desk: Desk) -> None:
    run = desk.back_up()
    assert "info: Run 1 of docs started on pc1." in desk.log
    assert (
        f"info: Run 1 succeeded: 199 files, 199 added, 0 changed, 0 gone; restore point {run.id}." in desk.log
    )
    desk.back_up()
    assert "info: Run 2 succeeded: 199 files, no difference to the newest restore point." in desk.log
