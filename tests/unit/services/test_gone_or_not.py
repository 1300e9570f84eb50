"""What is gone, and what only was not seen: law L3, rule by rule."""

from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from bckcore.domain.file_version import EntryKind
from bckcore.domain.paths import ROOT, RelPath
from bckcore.domain.restore_point import Counted
from bckcore.domain.run import RunOutcome
from bckcore.domain.transfer import PathProblem, ProblemKind, PullOrder
from bckcore.ports.transport import PullReport, Transport
from tests.support.desks import DOCS_PATH, Desk, Spoiled, T

PICS = "/home/u/pictures"


@pytest.fixture
def desk(quick_dir: Path) -> Desk:
    desk = Desk(quick_dir)
    desk.write("a", "b", "d/x", "d/y")
    return desk


def test_a_deleted_file_is_gone_from_the_next_point_and_kept_in_the_one_before(desk: Desk) -> None:
    desk.back_up()
    before = desk.world()
    desk.docs.delete(b"d/x")
    run = desk.back_up()
    assert (run.outcome, run.counts.gone) == (RunOutcome.SUCCEEDED, 1)
    assert desk.changes(2) == {"docs/d/x": "-"}
    desk.assert_restores(before, 1)
    desk.assert_restores(desk.world(), 2)


def test_a_run_that_sees_no_difference_makes_no_point_and_refreshes_the_newest(desk: Desk) -> None:
    first = desk.back_up()
    run = desk.back_up()
    assert (run.outcome, run.made_point, run.counts.files) == (RunOutcome.SUCCEEDED, False, 4)
    [point] = desk.house.points()
    assert (point.seq, point.finished, point.verified_at) == (1, first.finished, run.finished)


def test_a_run_that_could_not_see_all_does_not_refresh(desk: Desk) -> None:
    first = desk.back_up()
    desk.docs.vanishing.add(RelPath(b"d/x"))
    assert desk.back_up().outcome is RunOutcome.SUCCEEDED, "a stored file is not read again"
    desk.docs.write(b"d/x", b"data", T)
    desk.docs.write(b"b", b"new", T + 1, mode=0o000)
    run = desk.back_up()
    assert (run.outcome, run.made_point) == (RunOutcome.PARTIAL, False)
    assert first.finished is not None
    assert desk.newest().verified_at < (run.finished or first.finished)


def test_more_than_half_of_over_a_hundred_is_suspect_and_nothing_is_marked_gone(desk: Desk) -> None:
    desk.many(120)
    desk.back_up()
    before = desk.world()
    desk.docs.delete(b"many")
    desk.write("new")
    run = desk.back_up()
    assert (run.outcome, run.counts.gone, run.made_point) == (RunOutcome.SUSPECT, 0, True)
    assert desk.newest().counted is Counted.SUSPECT
    assert desk.entries(2).keys() == before.keys() | {b"new"}


def test_a_suspect_run_without_any_other_change_makes_no_point_and_stays_suspect(desk: Desk) -> None:
    desk.many(120)
    first = desk.back_up()
    desk.docs.delete(b"many")
    for _ in range(2):
        run = desk.back_up()
        assert (run.outcome, run.made_point) == (RunOutcome.SUSPECT, False)
    assert desk.newest().verified_at == first.finished


def test_what_a_suspect_run_carried_on_is_still_there_when_it_comes_back(desk: Desk) -> None:
    desk.many(120)
    desk.back_up()
    whole = dict(desk.docs.nodes)
    desk.docs.delete(b"many")
    desk.back_up()
    desk.docs.nodes = whole
    run = desk.back_up()
    assert (run.outcome, run.made_point) == (RunOutcome.SUCCEEDED, False)
    desk.assert_restores(desk.world())


@pytest.mark.parametrize(
    ("total", "deleted", "suspect"), [(100, 60, False), (101, 51, True), (102, 51, False)]
)
def test_the_border_of_suspicion(quick_dir: Path, total: int, deleted: int, suspect: bool) -> None:
    desk = Desk(quick_dir)
    for number in range(total - 1):  # the root is a path, too
        desk.write(f"{number:03d}")
    desk.back_up()
    for number in range(deleted):
        desk.docs.delete(f"{number:03d}".encode())
    assert desk.back_up().outcome is (RunOutcome.SUSPECT if suspect else RunOutcome.SUCCEEDED)


