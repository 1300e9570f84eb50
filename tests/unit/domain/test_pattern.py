"""What people type to find a file, and what it means."""

import fnmatch
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bckcore.domain.ids import SourceName
from bckcore.domain.paths import ROOT, rel_path
from bckcore.domain.pattern import Pattern
from bckcore.errors import InvalidInputError

S = SourceName("docs")


def meant(pattern: str | bytes, path: str | bytes, *, ignore_case: bool = True) -> bool:
    raw, where = (text.encode() if isinstance(text, str) else text for text in (pattern, path))
    one, place = Pattern(raw, ignore_case=ignore_case), rel_path(where)
    assert one.chosen(S, [ROOT, place]) == ([place] if one.matches(S, place) and place != ROOT else [])
    return one.matches(S, place)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("plan", "a/My Plan.txt"),
        ("PLAN", "plan"),
        ("*.pdf", "a/b/X.PDF"),
        ("plan*", "plan"),
        ("?", "ü"),
        ("[a-c]x", "Bx"),
        ("[!a]x", "bx"),
        ("[]]", "]"),
        ("[", "a[b"),
        ("a[b", "a/a[b"),
        ("\\*", "a*b"),
        ("a\\b", "a\\b"),
        ("übung", "ÜBUNG.txt"),
        ("a/b", "xa/by"),
        ("docs/a", "a"),
        ("/a", "b/apple"),
        ("docs/*/x", "b/x"),
        ("docs/**/x", "x"),
        ("docs/**/x", "a/b/x"),
        ("/docs/*.txt", "a.txt"),
        ("**/a/*", "b/a/c"),
        ("**/a/**/z", "a/q/a/b/z"),
        ("*\n*", "a\nb"),
        (b"caf\xe9", b"caf\xe9.txt"),
        (b"caf", b"caf\xe9.txt"),
        (b"caf?.txt", b"caf\xe9.txt"),
        (b"*.txt", b"\xff\xfe.txt"),
    ],
)
def test_a_pattern_means(pattern: str | bytes, path: str | bytes) -> None:
    assert meant(pattern, path)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("plan", "plan/x"),
        ("plan*", "My plan"),
        ("*.pdf", "x.pdf.txt"),
        ("?", "ab"),
        ("[a-c]x", "dx"),
        ("[!a]x", "ax"),
        ("[c-a]", "b"),
        ("*", "."),
        ("docs", "."),
        ("docs/*", "a/b"),
        ("docs/*/x", "x"),
        ("a/*", "a/b"),
        ("k", "\u212a"),
        (b"\xe9", "é"),
    ],
)
def test_a_pattern_does_not_mean(pattern: str | bytes, path: str | bytes) -> None:
    assert not meant(pattern, path)


def test_case_counts_when_asked() -> None:
    assert not meant("plan", "Plan", ignore_case=False)
    assert meant("*.PDF", "x.PDF", ignore_case=False)


@pytest.mark.parametrize("wrong", [b"", b"/", b"//", b"a\0", b"x" * 4097])
def test_a_pattern_that_can_mean_nothing_is_refused(wrong: bytes) -> None:
    with pytest.raises(InvalidInputError):
        Pattern(wrong)


_CHARS = st.text(alphabet="abAB*?[]!-.ü", min_size=1, max_size=6)
_NAMES = st.text(alphabet="abAB]!-.üÜ", min_size=1, max_size=6).filter(lambda name: name not in (".", ".."))


@given(_CHARS.filter(lambda text: any(char in text for char in "*?")), _NAMES)
@example("*a*b", "aab")
def test_globs_mean_what_they_mean_in_a_shell(pattern: str, name: str) -> None:
    if "[" in pattern:  # brackets that hold odd things differ from shell to shell
        return
    assert meant(pattern, name, ignore_case=False) == fnmatch.fnmatchcase(name, pattern)


@given(_CHARS, st.lists(_NAMES, min_size=1, max_size=3))
def test_what_is_meant_holds_the_pieces_in_order(pattern: str, names: list[str]) -> None:
    """What an index looks for first may find too much, never too little."""
    one, text = Pattern(pattern.encode()), "/".join(names).lower()
    if not one.matches(S, rel_path("/".join(names).encode())):
        return
    place = 0
    for piece in one.pieces:
        place = text.index(piece, place) + len(piece)
    assert names[-1].lower().startswith(one.name_start)
    assert names[-1].lower().endswith(one.name_end)


def test_a_pattern_made_to_be_slow_is_not() -> None:
    begun = time.process_time()
    assert not meant("*a" * 100 + "b", "a" * 255)
    assert not meant("**/a/" * 100 + "b", "/".join(["a"] * 1000))
    assert time.process_time() - begun < 2


def test_the_root_is_never_found() -> None:
    assert not Pattern(b"*").matches(S, ROOT)
