"""Laws of paths on hosts, for any text: a path or a reasoned refusal; one form; allowed by whole names."""

from __future__ import annotations

import unicodedata

from hypothesis import example, given
from hypothesis import strategies as st

from bckcore.domain.host import Host, Platform
from bckcore.domain.host_path import HostPath, parsed_path, path_or_none, typed_path
from bckcore.domain.ids import HostId
from bckcore.domain.path_refusals import PathFault
from bckcore.errors import PathNotAllowedError, PathRefusedError

PLATFORMS = st.sampled_from(Platform)
WINDOWS_PIECES = [
    "C:",
    "c:\\",
    "\\\\?\\",
    "\\\\.\\",
    "/cygdrive/c/",
    "UNC\\",
    "~1",
    "NUL",
    "com1",
    "\u00b9",
    ":",
]
ODD_PIECES = ["*", "\0", "\n", "\uff0f", "\u202e", "\udc80", "\ud800", "\uf03a", "e\u0301", "x" * 260]
PIECES = st.sampled_from(
    ["/", "\\", "//", "..", ".", " ", "a", "é", "ß", "Users", *WINDOWS_PIECES, *ODD_PIECES]
)
ANY_CHARACTER = st.characters(codec=None, exclude_categories=())
TEXTS = st.one_of(
    st.text(ANY_CHARACTER, max_size=40),
    st.lists(st.one_of(PIECES, st.text(ANY_CHARACTER, max_size=3)), max_size=8).map("".join),
)
LETTERS = st.sampled_from("aAbBsSkK.éÉ\u0301eEßſıİK ~1")
NAMES = st.text(LETTERS, min_size=1, max_size=4).filter(lambda name: set(name) != {"."})
PATHS = st.lists(NAMES, max_size=4).map(lambda names: "/" + "/".join(names))


@given(TEXTS, PLATFORMS)
def test_any_text_is_a_path_or_refused_with_a_reason(text: str, platform: Platform) -> None:
    for parse in (parsed_path, typed_path):
        path, refusal = None, None
        try:
            path = parse(text, platform)
        except PathRefusedError as refused:
            refusal = refused
        if refusal is not None:
            assert refusal.fault in list(PathFault)
            assert refusal.meaning
            assert refusal.advice
            assert str(refusal).isprintable()
        if path is not None:
            assert path.text.startswith("/")
            assert not {"", ".", ".."} & set(path.names)
            assert "\0" not in path.text


@given(TEXTS, PLATFORMS)
@example("/cygdrive/C/x", Platform.WINDOWS)
@example("\\\\?\\C:\\x", Platform.WINDOWS)
def test_a_path_is_read_back_from_each_form_it_is_written_in(text: str, platform: Platform) -> None:
    path = path_or_none(text, platform)
    if path is not None:
        assert parsed_path(path.text, platform) == path
        assert parsed_path(path.native, platform) == path
        assert path.is_within(path)
        path.text.encode("utf-8", "surrogateescape")


@given(TEXTS)
def test_a_typed_path_of_an_unknown_host_is_stored_in_a_form_that_is_read_back(text: str) -> None:
    try:
        path = typed_path(text)
    except PathRefusedError:
        return
    assert parsed_path(path.text, Platform.POSIX).text == path.text


def allowed_by_oracle(text: str, roots: list[str], platform: Platform) -> bool:
    """By characters, written apart from the code under test: no shared function, no tuples of names."""

    def plain(path: str) -> str:
        if platform is Platform.MACOS:
            # None of the letters drawn is one that Apple keeps whole, but the Kelvin sign.
            path = path.replace("\u212a", "\ue000")
            path = unicodedata.normalize("NFD", path)
        table = dict(zip("abeskéi", "ABESKÉI", strict=True))
        return "".join(table.get(letter, letter) for letter in path)

    if platform is not Platform.POSIX:
        text, roots = plain(text), [plain(root) for root in roots]
    text = text.rstrip("/") + "/"
    return any(text[: len(root.rstrip("/")) + 1] == root.rstrip("/") + "/" for root in roots)


@given(PATHS, st.lists(PATHS, max_size=3), PLATFORMS)
@example("/a/b", ["/A"], Platform.WINDOWS)
@example("/aB", ["/a"], Platform.POSIX)
@example("/\u00e9", ["/e\u0301"], Platform.MACOS)
@example("/x", ["/"], Platform.POSIX)
def test_a_path_is_allowed_just_where_a_root_covers_it(
    text: str, roots: list[str], platform: Platform
) -> None:
    host = Host(id=HostId("pc1"), address="pc1", platform=platform, allowed_roots=tuple(roots))
    usable = [root for root in roots if path_or_none(root, platform)]
    try:
        host.require_allowed(text)
    except PathRefusedError:
        assert platform is Platform.WINDOWS
    except PathNotAllowedError:
        assert not allowed_by_oracle(text, usable, platform)
    else:
        assert allowed_by_oracle(text, usable, platform)


@given(PATHS, PATHS, PLATFORMS)
def test_what_lies_within_each_other_is_one_path(one: str, other: str, platform: Platform) -> None:
    first, second = path_or_none(one, platform), path_or_none(other, platform)
    if isinstance(first, HostPath) and isinstance(second, HostPath):
        both = first.is_within(second) and second.is_within(first)
        assert not both or len(first.names) == len(second.names)