def test_a_folder_of_which_only_the_root_is_left_is_suspect_however_small_it_was(quick_dir: Path) -> None:
    """So looks a mount point whose disk is not plugged in."""
    desk = Desk(quick_dir)
    desk.write("only")
    desk.back_up()
    desk.docs.delete(b"only")
    run = desk.back_up()
    assert (run.outcome, run.made_point, run.counts.files) == (RunOutcome.SUSPECT, False, 1)


def test_the_suspicion_of_one_source_leaves_the_other_alone(quick_dir: Path) -> None:
    desk = Desk(quick_dir, sources=(DOCS_PATH, PICS))
    desk.many(120)
    desk.tree(PICS).write(b"p", b"1", T)
    desk.tree(PICS).write(b"q", b"1", T)
    desk.back_up()
    desk.docs.delete(b"many")
    desk.write("stays")
    desk.tree(PICS).delete(b"q")
    run = desk.back_up()
    assert run.outcome is RunOutcome.SUSPECT
    assert desk.changes(2) == {"docs/stays": "+", "pictures/q": "-"}


def test_what_lies_in_a_closed_folder_keeps_its_last_state(desk: Desk) -> None:
    desk.back_up()
    before = desk.world()
    desk.docs.chmod(b"d", 0o000)
    desk.write("c")
    run = desk.back_up()
    assert (run.outcome, run.problem_count, run.counts.gone) == (RunOutcome.PARTIAL, 1, 0)
    assert "unlisted: docs/d" in desk.log
    assert desk.changes(2) == {"docs/c": "+"}
    assert desk.entries(2)[b"d"].mode == 0
    desk.assert_restores(before, 1)


@pytest.mark.parametrize("cut_after", range(6))
def test_what_a_cut_run_moved_away_is_not_gone_for_being_out_of_sight_afterwards(
    quick_dir: Path, cut_after: int
) -> None:
    """A file becomes a folder; the run is cut between the two, and the next one cannot look there."""
    desk = Desk(quick_dir)
    desk.write("a", "b", "d/x", "d/y")
    desk.back_up()
    before = desk.world()
    desk.write("d/x/inner")
    desk.host.cut_after = cut_after
    desk.back_up()
    desk.docs.chmod(b"d", 0o000)
    desk.back_up()
    assert b"d/x" in desk.entries(3)
    desk.assert_restores(before, 1)


def test_what_was_deleted_in_a_closed_folder_is_gone_once_it_is_open_again(desk: Desk) -> None:
    desk.back_up()
    desk.docs.chmod(b"d", 0o000)
    desk.back_up()
    desk.docs.chmod(b"d", 0o755)
    desk.docs.delete(b"d/x")
    run = desk.back_up()
    assert (run.outcome, run.counts.gone) == (RunOutcome.SUCCEEDED, 1)
    desk.assert_restores(desk.world())


def test_a_point_is_weak_when_more_than_a_tenth_could_not_be_read(quick_dir: Path) -> None:
    desk = Desk(quick_dir)
    desk.many(10, "closed")
    desk.many(77, "open")
    desk.back_up()  # 90 paths: the root, two folders, 87 files
    desk.docs.chmod(b"closed", 0o000)
    desk.write("c")
    desk.back_up()
    assert desk.newest().counted is Counted.WEAK


def test_a_point_counts_when_a_tenth_at_most_could_not_be_read(quick_dir: Path) -> None:
    desk = Desk(quick_dir)
    desk.many(10, "closed")
    desk.many(87, "open")
    desk.back_up()  # 100 paths
    desk.docs.chmod(b"closed", 0o000)
    desk.write("c")
    assert desk.back_up().outcome is RunOutcome.PARTIAL
    assert desk.newest().counted is Counted.COUNTED


def test_unreadable_files_weaken_a_point_too(quick_dir: Path) -> None:
    desk = Desk(quick_dir)
    desk.many(20)
    desk.back_up()
    for number in range(5):
        desk.docs.write(f"many/{number:04d}".encode(), b"new", T + 1, mode=0)
    desk.write("c")
    desk.back_up()
    assert desk.newest().counted is Counted.WEAK


