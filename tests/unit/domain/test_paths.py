"""Paths inside a source never lead out of it, and are shown so that they cannot deceive."""

import pytest

from bckcore.domain.paths import (
    ROOT,
    RelPath,
    components,
    display,
    is_below,
    parents,
    percent_decoded,
    percent_encoded,
    rel_path,
)
from bckcore.errors import InvalidInputError


@pytest.mark.parametrize(
    "raw", [b"a", b"a/b", b"...", b"a/..b", b" ", b"-x", b"\n", b"\xff", b"~", b"a" * 255]
)
def test_a_path_below_the_root_is_taken(raw: bytes) -> None:
    assert rel_path(raw) == raw


def test_the_root_is_a_dot() -> None:
    assert rel_path(b".") == ROOT
    assert components(ROOT) == []
    assert list(parents(ROOT)) == []


@pytest.mark.parametrize(
    "raw",
    [b"", b"/", b"/a", b"a/", b"a//b", b"..", b"../a", b"a/..", b"a/../b", b"./a", b"a/.", b"a\0b", b"\0"],
)
def test_what_could_escape_or_be_written_twice_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidInputError):
        rel_path(raw)


def test_parents_are_the_folders_above_nearest_first() -> None:
    assert list(parents(RelPath(b"a/b/c"))) == [b"a/b", b"a", ROOT]
    assert components(RelPath(b"a/b/c")) == [b"a", b"b", b"c"]


def test_below_is_decided_by_component() -> None:
    assert is_below(RelPath(b"a/b"), RelPath(b"a"))
    assert is_below(RelPath(b"a"), RelPath(b"a"))
    assert is_below(RelPath(b"a"), ROOT)
    assert is_below(ROOT, ROOT)
    assert not is_below(RelPath(b"ab"), RelPath(b"a"))
    assert not is_below(RelPath(b"a"), RelPath(b"a/b"))
    assert not is_below(ROOT, RelPath(b"a"))


def test_encoding_leaves_common_names_readable() -> None:
    assert percent_encoded(b"My file-1_(2).txt") == "My file-1_%282%29.txt"
    assert percent_encoded(b"tab\tnl\n%\xff\"'") == "tab%09nl%0A%25%FF%22%27"


@pytest.mark.parametrize(
    "text", ["%", "%4", "%zz", "%+1", "% 1", "%1_", "%-1", "a%4", "%%41", "è", "%٤١", "%4è"]
)
def test_malformed_encodings_are_refused(text: str) -> None:
    with pytest.raises(InvalidInputError):
        percent_decoded(text)


def test_small_letters_in_an_encoding_are_read_too() -> None:
    assert percent_decoded("%ff%Fe") == b"\xff\xfe"


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"plain name", "plain name"),
        ("città".encode(), "città"),
        (b"caf\xe9", "caf\\xe9"),
        (b"a\nb\tc", "a\\nb\\tc"),
        (b"\x1b[31mred", "\\x1b[31mred"),
        ("a\u202egpj.exe".encode(), "a\\u202egpj.exe"),
        (b"\x00", "\\x00"),
        ("line\u2028end".encode(), "line\\u2028end"),
        (b"\xed\xa0\x80", "\\xed\\xa0\\x80"),
    ],
)
def test_people_see_text_and_nothing_that_steers_their_terminal(raw: bytes, shown: str) -> None:
    assert display(raw) == shown
