"""Browsing: folders at points, the versions of a path, names over all points."""

from pathlib import Path

import pytest

from bckcore.domain.ids import ProfileId
from bckcore.domain.pattern import Pattern
from bckcore.errors import BckError, InvalidInputError, NotFoundError
from bckcore.services.browse import BrowseService
from bckcore.services.browsed import KnownVersion, exact_time, full_path
from tests.support.desks import DOCS_PATH, Desk, T
from tests.support.house import DOCS

PICS = "/home/u/pics"


@pytest.fixture
def desk(quick_dir: Path) -> Desk:
    """Point 1: a, d/x, d/e/y and a folder without files; 2: a changed, d/x gone; 3: d/x back, a touched."""
    desk = Desk(quick_dir, sources=(DOCS_PATH, PICS))
    desk.write("a", "a-b", "d/x", "d/e/y", data=b"one")
    desk.docs.mkdir(b"empty", T)
    desk.docs.write(b"caf\xe9\n", b"odd", T)
    desk.tree(PICS).write(b"p", b"1", T)
    desk.back_up()
    desk.write("a", data=b"three", mtime_ns=T + 1)
    desk.docs.delete(b"d/x")
    desk.back_up()
    desk.write("d/x", data=b"one")
    desk.docs.chmod(b"a", 0o600)
    desk.back_up()
    return desk


@pytest.fixture
def browse(desk: Desk) -> BrowseService:
    return BrowseService(units=desk.house.database.units)


def listed(browse: BrowseService, path: bytes = b"", point: str = "latest") -> list[bytes]:
    found = browse.list_folder(DOCS, point=point, path=path).page.items
    return [full_path(one.source, one.entry.path) for one in found]


def history(versions: tuple[KnownVersion, ...]) -> list[tuple[str, int | None, int | None]]:
    """Standing, first and last point of each."""
    return [
        (one.standing.value, one.first.seq if one.first else None, one.last.seq if one.last else None)
        for one in versions
    ]


def test_a_profile_that_does_not_exist_is_named(browse: BrowseService) -> None:
    with pytest.raises(NotFoundError, match="nope") as caught:
        browse.list_folder(ProfileId("nope"))
    assert "restore point" not in caught.value.what


def test_a_folder_is_listed_as_it_was_at_a_point(browse: BrowseService) -> None:
    assert listed(browse) == [b"docs", b"pics"]
    assert listed(browse, b"docs") == [
        b"docs/" + name for name in (b"a", b"a-b", b"caf\xe9\n", b"d", b"empty")
    ]
    assert listed(browse, b"docs/d", "2") == [b"docs/d/e"]
    assert listed(browse, b"/home/u/docs/d/") == [b"docs/d/e", b"docs/d/x"]
    assert listed(browse, b"docs/empty", "1") == []
    (first, *_) = browse.list_folder(DOCS, point="1", path=b"docs").page.items
    assert (first.entry.size, first.entry.mtime_ns) == (3, T)


def test_pages_follow_one_another(browse: BrowseService) -> None:
    seen, after = [], ""
    while True:
        page = browse.list_folder(DOCS, path=b"docs", limit=2, after=after).page
        seen += [one.entry.path for one in page.items]
        if page.next is None:
            break
        after = page.next
    assert seen == [b"a", b"a-b", b"caf\xe9\n", b"d", b"empty"]
    roots = browse.list_folder(DOCS, limit=1)
    assert roots.page.next is not None
    rest = browse.list_folder(DOCS, limit=1, after=roots.page.next).page
    assert ([one.source for one in rest.items], rest.next) == (["pics"], None)


@pytest.mark.parametrize(
    ("path", "error", "words"),
    [
        (b"docs/a", InvalidInputError, "is no folder"),
        (b"docs/never", NotFoundError, "never backed up"),
        (b"docs/../x", InvalidInputError, "not a path inside"),
        (b"/etc", InvalidInputError, "in no source"),
        (b"nothing", InvalidInputError, "in no source"),
    ],
)
def test_a_wrong_folder_is_told(
    browse: BrowseService, path: bytes, error: type[BckError], words: str
) -> None:
    with pytest.raises(error, match=words):
        browse.list_folder(DOCS, path=path)


def test_a_folder_of_another_time_is_told(browse: BrowseService, desk: Desk) -> None:
    desk.docs.delete(b"d")
    desk.back_up()
    with pytest.raises(NotFoundError, match="was not there at point 4") as told:
        browse.list_folder(DOCS, path=b"docs/d")
    assert "bck versions docs docs/d" in told.value.advice


def test_unknown_points_profiles_cursors_and_limits_are_told(browse: BrowseService) -> None:
    with pytest.raises(NotFoundError):
        browse.list_folder(DOCS, point="9")
    with pytest.raises(NotFoundError):
        browse.list_folder(ProfileId("no"))
    with pytest.raises(NotFoundError):
        browse.find(ProfileId("no"), Pattern(b"a"))
    for after in ("x", "%zz/a", "docs/../a", "pics/a"):
        with pytest.raises(InvalidInputError):
            browse.list_folder(DOCS, path=b"docs", after=after)
    for limit in (0, 10_001):
        with pytest.raises(InvalidInputError):
            browse.find(DOCS, Pattern(b"a"), limit=limit)
    with pytest.raises(InvalidInputError):
        browse.versions(DOCS, b"docs/a", after="x")


