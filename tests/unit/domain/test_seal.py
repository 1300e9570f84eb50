"""A seal shows every change of a record, be it a single bit."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from bck_adapters.testkit.samples import ended_run, sample_act, sample_run
from bckcore.domain import act as acts
from bckcore.domain import receipt as receipts
from bckcore.domain.manifest import ManifestInfo
from bckcore.domain.receipt import Receipt
from bckcore.domain.restore_point import Counted
from bckcore.errors import StorageError

RECEIPT = Receipt(
    run=replace(ended_run(sample_run(7)), attempts=()),
    counted=Counted.COUNTED,
    manifest=ManifestInfo(seq=7, base=3, sha256="ab" * 32, lines=12),
    head=7,
    depth=2,
    filters=("*.tmp",),
    previous="cd" * 32,
)
RECORDS = [
    pytest.param(receipts.encoded(RECEIPT), receipts.decoded, id="receipt"),
    pytest.param(acts.encoded(sample_act(3)), acts.decoded, id="act"),
]


@pytest.mark.parametrize(("raw", "decoded"), RECORDS)
def test_no_flipped_bit_changes_what_a_record_says_unnoticed(
    raw: bytes, decoded: Callable[[bytes], object]
) -> None:
    whole = decoded(raw)
    for place in range(len(raw)):
        for bit in range(8):
            harmed = bytearray(raw)
            harmed[place] ^= 1 << bit
            try:
                found = decoded(bytes(harmed))
            except StorageError:
                continue
            assert found == whole, f"bit {bit} of byte {place}: only blanks may differ"


@pytest.mark.parametrize(("raw", "decoded"), RECORDS)
def test_a_record_cut_short_is_refused(raw: bytes, decoded: Callable[[bytes], object]) -> None:
    for length in range(0, len(raw) - 2, 7):
        with pytest.raises(StorageError):
            decoded(raw[:length])


def test_a_receipt_of_the_first_release_has_no_seal_and_is_read() -> None:
    document = json.loads(receipts.encoded(RECEIPT))
    for name in ("seal", "kind"):
        del document[name]
    assert receipts.decoded(json.dumps(document).encode()) == RECEIPT


def test_a_seal_that_was_taken_off_is_missed() -> None:
    document = json.loads(receipts.encoded(RECEIPT))
    del document["seal"]
    with pytest.raises(StorageError, match="seal does not fit"):
        receipts.decoded(json.dumps(document).encode())
