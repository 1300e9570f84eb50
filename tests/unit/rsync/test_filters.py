"""gitignore rules as rsync's and as decisions."""

from __future__ import annotations

import pytest

from bck_adapters.rsync.filters import GitIgnoreFilter, rsync_rules
from bckcore.domain.paths import rel_path
from bckcore.domain.presets import preset
from bckcore.errors import InvalidInputError
from bckcore.ports.transport import PathFilterFactory


@pytest.mark.parametrize(
    ("rules", "translated"),
    [
        (["*.tmp"], [b"H *.tmp"]),
        (["/build/"], [b"H /build/"]),
        (["a/b"], [b"H /a/b"]),
        (["**/a"], [b"H a"]),
        (["a/**"], [b"H /a/**"]),
        (["a/**/b"], [b"H /a/**/b", b"H /a/b"]),
        (["*", "!keep"], [b"S keep", b"H *"]),
        ([r"\#x", r"\!y", r"a\ "], [b"H a ", b"H !y", b"H #x"]),
        ([r"back\\slash"], [b"H back\\slash"]),
        ([r"\*literal"], [b"H \\*literal"]),
        (["# comment", "", "   ", "/"], []),
        (["blank   "], [b"H blank"]),
        (["a***b"], [b"H a*b"]),
        (["***/a"], [b"H a"]),
        (["a/****"], [b"H /a/**"]),
        (["è"], ["H è".encode()]),
    ],
)
def test_translation(rules: list[str], translated: list[bytes]) -> None:
    assert rsync_rules(rules) == translated


@pytest.mark.parametrize(
    ("rule", "translated"),
    [
        ("a1.B", b"H [aA]1.[Bb]"),
        ("[!a-cX-].x", b"H [!a-cA-CXx-].[xX]"),
        ("[]q]", b"H []qQ]"),
        ("[+-d]", b"H [+-dA-Da-z]"),
        ("[[:upper:]5]", b"H [[:alpha:]5]"),
        ("é*", "H é*".encode()),
        ("\\Q", b"H [Qq]"),
        ("x/**/y/", b"H /[xX]/[yY]/"),
    ],
)
def test_translation_for_names_without_case(rule: str, translated: bytes) -> None:
    assert rsync_rules([rule], ignore_case=True)[-1] == translated


@pytest.mark.parametrize(
    ("rule", "path"),
    [
        ("Thumbs.db", b"a/THUMBS.DB"),
        ("[a-c]x", b"BX"),
        ("[A-C]x", b"bX"),
        ("/Users/*/AppData/", b"users/anna/appdata"),
        ("*.É", "x.É".encode()),
    ],
)
def test_decision_for_names_without_case(rule: str, path: bytes) -> None:
    assert GitIgnoreFilter([rule], ignore_case=True).excludes(rel_path(path), is_folder=True)


@pytest.mark.parametrize(("rule", "path"), [("[!a]x", b"AX"), ("*.é", "x.É".encode()), ("a//b", b"a/b")])
def test_not_hidden_even_without_case(rule: str, path: bytes) -> None:
    assert not GitIgnoreFilter([rule], ignore_case=True).excludes(rel_path(path), is_folder=True)


@pytest.mark.parametrize(
    ("path", "rule"), [(b"a.tmp", "*.tmp"), (b"Cache/x/y", "cache/  "), (b"keep.tmp", None), (b"other", None)]
)
def test_the_rule_that_hides_a_path_is_named_as_it_was_written(path: bytes, rule: str | None) -> None:
    found = GitIgnoreFilter(["*.tmp", "cache/  ", "!keep.tmp"], ignore_case=True)
    assert found.rule(rel_path(path), is_folder=False) == rule


