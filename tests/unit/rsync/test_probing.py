"""What rsync's listing of the folders above a source says about links."""

import pytest

from bck_adapters.rsync.probing import first_link, seen_paths

FOLDER = b"drwxr-xr-x        4096 2026/11/23 00:53:37 "
LINK = b"lrwxrwxrwx           4 2026/11/23 00:53:37 "
FILE = b"-rw-r--r--  1234567890 1969/12/31 23:59:59 "
CHAIN = ("/h", "/h/u", "/h/u/docs")


def said(*lines: bytes) -> bytes:
    """A listing."""
    return b"".join(line + b"\n" for line in lines)


def test_names_are_read_as_rsync_escapes_them() -> None:
    seen = seen_paths(
        said(FOLDER + b"h/new\\#012line", LINK + b"h/l -> /etc", FILE + b"h/ f ", b"a greeting")
    )
    assert seen == {b"h/new\nline": b"d", b"h/l -> /etc": b"l", b"h/ f ": b"-"}


@pytest.mark.parametrize(
    ("lines", "complete", "link"),
    [
        ((FOLDER + b"h", FOLDER + b"h/u", FOLDER + b"h/u/docs"), True, None),
        ((FOLDER + b"h", FOLDER + b"h/u", FILE + b"h/u/docs"), True, None),
        ((FOLDER + b"h", FOLDER + b"h/u", LINK + b"h/u/docs -> x"), True, "/h/u/docs"),
        # A link with something below it is not shown at all.
        ((FOLDER + b"h", FOLDER + b"h/u/docs"), True, "/h/u"),
        ((FOLDER + b"h", FOLDER + b"h/u/docs"), False, "/h/u"),
        ((FOLDER + b"h/u/docs",), True, "/h"),
        ((LINK + b"h/u/docs -> x",), False, "/h"),
        ((FOLDER + b"h", LINK + b"h/u -> x"), False, "/h/u"),
        # Missing, or below a folder that cannot be entered.
        ((FOLDER + b"h", FOLDER + b"h/u"), False, None),
        ((FOLDER + b"h",), False, None),
        ((), False, None),
        # Nothing said and no complaint: not to be trusted.
        ((FOLDER + b"h", FOLDER + b"h/u"), True, "/h/u/docs"),
    ],
)
def test_a_link_is_found_wherever_it_stands(
    lines: tuple[bytes, ...], complete: bool, link: str | None
) -> None:
    assert first_link(CHAIN, seen_paths(said(*lines)), complete=complete) == link
