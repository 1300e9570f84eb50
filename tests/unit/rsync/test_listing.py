"""The itemised lines, read back as paths and changes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bck_adapters.rsync import listing as room
from bck_adapters.rsync.listing import ItemListing, checked_path, unescaped
from bckcore.domain.file_version import EntryKind
from bckcore.domain.paths import RelPath
from bckcore.domain.transfer import Seen

TAG = b"0123456789abcdef"
DIGEST = b"be573118fb47cf582ef3a1a12238c2e5"
RAW = bytes.fromhex(DIGEST.decode())


def line(
    item: bytes, name: bytes, *, size: int = 2, mtime: bytes = b"2026/11/22-23:25:35", digest: bytes = b""
) -> bytes:
    """As recorded from rsync 3.5.0."""
    return b"%s%s %20d %s %32s %s%s\n" % (TAG, item.ljust(11), size, mtime, digest, TAG, name)


@pytest.fixture
def listing(tmp_path: Path):
    """Make a listing of some lines and some paths beside them."""

    def make(*lines: bytes, present: bytes = b"") -> ItemListing:
        (tmp_path / "items").write_bytes(b"".join(lines))
        (tmp_path / "present").write_bytes(present)
        return ItemListing(items=tmp_path / "items", tag=TAG, also_present=tmp_path / "present")

    return make


def test_every_line_names_a_path(listing) -> None:
    found = listing(
        line(b".d..t......", b"./"),
        line(b".f", b"same"),
        line(b"cd+++++++++", b"a/b/"),
        line(b">f+++++++++", b"a/b/new\\#012line", digest=DIGEST),
        line(b"cL+++++++++", b"a -> b"),
    )
    assert list(found.paths()) == [b".", b"same", b"a/b", b"a/b/new\nline", b"a -> b"]
    assert found.count() == 5


def test_blank_items_are_no_changes(listing) -> None:
    found = listing(
        line(b".d", b"./"), line(b".f", b"same"), line(b".f...p.....", b"mode"), line(b".d..t......", b"d/")
    )
    assert [seen.path for seen in found.changes()] == [b"mode", b"d"]


def test_a_change_carries_its_hints(listing) -> None:
    found = listing(line(b">f..t......", b"f", size=7, digest=DIGEST), line(b"cS+++++++++", b"p", size=0))
    assert list(found.changes()) == [
        Seen(path=RelPath(b"f"), kind=EntryKind.FILE, size=7, mtime=1795389935, digest=RAW),
        Seen(path=RelPath(b"p"), kind=EntryKind.FIFO, size=0, mtime=1795389935, digest=b""),
    ]


def test_what_force_removed_is_not_on_the_pc(listing) -> None:
    found = listing(line(b"*deleting", b"a/b/g", mtime=b"1970/01/01-00:00:00"), line(b">f+++++++++", b"a"))
    assert list(found.paths()) == [b"a"]
    assert [seen.path for seen in found.changes()] == [b"a"]
    assert found.count() == 1


def test_a_file_called_deleting_is_a_file(listing) -> None:
    assert list(listing(line(b".f", b"*deleting")).paths()) == [b"*deleting"]


def test_lines_without_our_tag_are_not_ours(listing) -> None:
    forged = line(b">f+++++++++", b"forged").replace(TAG, b"f" * 16)
    assert list(listing(forged, b"\n", b"text " + TAG + b"\n", line(b".f", b"real")).paths()) == [b"real"]


def test_a_line_cut_short_is_passed_over(listing) -> None:
    assert list(listing(line(b".f", b"whole"), line(b".f", b"cut off")[:-4]).paths()) == [b"whole"]


def test_names_that_climb_are_passed_over(listing) -> None:
    found = listing(line(b".f", b"../x"), line(b".f", b"a/../../x"), line(b".f", b"..fine"))
    assert list(found.paths()) == [b"..fine"]


def test_what_could_not_be_read_is_present(listing) -> None:
    found = listing(line(b".d", b"./"), present=b"a/unread\0new\nline\0")
    assert list(found.paths()) == [b".", b"a/unread", b"new\nline"]


def test_times_beyond_the_calendar_are_unknown(listing) -> None:
    found = listing(line(b">f+++++++++", b"f", mtime=b"292277026596/12/04-15:30:07"))
    assert [seen.path for seen in found.changes()] == [b"f"]


@pytest.mark.parametrize(
    ("escaped", "raw"),
    [
        (b"a\\#012b", b"a\nb"),
        (b"\\#134#134", b"\\#134"),
        (b"\\#377", b"\xff"),
        (b"back\\slash", b"back\\slash"),
        (b"\\#12", b"\\#12"),
    ],
)
def test_escapes_of_rsync(escaped: bytes, raw: bytes) -> None:
    assert unescaped(escaped) == raw


_NAMES = st.sampled_from(
    [
        b"f",
        b"a/b",
        b"a/b/",
        b"./",
        b"a.",
        b"a./",
        b"..",
        b"a/../b",
        b"a//b",
        b"/x",
        b"",
        b"\\#012",
        b"*",
        b"x y",
    ]
)
_ITEMS = st.sampled_from([b".f", b".d", b">f+++++++++", b".f...p.....", b"*deleting"])
_LINES = st.one_of(
    st.builds(line, _ITEMS, _NAMES),
    st.sampled_from(
        [
            b"\n",
            b"text\n",
            TAG + b"\n",
            TAG + b".f" + TAG + b"short\n",
            b"x" + line(b".f", b"late"),
            TAG * 4 + b"\n",
        ]
    ),
)


def _as_told(lines: list[bytes]) -> tuple[list[bytes], list[bytes], int]:
    """Paths, changed ones and how many lines count, line by line."""
    paths, changed, count = list[bytes](), list[bytes](), 0
    for one in b"".join(lines).split(b"\n")[:-1]:
        _, *parts = one.split(TAG, 2)
        if len(parts) < 2 or len(parts[0]) <= 11 or parts[0].startswith(b"*"):
            continue
        count += 1
        path = checked_path(unescaped(parts[1].removesuffix(b"/")))
        paths += [path] if path is not None else []
        changed += [path] if path is not None and parts[0][2:11].strip() else []
    return paths, changed, count


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("blocks")


@given(lines=st.lists(_LINES, max_size=30), cut=st.integers(0, 20), block=st.integers(2, 400))
def test_blocks_are_read_as_their_lines_are(place: Path, lines: list[bytes], cut: int, block: int) -> None:
    (place / "items").write_bytes(b"".join(lines) + line(b".f", b"cut off")[:cut])
    (place / "present").touch()
    found = ItemListing(items=place / "items", tag=TAG, also_present=place / "present")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "_BLOCK", block)
        told = list(found.paths()), [seen.path for seen in found.changes()], found.count()
    assert told == _as_told(lines)
