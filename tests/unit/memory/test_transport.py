"""The memory transport does what rsync does, and lies the way rsync lies."""

import pytest

from bckcore.domain.file_version import EntryKind
from bckcore.domain.paths import ROOT
from bckcore.domain.transfer import ProblemKind
from bckcore.errors import HostUnreachableError, JobCancelledError, TransferInterruptedError
from tests.support.memory_pull import PullBench, contents, expected, stored

T1, T2 = 1_700_000_000_111_111_111, 1_700_000_000_999_999_999


@pytest.fixture
def bench(tmp_path):
    return PullBench(tmp_path)


def test_a_pull_leaves_every_kind_of_path_in_its_stored_form(bench):
    bench.tree.write(b"a/plain.txt", b"one", T1, 0o4640)
    bench.tree.write(b"a/\xff \n'q", b"", T2, 0o600)
    bench.tree.symlink(b"a/link", b"../else where", T1)
    bench.tree.fifo(b"pipe", T2)
    bench.tree.mkdir(b"empty", T1, 0o1555)
    report = bench.pull()
    assert stored(bench.current) == expected(bench.tree)
    assert set(report.listing.paths()) == set(bench.tree.nodes)
    assert contents(bench.displaced) == {}


def test_a_second_pull_without_changes_reports_none(bench):
    bench.tree.write(b"a/f", b"x")
    bench.pull()
    report = bench.pull()
    assert list(report.listing.changes()) == []
    assert ROOT in set(report.listing.paths())


def test_an_overwritten_file_stands_in_the_displaced_folder(bench):
    bench.tree.write(b"a/f", b"old", T1)
    bench.pull()
    bench.tree.write(b"a/f", b"new!", T2)
    bench.pull()
    assert contents(bench.displaced) == {b"a/f": b"old"}
    assert contents(bench.current) == {b"a/f": b"new!"}


def test_a_deleted_file_stays_in_current(bench):
    bench.tree.write(b"f", b"x")
    bench.pull()
    bench.tree.delete(b"f")
    assert b"f" not in set(bench.pull().listing.paths())
    assert contents(bench.current) == {b"f": b"x"}


def test_a_folder_that_becomes_a_file_leaves_its_files_but_not_its_empty_folders(bench):
    bench.tree.write(b"x/in/f", b"1")
    bench.tree.mkdir(b"x/empty")
    bench.pull()
    bench.tree.write(b"x", b"file now")
    bench.pull()
    assert contents(bench.current) == {b"x": b"file now"}
    assert set(stored(bench.displaced)) == {b".", b"x", b"x/in", b"x/in/f"}


def test_a_file_that_becomes_a_folder_is_displaced(bench):
    bench.tree.write(b"x", b"file")
    bench.pull()
    bench.tree.write(b"x/f", b"1")
    bench.pull()
    assert contents(bench.displaced) == {b"x": b"file"}
    assert contents(bench.current) == {b"x/f": b"1"}


def test_attributes_change_in_place_without_a_displaced_copy(bench):
    bench.tree.write(b"f", b"x", T1, 0o644)
    bench.pull()
    bench.tree.chmod(b"f", 0o400)
    bench.tree.touch(b"f", T1)
    report = bench.pull()
    assert [seen.path for seen in report.listing.changes()] == [b"f"]
    assert [seen.digest for seen in report.listing.changes()] == [b""]
    assert stored(bench.current) == expected(bench.tree)
    assert contents(bench.displaced) == {}


@pytest.mark.parametrize(("whole_seconds", "kept"), [(False, b"two"), (True, b"one")])
def test_an_edit_in_the_same_second_is_missed_when_times_count_in_seconds(tmp_path, whole_seconds, kept):
    bench = PullBench(tmp_path, whole_seconds=whole_seconds)
    bench.tree.write(b"f", b"one", T1)
    bench.pull()
    bench.tree.write(b"f", b"two", T2)
    bench.pull()
    assert contents(bench.current) == {b"f": kept}


def test_an_unlistable_folder_is_listed_itself_and_hides_what_lies_below(bench):
    bench.tree.write(b"d/f", b"x")
    bench.pull()
    bench.tree.chmod(b"d", 0o000)
    report = bench.pull()
    assert report.unlisted == {b"d"}
    assert set(report.listing.paths()) == {b".", b"d"}
    assert [problem.kind for problem in report.problems] == [ProblemKind.UNLISTED]
    assert contents(bench.current) == {b"d/f": b"x"}


