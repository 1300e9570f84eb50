"""What is written comes back exactly, whatever it was."""

from hypothesis import given
from hypothesis import strategies as st

from bckcore.domain import receipt as receipts
from bckcore.domain import stored_stat
from bckcore.domain.file_version import EntryKind
from bckcore.domain.manifest import Change, decoded_line, encoded_line
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
from bckcore.domain.receipt import Receipt
from bckcore.domain.stored_stat import StoredStat
from bckcore.errors import InvalidInputError, StorageError
from tests.support import values


@given(st.binary())
def test_percent_coding_keeps_all_bytes_and_is_plain_ascii(raw: bytes) -> None:
    text = percent_encoded(raw)
    assert percent_decoded(text) == raw
    assert text.isascii()
    assert not set(text) & set("\t\n\r\"'\\")


def test_percent_coding_keeps_each_single_byte_and_all_pairs_with_percent() -> None:
    for byte in range(256):
        for raw in (bytes((byte,)), b"%" + bytes((byte,)), bytes((byte, 0x25, 0x34, 0x31))):
            assert percent_decoded(percent_encoded(raw)) == raw


@given(st.text())
def test_decoding_any_text_gives_bytes_or_our_error(text: str) -> None:
    try:
        raw = percent_decoded(text)
    except InvalidInputError:
        return
    assert percent_decoded(percent_encoded(raw)) == raw


@given(st.binary())
def test_shown_text_holds_no_control_character(raw: bytes) -> None:
    assert display(raw).isprintable()


@given(values.rel_paths)
def test_a_path_is_its_components_and_lies_below_its_parents(path: RelPath) -> None:
    assert rel_path(path) == path
    above = list(parents(path))
    assert len(above) == len(components(path))
    assert all(is_below(path, folder) and folder != path for folder in above)
    assert path == ROOT or above[-1] == ROOT
    assert path == ROOT or b"/".join(components(path)) == path


@given(values.rel_paths, values.rel_paths)
def test_below_means_equal_or_among_the_parents(one: RelPath, other: RelPath) -> None:
    assert is_below(one, other) == (one == other or other in set(parents(one)))


@given(st.binary())
def test_any_bytes_are_a_safe_path_or_refused(raw: bytes) -> None:
    try:
        path = rel_path(raw)
    except InvalidInputError:
        return
    assert path == raw
    assert not raw.startswith(b"/")
    assert b".." not in raw.split(b"/")


@given(values.changes)
def test_a_manifest_line_comes_back(change: Change) -> None:
    line = encoded_line(change)
    assert decoded_line(line) == change
    assert line.isascii()
    assert line.count("\n") == 1
    assert line.count("\t") == 10


@given(st.text())
def test_any_line_is_a_change_or_damage(line: str) -> None:
    try:
        decoded_line(line)
    except StorageError:
        return
    raise AssertionError("random text was taken for a manifest line")


@given(values.receipts())
def test_a_receipt_comes_back(receipt: Receipt) -> None:
    assert receipts.decoded(receipts.encoded(receipt)) == receipt


@given(values.receipts(), st.data())
def test_a_receipt_with_a_changed_byte_has_another_digest(receipt: Receipt, data: st.DataObject) -> None:
    raw = bytearray(receipts.encoded(receipt))
    place = data.draw(st.integers(0, len(raw) - 1))
    whole = receipts.digest(bytes(raw))
    raw[place] ^= data.draw(st.integers(1, 255))
    assert receipts.digest(bytes(raw)) != whole


@given(values.receipts(), st.data())
def test_a_receipt_that_was_cut_is_damage(receipt: Receipt, data: st.DataObject) -> None:
    raw = receipts.encoded(receipt)
    cut = data.draw(st.integers(0, len(raw) - 2))  # without the last newline alone it is still whole
    try:
        receipts.decoded(raw[:cut])
    except StorageError:
        return
    raise AssertionError("half a receipt was taken for one")


ids = st.integers(0, 2**32 - 1)


@given(st.sampled_from(EntryKind), st.integers(0, 0o7777), ids, ids, st.tuples(ids, ids))
def test_a_stored_stat_comes_back(
    kind: EntryKind, mode: int, uid: int, gid: int, rdev: tuple[int, int]
) -> None:
    value = StoredStat(kind=kind, mode=mode, uid=uid, gid=gid, rdev=rdev)
    assert stored_stat.decoded(stored_stat.encoded(value)) == value


@given(st.binary() | st.from_regex(rb"-?[0-9]{1,30} [-0-9]{1,9},[0-9]{1,5} [0-9]+:[0-9]+"))
def test_any_bytes_are_a_stored_stat_or_damage(raw: bytes) -> None:
    try:
        value = stored_stat.decoded(raw)
    except StorageError:
        return
    assert stored_stat.decoded(stored_stat.encoded(value)) == value
