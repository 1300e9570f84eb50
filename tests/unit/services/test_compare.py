"""What changed between two points, in one run, and what the PC has no more."""

from datetime import timedelta
from pathlib import Path

import pytest

from bck_adapters.rsync.filters import GitIgnoreFilter
from bckcore.domain.difference import DifferenceKind
from bckcore.domain.ids import ProfileId
from bckcore.errors import InvalidInputError, NotFoundError
from bckcore.services.browsed import Comparison, full_path
from bckcore.services.compare import CompareService
from bckcore.services.history_requests import ForgetRequest
from tests.support.desks import DOCS_PATH, Desk, T
from tests.support.house import DOCS

PICS = "/home/u/pics"


@pytest.fixture
def desk(quick_dir: Path) -> Desk:
    """1: a, b, type, d/x; 2: a edited, b chmod, type a folder, d gone, n new; 3: as 1 again but a."""
    desk = Desk(quick_dir, sources=(DOCS_PATH, PICS))
    desk.write("a", "b", "type", "d/x")
    desk.docs.mkdir(b"d", T)
    desk.docs.mkdir(b".", T)
    desk.tree(PICS).write(b"p", b"1", T)
    desk.back_up()
    desk.write("a", data=b"other", mtime_ns=T + 1)
    desk.docs.chmod(b"b", 0o600)
    desk.docs.delete(b"type")
    desk.docs.mkdir(b"type", T)
    desk.docs.delete(b"d")
    desk.write("n")
    desk.docs.mkdir(b".", T)
    desk.back_up()
    desk.docs.chmod(b"b", 0o644)
    desk.docs.delete(b"type")
    desk.docs.delete(b"n")
    desk.write("type", "d/x")
    desk.docs.mkdir(b"d", T)
    desk.docs.mkdir(b".", T)
    desk.back_up()
    return desk


@pytest.fixture
def compare(desk: Desk) -> CompareService:
    house = desk.house
    return CompareService(units=house.database.units, storage=house.storage, filters=GitIgnoreFilter)


def told(found: Comparison) -> list[tuple[bytes, str]]:
    return [(full_path(one.source, one.path), one.kind.value) for one in found.page.items]


def test_a_profile_that_does_not_exist_is_named(compare: CompareService) -> None:
    with pytest.raises(NotFoundError, match="nope") as caught:
        compare.points(ProfileId("nope"), "1", "2")
    assert "restore point" not in caught.value.what


def test_two_points_differ_by_content_attributes_type_and_being_there(compare: CompareService) -> None:
    found = compare.points(DOCS, "1", "2")
    assert told(found) == [
        (b"docs/a", "changed"),
        (b"docs/b", "attributes"),
        (b"docs/d", "gone"),
        (b"docs/d/x", "gone"),
        (b"docs/n", "added"),
        (b"docs/type", "type"),
    ]
    assert found.counts == {
        DifferenceKind.CHANGED: 1,
        DifferenceKind.ATTRIBUTES: 1,
        DifferenceKind.GONE: 2,
        DifferenceKind.ADDED: 1,
        DifferenceKind.TYPE: 1,
    }
    assert (found.old and found.old.seq, found.new and found.new.seq) == (1, 2)


def test_what_came_back_unchanged_does_not_differ(compare: CompareService) -> None:
    assert told(compare.points(DOCS, "1")) == [(b"docs/a", "changed")]
    assert told(compare.points(DOCS, "2", "2")) == []


def test_backwards_is_the_opposite(compare: CompareService) -> None:
    kinds = dict(told(compare.points(DOCS, "2", "1")))
    assert (kinds[b"docs/d/x"], kinds[b"docs/n"]) == ("added", "gone")
    (first, *_) = compare.points(DOCS, "2", "1").page.items
    assert first.old is not None
    assert first.new is not None
    assert (first.old.size, first.new.size) == (5, 4)


def test_pages_and_folders(compare: CompareService) -> None:
    first = compare.points(DOCS, "1", "2", limit=2)
    assert first.page.next == "docs/b"
    rest = compare.points(DOCS, "1", "2", limit=9, after="docs/b", count=False)
    assert (told(rest)[0], rest.counts) == ((b"docs/d", "gone"), None)
    assert sum((first.counts or {}).values()) == 6
    assert [path for path, _ in told(compare.points(DOCS, "1", "2", below=b"docs/d"))] == [
        b"docs/d",
        b"docs/d/x",
    ]
    assert told(compare.points(DOCS, "1", "2", below=b"pics")) == []


def test_one_run_is_told_from_the_catalog_and_from_its_manifest_alike(
    compare: CompareService, desk: Desk
) -> None:
    exact = compare.run(DOCS, "2")
    assert told(exact) == told(compare.points(DOCS, "1", "2"))
    with desk.house.database.units() as uow:  # the point before goes, and with it the state before
        uow.points.forget(DOCS, 1)
        uow.commit()
    found = compare.run(DOCS, "2")
    assert [path for path, _ in told(found)] == [path for path, _ in told(exact)]
    assert dict(told(found))[b"docs/type"] == "changed"  # a manifest does not tell what was there before
    assert (found.old, found.new and found.new.seq, found.run and found.run.seq) == (None, 2, 2)
    assert sum((found.counts or {}).values()) == 6
    page = compare.run(DOCS, "2", limit=2, after="docs/b")
    assert ([path for path, _ in told(page)], page.page.next) == ([b"docs/d", b"docs/d/x"], "docs/d/x")
    assert [path for path, _ in told(compare.run(DOCS, "2", below=b"docs/d"))] == [b"docs/d", b"docs/d/x"]