def test_an_unreadable_file_is_listed_and_its_old_version_stays(bench):
    bench.tree.write(b"f", b"old", T1)
    bench.pull()
    bench.tree.write(b"f", b"newer", T2, 0o000)
    report = bench.pull()
    assert b"f" in set(report.listing.paths())
    assert [(problem.kind, problem.path) for problem in report.problems] == [(ProblemKind.UNREADABLE, b"f")]
    assert contents(bench.current) == {b"f": b"old"}


def test_a_file_that_was_not_installed_is_listed_as_changed(bench):
    bench.tree.write(b"f", b"old", T1)
    bench.pull()
    bench.tree.write(b"f", b"newer", T2)
    bench.tree.not_installed.add(b"f")
    report = bench.pull()
    assert [seen.path for seen in report.listing.changes()] == [b"f"]
    assert contents(bench.current) == {b"f": b"old"}


def test_a_vanished_file_is_listed_and_reported(bench):
    bench.tree.write(b"f", b"x")
    bench.tree.vanishing.add(b"f")
    report = bench.pull()
    assert report.vanished == {b"f"}
    assert b"f" in set(report.listing.paths())
    assert contents(bench.current) == {}


def test_hints_are_stale_when_a_file_changes_while_it_is_read(bench):
    bench.tree.write(b"f", b"as listed")
    bench.tree.changes_while_read[b"f"] = b"longer than it was listed"
    (seen,) = (seen for seen in bench.pull().listing.changes() if seen.path == b"f")
    assert (seen.kind, seen.size) == (EntryKind.FILE, 9)
    assert contents(bench.current) == {b"f": b"longer than it was listed"}


def test_a_missing_source_folder_is_an_incomplete_listing_of_nothing(bench):
    bench.tree.write(b"f", b"x")
    bench.pull()
    bench.tree.delete(b".")
    report = bench.pull()
    assert report.unlisted == {ROOT}
    assert list(report.listing.paths()) == []
    assert contents(bench.current) == {b"f": b"x"}


def _two_states(bench):
    bench.tree.write(b"a/f", b"old", T1)
    bench.tree.write(b"b", b"file", T1)
    bench.tree.write(b"c/g", b"inner", T1)
    bench.pull()
    bench.tree.write(b"a/f", b"newer", T2)
    bench.tree.write(b"b/h", b"2", T2)
    bench.tree.write(b"c", b"now a file", T2)


@pytest.mark.parametrize("cut_after", range(12))
def test_a_cut_loses_nothing_and_a_retry_completes(bench, cut_after):
    _two_states(bench)
    bench.host.cut_after, bench.host.cut_mid_file = cut_after, True
    with pytest.raises(TransferInterruptedError):
        bench.pull()
    kept = set(contents(bench.current).values()) | set(contents(bench.displaced).values())
    assert {b"old", b"file", b"inner"} <= kept
    bench.pull()
    assert stored(bench.current) == expected(bench.tree)


def test_a_retry_lists_what_the_first_attempt_changed_as_unchanged(bench):
    _two_states(bench)
    bench.host.cut_after = 3
    with pytest.raises(TransferInterruptedError):
        bench.pull()
    assert contents(bench.displaced) == {b"a/f": b"old"}
    assert b"a/f" not in {seen.path for seen in bench.pull().listing.changes()}


def test_a_cut_leaves_folder_times_wrong_and_half_a_file_in_the_partial_folder(bench):
    bench.tree.write(b"d/f", b"12345678", T1)
    bench.tree.mkdir(b"d", T1)
    bench.host.cut_after, bench.host.cut_mid_file = 3, True
    with pytest.raises(TransferInterruptedError):
        bench.pull()
    assert contents(bench.root / "partial") == {b"f": b"1234"}
    assert stored(bench.current)[b"d"][2] != T1
    bench.pull()
    assert contents(bench.root / "partial") == {}
    assert stored(bench.current)[b"d"][2] == T1


def test_a_scripted_error_is_raised_before_anything_is_touched(bench):
    bench.tree.write(b"f", b"x")
    bench.host.errors.append(HostUnreachableError("It sleeps."))
    with pytest.raises(HostUnreachableError):
        bench.pull()
    assert contents(bench.current) == {}
    bench.pull()
    assert contents(bench.current) == {b"f": b"x"}


def test_a_cancelled_watcher_stops_the_pull(bench):
    bench.tree.write(b"f", b"x")
    bench.watcher.cancelled = True
    with pytest.raises(JobCancelledError):
        bench.pull()