@pytest.mark.parametrize(
    ("rules", "path", "is_folder", "hidden"),
    [
        (["*.tmp"], b"a/b.tmp", False, True),
        (["*.tmp", "!b.tmp"], b"a/b.tmp", False, False),
        (["a/", "!a/b"], b"a/b", False, True),
        (["a/*", "!a/b"], b"a/b", False, False),
        (["a/"], b"a", False, False),
        (["a/"], b"a", True, True),
        (["/a"], b"x/a", False, False),
        (["x/a"], b"y/x/a", False, False),
        (["**/x/a"], b"y/x/a", False, True),
        (["a/**"], b"a", True, False),
        (["a/**"], b"a/b/c", False, True),
        (["a/**/c"], b"a/c", False, True),
        (["**"], b"a", False, True),
        (["?"], b"\xff", False, True),
        (["?"], "é".encode(), False, False),
        (["a*"], b"a\nb", False, True),
        (["[[:digit:]]x"], b"7x", False, True),
        (["[!a-c]"], b"b", False, False),
        (["*"], b".", True, False),
        (["[A-[:alpha:]]"], b"B]", False, True),
        (["[A-[:alpha:]]"], b"B", False, False),
        (["[[:]"], b":", False, True),
        (["[[:a]"], b"[", False, True),
        (["[\\[:x:]"], b"x", False, True),
        (["[]-a]"], b"`", False, True),
        (["[+--e]"], b"-", False, True),
    ],
)
def test_decision(rules: list[str], path: bytes, is_folder: bool, hidden: bool) -> None:
    assert GitIgnoreFilter(rules).excludes(rel_path(path), is_folder=is_folder) is hidden


@pytest.mark.parametrize("homes", ["", "anna/", "Users/anna/"])
@pytest.mark.parametrize(
    "path",
    [
        ".cache/x",
        ".gradle/caches/x",
        ".npm/_cacache/x",
        "Library/Caches/x",
        "AppData/Local/pip/cache/x",
        "AppData/Local/Google/Chrome/User Data/Default/Cache/x",
        "work/app/__pycache__/x",
    ],
)
def test_the_preset_of_caches_fits_a_home_and_a_folder_of_homes(homes: str, path: str) -> None:
    found = GitIgnoreFilter(preset("caches").rules, ignore_case=True)
    assert found.excludes(rel_path(f"{homes}{path}".encode()), is_folder=False)


@pytest.mark.parametrize(
    "rule",
    [
        "a[",
        "[z-a]",
        "[[:nope:]]",
        "[a[:alpha:]",
        "[[:ALPHA:]]",
        "[[::]]",
        "a\\",
        "a\nb",
        "x" * 2000,
        "**/a/" * 5 + "b",
    ],
)
def test_a_rule_that_cannot_be_understood_is_named(rule: str) -> None:
    for reading in (rsync_rules, GitIgnoreFilter):
        with pytest.raises(InvalidInputError) as caught:
            reading([rule])
        assert caught.value.advice


def test_the_class_is_a_factory_of_the_port() -> None:
    factory: PathFilterFactory = GitIgnoreFilter
    assert not factory([]).excludes(rel_path(b"a"), is_folder=False)


@pytest.mark.parametrize(
    "rule",
    [
        "a*" * 12 + "b",
        "/" + "a*" * 12 + "b",
        "/**/" + "a*/**/" * 3 + "b",
        "/a/**/a/**/a*a*a/**/b",
        "**" * 12 + "b",
    ],
)
def test_a_rule_that_is_made_to_take_for_ever_ends(rule: str) -> None:
    """It would stand still for years, and with it the whole server: nothing else gets a turn meanwhile."""
    found = GitIgnoreFilter([rule])
    for path in (b"a" * 250, b"/".join([b"a" * 20] * 180), b"/".join([b"a"] * 2000)):
        assert not found.excludes(rel_path(path), is_folder=False)


@pytest.mark.parametrize(
    ("rule", "path", "hidden"),
    [
        ("a*b*c", b"abcbc", True),
        ("a*b*c", b"abcb", False),
        ("*ab*ab", b"abab", True),
        ("*ab*ab", b"aab", False),
        ("/x/**/a*b/**/c", b"x/ab/ab/d/c", True),
        ("/x/**/a*b/**/c", b"x/d/c", False),
        ("/x/**/a/b/**/c", b"x/a/a/b/c", True),
        ("/x/**/a/b/c", b"x/a/b/a/b/c", True),
        ("/x/*?/c", b"x/y/c", True),
        ("/x/**", b"x/y/z", True),
        ("/x/**", b"x", False),
    ],
)
def test_what_is_found_first_leaves_enough_for_the_rest(rule: str, path: bytes, hidden: bool) -> None:
    assert GitIgnoreFilter([rule]).excludes(rel_path(path), is_folder=False) is hidden