def test_problems_that_the_report_only_counts_weaken_a_point_as_well(quick_dir: Path) -> None:
    def shortened(order: PullOrder, report: PullReport) -> PullReport:
        return replace(report, problems=report.problems[:1])

    desk = Desk(quick_dir, wrapped=lambda inner: cast("Transport", Spoiled(inner, shortened)))
    desk.many(20)
    desk.back_up()
    for number in range(5):
        desk.docs.write(f"many/{number:04d}".encode(), b"new", T + 1, mode=0)
    desk.write("c")
    desk.back_up()
    assert desk.newest().counted is Counted.WEAK


def test_an_unreadable_file_carries_on_with_its_old_content(desk: Desk) -> None:
    desk.back_up()
    before = desk.world()
    desk.docs.write(b"b", b"secret new content", T + 1, mode=0o000)
    desk.write("c")
    run = desk.back_up()
    assert (run.outcome, run.counts.gone, run.counts.changed) == (RunOutcome.PARTIAL, 0, 0)
    assert "unreadable: docs/b" in desk.log
    desk.assert_restores(desk.world() | {b"b": before[b"b"]})


def test_an_unreadable_file_that_was_never_stored_is_in_no_point(desk: Desk) -> None:
    desk.docs.write(b"closed", b"x", T, mode=0o000)
    run = desk.back_up()
    assert run.outcome is RunOutcome.PARTIAL
    assert b"closed" not in desk.entries(1)
    assert desk.back_up().made_point is False


def test_a_file_that_vanished_carries_on_until_the_next_run(desk: Desk) -> None:
    desk.back_up()
    before = desk.world()
    desk.write("b", data=b"changed")
    desk.docs.vanishing.add(RelPath(b"b"))
    desk.write("c")
    run = desk.back_up()
    assert (run.outcome, run.problem_count) == (RunOutcome.SUCCEEDED, 1)
    desk.assert_restores(desk.world() | {b"b": before[b"b"]})
    assert desk.back_up().counts.gone == 1
    desk.assert_restores(desk.world())


def test_a_file_that_vanished_excuses_no_other_problem(desk: Desk) -> None:
    desk.back_up()
    desk.write("b", data=b"changed")
    desk.docs.vanishing.add(RelPath(b"b"))
    desk.docs.write(b"closed", b"x", T, mode=0o000)
    run = desk.back_up()
    assert (run.outcome, run.problem_count) == (RunOutcome.PARTIAL, 2)


def test_what_lay_in_a_folder_that_vanished_carries_on_with_it(quick_dir: Path) -> None:
    def vanished_folder(order: PullOrder, report: PullReport) -> PullReport:
        return replace(report, vanished=frozenset({RelPath(b"d")}))

    spoiled = Spoiled(cast("Transport", None), lambda order, report: report)

    def wrapped(inner: Transport) -> Transport:
        spoiled._inner = inner
        return cast("Transport", spoiled)

    desk = Desk(quick_dir, wrapped=wrapped)
    desk.write("a", "d/x", "d/deep/y")
    desk.back_up()
    spoiled.spoil = vanished_folder
    desk.docs.delete(b"d")
    desk.write("c")
    assert desk.back_up().counts.gone == 0
    assert {b"d", b"d/x", b"d/deep/y"} <= desk.entries(2).keys()
    spoiled.spoil = lambda order, report: report
    assert desk.back_up().counts.gone == 2


def test_a_message_that_nobody_understood_marks_nothing_gone_and_is_no_failure(quick_dir: Path) -> None:
    """The whole listing is incomplete then, though most of it is there."""

    def odd(order: PullOrder, report: PullReport) -> PullReport:
        problem = PathProblem(kind=ProblemKind.UNKNOWN, path=b"", message="what is this?")
        return replace(report, unlisted=frozenset({ROOT}), problems=(problem,), problem_count=1)

    desk = Desk(quick_dir, wrapped=lambda inner: cast("Transport", Spoiled(inner, odd)))
    desk.write("a", "b")
    assert desk.back_up().outcome is RunOutcome.PARTIAL
    desk.docs.delete(b"b")
    desk.write("c")
    run = desk.back_up()
    assert (run.outcome, run.counts.gone, run.made_point) == (RunOutcome.PARTIAL, 0, True)
    assert desk.entries(2).keys() == {b".", b"a", b"b", b"c"}


