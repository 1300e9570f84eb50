"""A person accepts a suspect run: what it missed is gone from now on, and earlier points keep it."""

from pathlib import Path

import pytest

from bckcore.domain.restore_point import Counted
from bckcore.domain.run import RunKind, RunOutcome
from bckcore.errors import ConflictError, InvalidInputError, NotFoundError
from bckcore.services.history_requests import AcceptRequest
from tests.support.desks import DOCS_PATH, Desk, T
from tests.support.house import DOCS
from tests.support.replay import Books, state_in_catalog
from tests.support.rewriting import Rewriting

PICS = "/home/u/pictures"


@pytest.fixture
def desk(quick_dir: Path) -> Desk:
    """Folders of 150 and 3 files, and two files; names around those of the folders."""
    desk = Desk(quick_dir)
    desk.write("a", "b", "many-x", "many0", "few/1", "few/2", "few/3")
    desk.many(150)
    desk.back_up()
    return desk


@pytest.fixture
def rewriting(desk: Desk) -> Rewriting:
    return Rewriting(desk.house)


def test_what_was_missing_is_gone_and_nothing_else(desk: Desk, rewriting: Rewriting) -> None:
    before = desk.world()
    desk.docs.delete(b"many")
    desk.docs.delete(b"a")
    suspect = desk.back_up()
    assert (suspect.outcome, suspect.made_point) == (RunOutcome.SUSPECT, False)
    plan = rewriting.accepts.plan(DOCS, AcceptRequest(reason="old disk"))
    assert (plan.run.seq, [entry.path for _, entry in plan.missing]) == (2, [b"a", b"many"])
    run = rewriting.accept(reason="old disk")
    assert (run.kind, run.outcome, run.made_point) == (RunKind.ACCEPT, RunOutcome.SUCCEEDED, True)
    assert (run.counts.gone, run.counts.files) == (151, 6)
    assert desk.newest().counted is Counted.COUNTED
    desk.assert_restores(before, 1)
    desk.assert_restores(desk.world(), 3)
    books = Books(desk.house.root)
    books.assert_chained()
    assert books.receipts[3]["note"] == "test accepted run 2: old disk"
    assert books.state(3) == state_in_catalog(desk.house, 3)
    quiet = desk.back_up()
    assert (quiet.outcome, quiet.made_point) == (RunOutcome.SUCCEEDED, False)


def test_a_suspect_run_with_changes_of_its_own_is_accepted_too(desk: Desk, rewriting: Rewriting) -> None:
    desk.docs.delete(b"many")
    desk.write("new")
    assert desk.back_up().made_point
    rewriting.accept(2)
    desk.assert_restores(desk.world(), 3)


def test_an_acceptance_can_be_undone(desk: Desk, rewriting: Rewriting) -> None:
    before = desk.world()
    desk.docs.delete(b"many")
    desk.back_up()
    rewriting.accept()
    rewriting.undo(3)
    desk.assert_restores(before, 4)


def test_only_what_a_source_missed_is_gone_from_it(quick_dir: Path) -> None:
    desk = Desk(quick_dir, sources=(DOCS_PATH, PICS))
    desk.write("x")
    desk.tree(PICS).write(b"x", b"1", T)
    desk.tree(PICS).write(b"y", b"1", T)
    desk.back_up()
    desk.tree(PICS).delete(b"x")
    desk.tree(PICS).delete(b"y")
    assert desk.back_up().outcome is RunOutcome.SUSPECT
    run = Rewriting(desk.house).accept()
    assert (run.counts.gone, run.counts.files) == (2, 1)
    desk.assert_restores(desk.world(PICS), 3, "pictures")
    desk.assert_restores(desk.world(), 3)


def test_a_run_that_looked_since_makes_it_out_of_date(desk: Desk, rewriting: Rewriting) -> None:
    whole = dict(desk.docs.nodes)
    desk.docs.delete(b"many")
    desk.back_up()
    desk.docs.nodes = whole
    desk.back_up()
    with pytest.raises(ConflictError, match=r"Run 3 \(backup\) came after run 2"):
        rewriting.accept(2)
    with pytest.raises(ConflictError, match="Run 3 of docs is not suspect"):
        rewriting.accept()
    assert desk.newest().seq == 1


def test_an_undo_since_makes_it_out_of_date_and_so_does_an_acceptance(
    desk: Desk, rewriting: Rewriting
) -> None:
    desk.docs.delete(b"many")
    desk.back_up()
    rewriting.undo(to=1)
    with pytest.raises(ConflictError, match=r"Run 3 \(undo\) came after run 2"):
        rewriting.accept(2)
    desk.back_up()
    rewriting.accept()
    with pytest.raises(ConflictError, match=r"Run 5 \(accept\) came after run 4"):
        rewriting.accept(4)


def test_a_run_that_came_to_nothing_since_is_no_look(desk: Desk, rewriting: Rewriting) -> None:
    desk.docs.delete(b"many")
    desk.back_up()
    desk.write("a", data=b"other", mtime_ns=T + 1)
    desk.host.cut_after = 0
    assert desk.back_up().outcome is RunOutcome.FAILED
    rewriting.accept(2)
    desk.back_up()
    desk.assert_restores(desk.world())


def test_what_is_no_suspect_run_is_refused(desk: Desk, rewriting: Rewriting) -> None:
    with pytest.raises(ConflictError, match="not suspect"):
        rewriting.accept()
    with pytest.raises(NotFoundError):
        rewriting.accept(7)
    with pytest.raises(InvalidInputError, match="needs a reason"):
        AcceptRequest(reason=" ")
    with pytest.raises(InvalidInputError):
        AcceptRequest(reason="x" * 1001)


def test_the_advice_of_a_suspect_run_names_both_ways(desk: Desk) -> None:
    desk.docs.delete(b"many")
    error = desk.back_up().error
    assert "`bck run accept docs --reason TEXT`" in error
    assert "`bck backup docs --accept-missing`" in error