def test_a_manifest_does_not_tell_of_what_was_forgotten(compare: CompareService, desk: Desk) -> None:
    with desk.house.database.units() as uow:
        uow.points.forget(DOCS, 1)
        uow.commit()
    desk.house.forget(ForgetRequest(path=b"docs/d", reason="private"))
    paths = [path for path, _ in told(compare.run(DOCS, "2"))]
    assert paths == [b"docs/a", b"docs/b", b"docs/n", b"docs/type"]
    assert compare.deleted(DOCS, below=b"docs").items[0].newest.version.entry.path == b"n"


def test_the_first_run_added_everything_and_a_quiet_one_nothing(compare: CompareService, desk: Desk) -> None:
    found = compare.run(DOCS, "1")
    assert {kind for _, kind in told(found)} == {"added"}
    assert len(found.page.items) == 8
    quiet = desk.back_up()
    assert told(compare.run(DOCS, quiet.id)) == []
    assert compare.run(DOCS, "latest").run == quiet


@pytest.mark.parametrize("wrong", ["99", "no", ""])
def test_unknown_runs_points_and_profiles_are_told(compare: CompareService, wrong: str) -> None:
    with pytest.raises(NotFoundError):
        compare.run(DOCS, wrong)
    with pytest.raises(NotFoundError):
        compare.points(DOCS, wrong or "0")
    with pytest.raises(NotFoundError):
        compare.run(ProfileId("no"), "1")


def test_what_the_pc_has_no_more_is_told_with_when_and_where_it_is(
    compare: CompareService, desk: Desk
) -> None:
    desk.docs.delete(b"d")
    desk.tree(PICS).write(b"q", b"1", T)
    missed = desk.back_up()

    def gone(**wanted: str | bytes | int) -> list[tuple[bytes, int, int | None]]:
        items = compare.deleted(DOCS, **wanted).items  # type: ignore[arg-type]  # short for tests
        return [
            (
                full_path(one.newest.version.source, one.newest.version.entry.path),
                one.run.seq,
                one.newest.last.seq if one.newest.last else None,
            )
            for one in items
        ]

    everything = [(b"docs/d", 4, 3), (b"docs/d/x", 4, 3), (b"docs/n", 3, 2)]
    assert gone() == everything
    assert gone(below=b"docs/d") == everything[:2]
    assert gone(below=b"pics") == []
    assert gone(since="4") == gone(since=missed.id) == everything[:2]
    assert missed.finished is not None
    assert gone(since=missed.finished.isoformat()) == everything[:2]
    assert gone(since=(missed.finished + timedelta(days=1)).isoformat()) == []
    assert gone(since="2001-01-01") == everything
    assert gone(limit=1) == everything[:1]
    assert gone(after="docs/d") == everything[1:]
    with pytest.raises(InvalidInputError):
        gone(since="last Tuesday")


def test_deleted_files_stay_known_when_every_point_with_them_is_gone(
    compare: CompareService, desk: Desk
) -> None:
    desk.write("c")
    desk.back_up()
    desk.house.prune(1)
    (n,) = compare.deleted(DOCS).items
    assert (n.newest.version.entry.path, n.newest.last, n.run.seq, n.excluded) == (b"n", None, 3, False)


def test_what_is_only_left_out_is_marked(compare: CompareService, desk: Desk) -> None:
    desk.house.change_profile(excludes=("b",))
    desk.back_up()
    found = {one.newest.version.entry.path: one.excluded for one in compare.deleted(DOCS).items}
    assert found == {b"b": True, b"n": False}
    desk.use(DOCS_PATH)
    desk.back_up()
    found = {
        one.newest.version.entry.path: one.excluded for one in compare.deleted(DOCS, below=b"pics").items
    }
    assert found == {b".": True, b"p": True}


def test_how_a_path_ended_stays_known_when_the_filters_change_back(
    compare: CompareService, desk: Desk
) -> None:
    """What a run left out is not gone, whatever the profile says today; and what was gone stays gone."""
    desk.house.change_profile(excludes=("b",))
    desk.back_up()
    desk.docs.delete(b"b")  # nobody can know
    desk.docs.delete(b"a")
    desk.house.change_profile(excludes=("n",))
    desk.back_up()
    found = {
        one.newest.version.entry.path: (one.newest.standing.value, one.excluded, one.left_out_now)
        for one in compare.deleted(DOCS).items
    }
    assert found == {
        b"a": ("gone", False, False),
        b"b": ("excluded", True, False),
        b"n": ("gone", False, True),
    }
    assert told(compare.points(DOCS, "3", "4")) == [(b"docs/b", "excluded")]
    both = compare.points(DOCS, "3", "5")
    assert told(both) == [(b"docs/a", "gone"), (b"docs/b", "excluded")]
    assert both.counts == {DifferenceKind.GONE: 1, DifferenceKind.EXCLUDED: 1}
    assert told(compare.run(DOCS, "4")) == [(b"docs/b", "excluded")]
    assert told(compare.points(DOCS, "4", "3")) == [(b"docs/b", "added")]