def test_versions_tell_at_which_kept_points_they_are(browse: BrowseService, desk: Desk) -> None:
    assert history(browse.versions(DOCS, b"docs/a").items) == [
        ("older", 1, 1),
        ("older", 2, 2),
        ("live", 3, 3),
    ]
    assert history(browse.versions(DOCS, b"docs/d/x").items) == [("older", 1, 1), ("live", 3, 3)]
    assert history(browse.versions(DOCS, b"docs/d").items) == [("live", 1, 3)]
    first = browse.versions(DOCS, b"docs/a", limit=2)
    assert first.next is not None
    assert history(browse.versions(DOCS, b"docs/a", after=first.next).items) == [("live", 3, 3)]
    desk.docs.delete(b"d/x")
    desk.back_up()
    assert history(browse.versions(DOCS, b"docs/d/x").items) == [("older", 1, 1), ("gone", 3, 3)]


def test_only_what_can_still_be_had_is_a_version(browse: BrowseService, desk: Desk) -> None:
    desk.docs.delete(b"a")
    desk.back_up()
    desk.write("new")
    desk.back_up()
    desk.house.prune(1)
    assert [point.seq for point in desk.house.points()] == [5]
    assert history(browse.versions(DOCS, b"docs/a").items) == [("gone", None, None)]
    (found,) = browse.find(DOCS, Pattern(b"[a]")).items
    assert (found.versions, found.newest.last) == (1, None)
    with pytest.raises(NotFoundError, match="never backed up"):
        browse.versions(DOCS, b"docs/b")


def test_names_are_found_over_all_points_and_sources(browse: BrowseService, desk: Desk) -> None:
    desk.docs.delete(b"d")
    desk.back_up()

    def found(pattern: bytes, below: bytes = b"") -> list[tuple[bytes, str, int]]:
        return [
            (one.newest.version.entry.path, one.newest.standing.value, one.versions)
            for one in browse.find(DOCS, Pattern(pattern), below=below).items
        ]

    assert found(b"x") == [(b"d/x", "gone", 2)]
    assert found(b"?") == [
        (b"a", "live", 3),
        (b"d", "gone", 1),
        (b"d/e", "gone", 1),
        (b"d/e/y", "gone", 1),
        (b"d/x", "gone", 2),
        (b"p", "live", 1),
    ]
    assert found(b"?", b"docs/d/e") == [(b"d/e", "gone", 1), (b"d/e/y", "gone", 1)]
    assert found(b"CAF") == [(b"caf\xe9\n", "live", 1)]
    assert found(b"?", b"pics") == [(b"p", "live", 1)]
    with pytest.raises(NotFoundError):
        found(b"?", b"docs/never")
    page = browse.find(DOCS, Pattern(b"?"), limit=5)
    assert page.next == "docs/d/x"
    assert [one.newest.version.source for one in browse.find(DOCS, Pattern(b"?"), after=page.next).items] == [
        "pics"
    ]


def test_case_only_renames_and_types_have_histories_of_their_own(browse: BrowseService, desk: Desk) -> None:
    desk.docs.rename(b"a", b"A")
    desk.docs.delete(b"a-b")
    desk.docs.symlink(b"a-b", b"A", T)
    desk.docs.mkdir(b"d/x", T)
    desk.back_up()
    assert history(browse.versions(DOCS, b"docs/a").items)[-1] == ("gone", 3, 3)
    assert history(browse.versions(DOCS, b"docs/A").items) == [("live", 4, 4)]
    kinds = [one.version.entry.kind.value for one in browse.versions(DOCS, b"docs/a-b").items]
    assert kinds == ["f", "l"]
    assert listed(browse, b"docs/d/x") == []
    with pytest.raises(InvalidInputError, match="no folder"):
        listed(browse, b"docs/a-b")


def test_a_dropped_source_is_reached_by_its_name(browse: BrowseService, desk: Desk) -> None:
    desk.use(DOCS_PATH)
    desk.back_up()
    assert listed(browse) == [b"docs"]
    assert listed(browse, point="3") == [b"docs", b"pics"]
    assert listed(browse, b"pics", "3") == [b"pics/p"]
    with pytest.raises(NotFoundError, match="was not there at point 4"):
        listed(browse, b"pics")


def test_times_are_told_to_the_nanosecond() -> None:
    assert exact_time(1_700_000_000_000_000_009) == "2023-11-14T22:13:20.000000009Z"
    assert exact_time(-1) == "1969-12-31T23:59:59.999999999Z"
    assert exact_time(2**63 * 1_000_000_000) is None
    assert exact_time(-(2**40) * 1_000_000_000) is None
