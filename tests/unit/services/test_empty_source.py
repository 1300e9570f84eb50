"""A folder in which there is not one file is backed up, and spoken of: it may be the wrong one."""

from pathlib import Path

import pytest

from bckcore.domain.run import RunOutcome
from tests.support.desks import DOCS_PATH, Desk, T

PICS = "/home/u/pics"


@pytest.fixture
def desk(quick_dir: Path) -> Desk:
    """A first run: docs has files, pics a folder alone."""
    desk = Desk(quick_dir, sources=(DOCS_PATH, PICS))
    desk.write("a", "d/x")
    desk.tree(PICS).mkdir(b"inner")
    assert desk.back_up().outcome is RunOutcome.SUCCEEDED
    return desk


def test_a_first_run_that_finds_no_file_says_so_with_what_to_do(desk: Desk) -> None:
    said = [line for line in desk.log.splitlines() if "no file" in line]
    assert len(said) == 1
    assert PICS in said[0]
    assert "--source" in said[0]
    assert "bck backup docs --dry-run" in said[0]


def test_it_is_a_warning_and_no_problem(desk: Desk) -> None:
    run = desk.back_up()
    assert (run.outcome, run.problem_count) == (RunOutcome.SUCCEEDED, 0)
    assert [line.partition(":")[0] for line in desk.log.splitlines() if "no file" in line] == ["warning"]


def test_once_there_is_a_file_nothing_is_said(desk: Desk) -> None:
    desk.tree(PICS).write(b"inner/p", b"1", T)
    desk.back_up()
    assert "no file" not in desk.log


def test_a_source_whose_files_could_not_be_read_has_problems_instead(quick_dir: Path) -> None:
    desk = Desk(quick_dir, sources=(DOCS_PATH, PICS))
    desk.write("a")
    desk.tree(PICS).write(b"d/p", b"1", T)
    desk.tree(PICS).chmod(b"d", 0o000)
    assert desk.back_up().outcome is RunOutcome.PARTIAL
    assert "no file" not in desk.log