def test_a_path_that_came_back_unchanged_is_in_the_next_point_again(desk: Desk) -> None:
    desk.back_up()
    whole = desk.world()
    desk.docs.delete(b"d")
    desk.back_up()
    without = desk.world()
    desk.write("d/x", "d/y")
    run = desk.back_up()
    assert (run.counts.added, run.made_point) == (2, True)
    desk.assert_restores(without, 2)
    desk.assert_restores(desk.world(), 3)
    assert desk.world() == whole


def test_a_path_that_came_back_different_is_told_from_the_one_that_went(desk: Desk) -> None:
    desk.back_up()
    first = desk.world()
    desk.docs.delete(b"d/x")
    desk.back_up()
    second = desk.world()
    desk.write("d/x", data=b"another life", mtime_ns=T + 5)
    desk.back_up()
    for seq, world in ((1, first), (2, second), (3, desk.world())):
        desk.assert_restores(world, seq)


def test_types_change_to_and_fro(desk: Desk) -> None:
    worlds = []
    for _ in range(2):
        for make in (
            lambda: desk.docs.write(b"d", b"was a folder", T),
            lambda: desk.docs.symlink(b"d", b"a", T),
            lambda: desk.docs.mkdir(b"d", T, 0o700),
            lambda: desk.docs.fifo(b"d", T),
            lambda: desk.docs.write(b"d/x", b"a folder again", T),
        ):
            make()
            worlds.append(desk.world())
            assert desk.back_up().outcome is RunOutcome.SUCCEEDED
    for seq, world in enumerate(worlds, start=1):
        desk.assert_restores(world, seq)


def test_attributes_alone_are_a_difference(desk: Desk) -> None:
    desk.back_up()
    before = desk.world()
    desk.docs.chmod(b"a", 0o600)
    desk.docs.touch(b"b", T + 9)
    desk.docs.chown(b"d/x", 12, 34)
    run = desk.back_up()
    assert run.counts.changed == 3
    assert set(desk.changes(2).values()) <= {"A", "M"}
    assert (desk.entries(2)[b"d/x"].uid, desk.entries(1)[b"d/x"].uid) == (12, 1000)
    desk.assert_restores(before, 1)
    desk.assert_restores(desk.world(), 2)


def test_an_empty_folder_and_its_mode_are_part_of_a_point(desk: Desk) -> None:
    desk.docs.mkdir(b"empty", T, 0o711)
    desk.back_up()
    assert desk.entries(1)[b"empty"].kind is EntryKind.FOLDER
    desk.docs.delete(b"empty")
    assert desk.back_up().made_point
    desk.assert_restores(desk.world())


def test_a_file_whose_new_content_was_not_stored_is_missing_and_named(quick_dir: Path) -> None:
    """The old copy was moved aside already; it stays in the points before."""

    spoils: list[bool] = []

    def lose(order: PullOrder, report: PullReport) -> PullReport:
        if spoils:
            (order.destination / "b").rename(order.displaced_dir / "b")
        return report

    desk = Desk(quick_dir, wrapped=lambda inner: cast("Transport", Spoiled(inner, lose)))
    desk.write("a", "b")
    desk.back_up()
    spoils.append(True)
    first = desk.world()
    desk.docs.chmod(b"b", 0o600)
    run = desk.back_up()
    assert (run.outcome, run.problem_count) == (RunOutcome.PARTIAL, 1)
    assert "error: not-stored: b" in desk.log
    desk.assert_restores(first, 1)
    desk.assert_restores({path: thing for path, thing in first.items() if path != b"b"}, 2)


def test_what_the_storage_did_not_take_keeps_its_old_content(desk: Desk) -> None:
    desk.back_up()
    first = desk.world()
    desk.write("b", data=b"longer than before")
    desk.docs.not_installed.add(RelPath(b"b"))
    run = desk.back_up()
    assert (run.outcome, run.problem_count, run.made_point) == (RunOutcome.PARTIAL, 1, False)
    desk.assert_restores(first)
