"""Filters and sources that come, go and fail."""

from pathlib import Path

import pytest

from bckcore.domain.paths import ROOT
from bckcore.domain.restore_point import Counted
from bckcore.domain.run import RunOutcome
from bckcore.errors import InvalidInputError, PathNotAllowedError
from tests.support.desks import DOCS_PATH, Desk, T

PICS = "/home/u/pictures"
OTHER_DOCS = "/srv/docs"


@pytest.fixture
def desk(quick_dir: Path) -> Desk:
    desk = Desk(quick_dir)
    desk.write("a", "b.tmp", "d/c.tmp", "cache/1", "cache/2")
    return desk


@pytest.fixture
def two(quick_dir: Path) -> Desk:
    desk = Desk(quick_dir, sources=(DOCS_PATH, PICS))
    desk.write("a", "b")
    desk.tree(PICS).write(b"p", b"1", T)
    desk.tree(PICS).write(b"q", b"1", T)
    return desk


def test_what_a_new_filter_hides_is_excluded_and_not_gone(desk: Desk) -> None:
    desk.back_up()
    before = desk.world()
    desk.house.change_profile(excludes=("*.tmp", "cache/"))
    run = desk.back_up()
    assert (run.outcome, run.counts.gone, run.counts.files) == (RunOutcome.SUCCEEDED, 0, 1)
    assert set(desk.changes(2).values()) == {"X"}
    assert desk.entries(2).keys() == {b".", b"a", b"d"}
    desk.assert_restores(before, 1)


def test_a_filter_that_hides_nearly_all_is_no_reason_for_suspicion(desk: Desk) -> None:
    desk.many(150)
    desk.back_up()
    desk.house.change_profile(excludes=("many/",))
    assert desk.back_up().outcome is RunOutcome.SUCCEEDED


def test_what_was_deleted_while_the_filter_came_is_told_apart(desk: Desk) -> None:
    desk.back_up()
    desk.house.change_profile(excludes=("*.tmp",))
    desk.docs.delete(b"cache/1")
    desk.docs.delete(b"b.tmp")
    desk.back_up()
    assert desk.changes(2) == {"docs/cache/1": "-", "docs/b.tmp": "X", "docs/d/c.tmp": "X"}


def test_what_a_filter_hides_in_a_folder_that_was_closed_when_it_came_is_excluded_later(desk: Desk) -> None:
    desk.back_up()
    desk.house.change_profile(excludes=("*.tmp",))
    desk.docs.chmod(b"d", 0)
    assert desk.back_up().outcome is RunOutcome.PARTIAL
    desk.docs.chmod(b"d", 0o755)
    desk.back_up()
    assert desk.changes(3) == {"docs/d/c.tmp": "X"}


def test_a_filter_that_goes_brings_its_paths_back(desk: Desk) -> None:
    desk.back_up()
    desk.house.change_profile(excludes=("*.tmp",))
    desk.back_up()
    desk.house.change_profile(excludes=())
    run = desk.back_up()
    assert run.counts.added == 2
    desk.assert_restores(desk.world())


def test_a_filter_that_cannot_be_understood_stops_the_run_before_it_begins(desk: Desk) -> None:
    desk.house.change_profile(excludes=("[z-",))
    with pytest.raises(InvalidInputError):
        desk.back_up()
    desk.house.change_profile(excludes=())
    assert desk.back_up().seq == 1


def test_a_source_that_is_missing_carries_on_and_the_run_is_partial(two: Desk) -> None:
    two.back_up()
    pics = two.world(PICS)
    two.tree(PICS).delete(bytes(ROOT))
    two.write("c")
    run = two.back_up()
    assert (run.outcome, run.counts.gone, run.counts.files) == (RunOutcome.PARTIAL, 0, 5)
    assert two.newest().counted is Counted.WEAK
    two.assert_restores(pics, source="pictures")
    two.assert_restores(two.world(), source="docs")


def test_when_every_source_is_missing_the_run_fails_and_nothing_is_lost(two: Desk) -> None:
    two.back_up()
    docs, pics = two.world(), two.world(PICS)
    two.docs.delete(bytes(ROOT))
    two.tree(PICS).chmod(bytes(ROOT), 0)
    run = two.back_up()
    assert (run.outcome, run.error_code, run.made_point) == (RunOutcome.FAILED, "source-missing", False)
    assert "Nothing was marked as deleted" in run.error
    two.assert_restores(docs, source="docs")
    two.assert_restores(pics, source="pictures")


def test_a_source_that_the_profile_drops_leaves_the_state_and_stays_in_older_points(two: Desk) -> None:
    two.back_up()
    pics = two.world(PICS)
    two.use(DOCS_PATH)
    run = two.back_up()
    assert (run.outcome, run.made_point, run.counts.gone) == (RunOutcome.SUCCEEDED, True, 0)
    assert two.changes(2) == {"pictures/p": "X", "pictures/q": "X"}
    assert two.entries(2, "pictures") == {}
    two.assert_restores(pics, 1, "pictures")
    assert two.back_up().made_point is False


def test_a_dropped_source_that_comes_back_is_compared_from_scratch(two: Desk) -> None:
    two.back_up()
    two.use(DOCS_PATH)
    two.back_up()
    two.tree(PICS).write(b"p", b"new", T + 1)
    two.use(DOCS_PATH, PICS)
    assert two.back_up().counts.added == 2
    two.assert_restores(two.world(PICS), source="pictures")


def test_two_folders_with_the_same_last_name_do_not_mix(quick_dir: Path) -> None:
    desk = Desk(quick_dir, sources=(DOCS_PATH, OTHER_DOCS))
    desk.write("same", data=b"one")
    desk.tree(OTHER_DOCS).write(b"same", b"two", T)
    desk.back_up()
    first, second = desk.world(), desk.world(OTHER_DOCS)
    desk.write("same", data=b"three")
    desk.back_up()
    desk.assert_restores(first, 1, "docs")
    desk.assert_restores(second, 1, "docs-2")
    desk.assert_restores(desk.world(), 2, "docs")
    desk.assert_restores(second, 2, "docs-2")


def test_a_source_outside_the_allow_list_is_refused_before_anything_happens(desk: Desk) -> None:
    desk.back_up()
    with desk.house.database.units() as uow:
        from dataclasses import replace

        [host] = uow.hosts.list()
        uow.hosts.update(replace(host, allowed_roots=("/home/u/doc",)))
        uow.commit()
    with pytest.raises(PathNotAllowedError, match="/home/u/docs"):
        desk.back_up()
    assert len(desk.house.points()) == 1
