"""Forgetting what no manifest tells of: files that failed runs of a source left, which was dropped later."""

from dataclasses import replace
from pathlib import Path

import pytest

from bckcore.domain.act import ActKind
from bckcore.errors import InvalidInputError, NotFoundError
from bckcore.services.history_requests import ForgetRequest
from tests.support.checking import assert_check_is_clean, checked, told
from tests.support.desks import DOCS_PATH, Desk, T
from tests.support.house import DOCS
from tests.support.rebuilds import new_database, rebuilding
from tests.support.rewriting import Rewriting

PICS = "/home/u/pictures"


@pytest.fixture
def desk(quick_dir: Path) -> Desk:
    """``docs`` is a source no more: files of a cut run are all of it, and the database was made anew."""
    desk = Desk(quick_dir, sources=(DOCS_PATH, PICS))
    desk.write("a", "b", "c", "d/e")
    desk.tree(PICS).write(b"p", b"picture", T)
    desk.host.cut_after = 5
    desk.back_up()
    desk.use(PICS)
    desk.back_up()
    rebuilding(desk.house).rebuild(desk.newest_ref)
    return desk


def stored(desk: Desk) -> set[str]:
    return {str(one.relative_to(desk.house.current())) for one in desk.house.current().rglob("*")}


def test_a_plan_shows_it_and_changes_nothing(desk: Desk) -> None:
    before = stored(desk)
    assert "a" in before
    plan = Rewriting(desk.house).forgets.plan(DOCS, b"docs/a")
    assert (plan.name, plan.files, plan.points, plan.comes_back) == ("docs/a", 1, (), False)
    assert [place.run for place in plan.places] == [None]
    assert Rewriting(desk.house).forgets.check(DOCS, b"docs") == ("docs", b".")
    assert stored(desk) == before


def test_one_file_of_it_goes_and_the_others_stay(desk: Desk) -> None:
    before = stored(desk)
    Rewriting(desk.house).forget(b"docs/a")
    assert stored(desk) == before - {"a"} != set()


@pytest.mark.parametrize("path", [b"docs", b"docs/"])
def test_it_goes_as_a_whole_and_checks_find_it_no_more(desk: Desk, path: bytes) -> None:
    assert told(checked(desk.house)) == {("extra", "current", b"docs")}
    Rewriting(desk.house).forget(path)
    assert stored(desk) == set()
    assert_check_is_clean(desk.house)
    [(act, _)] = desk.house.storage.acts(desk.newest_ref)
    assert (act.kind, [source for source, _ in act.paths]) == (ActKind.FORGET, ["docs"])
    desk.assert_restores(desk.world(PICS), source="pictures")


def test_runs_and_rebuilds_after_it_go_on(desk: Desk) -> None:
    Rewriting(desk.house).forget(b"docs")
    desk.tree(PICS).write(b"q", b"picture", T)
    desk.back_up()
    desk.assert_restores(desk.world(PICS), source="pictures")
    rebuilding(desk.house, new_database(desk.house)).rebuild(desk.newest_ref)
    rebuilding(desk.house).rebuild(desk.newest_ref)
    assert_check_is_clean(desk.house)


def test_a_job_that_another_runner_takes_up_after_the_act_ends_well(desk: Desk) -> None:
    rewriting = Rewriting(desk.house)
    rewriting.forget(b"docs", reason="the law")
    [(act, _)] = desk.house.storage.acts(desk.newest_ref)
    with rewriting.claimed(ForgetRequest(path=b"docs", reason="the law")) as claim:
        again = replace(claim, job=replace(claim.job, claims=2, created=act.at, requested_by=act.by))
        assert rewriting.forgets.forget(again, desk.house.watcher).files == 0
        assert "was removed already" in desk.log


@pytest.mark.parametrize(
    "path",
    [b"music/x", b"docs/../pictures/p", b"../docs/a", b".work/a", b"Docs/a", b"\xff/a", b"/docs/a", b""],
)
def test_a_name_that_the_storage_has_nothing_of_is_in_no_source(desk: Desk, path: bytes) -> None:
    before = stored(desk)
    with pytest.raises(InvalidInputError):
        Rewriting(desk.house).forget(path)
    with pytest.raises(NotFoundError, match="Nothing is stored of docs/nothing"):
        Rewriting(desk.house).forget(b"docs/nothing")
    assert stored(desk) == before
