"""Hypothesis strategies for domain values."""

from hypothesis import strategies as st

from bckcore.domain.paths import RelPath

_NAME_BYTES = b"ab.-_ *?[]\\#0\n\"'$\xc3\xa9\xff"

_ATOMS = (
    *("a", "b", "ab", "*", "?", "**", "a*", "*b", "[ab]", "[!a]", "[^b]", "[a-c]*", "\\*", "\\a"),
    *("c d", "é", "é*", "a.b", "*.b", "[x]", "a\\\\b", "a**b", "??", "[[:alpha:]]", "[]x]", "x?y", "["),
    *("[a[:alpha:]", "[A-[:alpha:]]"),
)


def names(max_size: int = 6) -> st.SearchStrategy[bytes]:
    """File names, most of them awkward."""
    return (
        st.lists(st.sampled_from(_NAME_BYTES), min_size=1, max_size=max_size)
        .map(bytes)
        .filter(lambda name: name not in (b".", b".."))
    )


def rel_paths(max_depth: int = 4) -> st.SearchStrategy[RelPath]:
    """Paths inside a source, never the root."""
    return st.lists(names(), min_size=1, max_size=max_depth).map(lambda parts: RelPath(b"/".join(parts)))


def gitignore_rules() -> st.SearchStrategy[str]:
    """Single rules over a small alphabet, so that they often match; not all are well formed, and some are
    no rules: nothing but a sign, slashes or blanks."""
    part = st.sampled_from(_ATOMS)
    return st.builds(
        lambda sign, lead, parts, tail: sign + lead + "/".join(parts) + tail,
        st.sampled_from(("", "", "!")),
        st.sampled_from(("", "", "/", "**/", "***/")),
        st.lists(part, max_size=3),
        st.sampled_from(("", "", "/", "/**", "/***", " ")),
    )
