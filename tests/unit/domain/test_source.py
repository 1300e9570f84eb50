"""Sources: names derived once, explicit ones first, no two that overlap."""

import pytest

from bckcore.domain.host_platform import Platform
from bckcore.domain.ids import SourceName
from bckcore.domain.source import Source, derived_name, parsed_sources, require_disjoint
from bckcore.errors import InvalidInputError


def parsed(*texts: str) -> list[tuple[str, str]]:
    return [(source.name, source.path) for source in parsed_sources(texts)]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/home/u/docs", "docs"),
        ("/home/u/My Documents", "my-documents"),
        ("/home/u/.config", "config"),
        ("/", "root"),
        ("/été", "t"),
        ("/home/日本", "root"),
        ("/x/" + "a" * 100, "a" * 56),
        ("/cygdrive/d/My Pictures", "d-my-pictures"),
    ],
)
def test_a_name_is_derived_from_the_last_component(path: str, name: str) -> None:
    assert parsed(path) == [(name, path)]


def test_the_same_last_component_gets_a_number() -> None:
    assert parsed("/a/docs", "/b/docs", "/c/docs") == [
        ("docs", "/a/docs"),
        ("docs-2", "/b/docs"),
        ("docs-3", "/c/docs"),
    ]


def test_a_number_that_is_taken_is_passed_over() -> None:
    assert derived_name("/a/docs", ["docs", "docs-2"]) == "docs-3"


def test_a_given_name_comes_first_wherever_it_stands() -> None:
    assert parsed("/a/docs", "docs=/b") == [("docs-2", "/a/docs"), ("docs", "/b")]


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("pics=/home/u/pictures", ("pics", "/home/u/pictures")),
        ("pics=/home/u/a=b", ("pics", "/home/u/a=b")),
        ("/home/u/a=b", ("a-b", "/home/u/a=b")),
        ("/home/u/docs/", ("docs", "/home/u/docs")),
        ("d=//home//u/./docs/", ("d", "/home/u/docs")),
        ("C:\\Users\\a=b", ("c-a-b", "/cygdrive/c/Users/a=b")),
        ("d=c:/Users", ("d", "/cygdrive/c/Users")),
        ("c:\\", ("c", "/cygdrive/c")),
    ],
)
def test_a_text_is_a_path_or_a_name_and_a_path(text: str, source: tuple[str, str]) -> None:
    assert parsed(text) == [source]


@pytest.mark.parametrize(
    "text", ["", "docs", "=/home", "A=/home", "a=b=/home", "x=home", "/home/../etc", "-x=/home"]
)
def test_a_text_that_is_neither_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError):
        parsed_sources([text])


@pytest.mark.parametrize(
    "texts",
    [
        ("/home/u", "/home/u/docs"),
        ("/home/u/docs", "/home/u"),
        ("/home/u", "x=/home/u"),
        ("/", "/etc"),
        ("a=/x", "a=/y"),
        (),
    ],
)
def test_sources_that_overlap_or_share_a_name_are_refused(texts: tuple[str, ...]) -> None:
    with pytest.raises(InvalidInputError):
        parsed_sources(texts)


def test_a_folder_keeps_the_name_it_had_and_no_other_folder_gets_it() -> None:
    before = parsed_sources(["first=/home/u/docs", "/home/u/pics"])
    after = parsed_sources(["/srv/pics", "/home/u/docs", "new=/home/u/pics"], before)
    assert [(one.name, one.path) for one in after] == [
        ("pics-2", "/srv/pics"),
        ("first", "/home/u/docs"),
        ("new", "/home/u/pics"),
    ]


def test_neighbours_with_a_common_beginning_do_not_overlap() -> None:
    assert len(parsed_sources(["/home/u", "/home/user2", "/home/u2"])) == 3


@pytest.mark.parametrize("path", ["relative", "/a/", "/a/../b", "//a"])
def test_a_source_has_a_full_normal_path(path: str) -> None:
    with pytest.raises(InvalidInputError):
        Source(name=SourceName("a"), path=path)


def test_on_windows_sources_that_differ_in_case_only_overlap() -> None:
    sources = parsed_sources(["C:\\Users\\u", "D:\\USERS\\u"])
    require_disjoint(sources, Platform.WINDOWS)
    sources = parsed_sources(["C:\\Users\\u", "x=c:\\USERS\\u\\docs"])
    with pytest.raises(InvalidInputError, match="overlap"):
        require_disjoint(sources, Platform.WINDOWS)
