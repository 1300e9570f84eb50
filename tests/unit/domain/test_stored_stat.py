"""The attribute in which rsync keeps what a stored file stands for."""

import stat

import pytest

from bckcore.domain.file_version import EntryKind
from bckcore.domain.stored_stat import StoredStat, decoded, encoded, kind_of
from bckcore.errors import StorageError


def test_the_form_is_that_of_rsync() -> None:
    link = StoredStat(kind=EntryKind.LINK, mode=0o777, uid=1000, gid=100)
    assert encoded(link) == b"120777 0,0 1000:100"
    device = StoredStat(kind=EntryKind.BLOCK_DEVICE, mode=0o660, uid=0, gid=6, rdev=(8, 1))
    assert encoded(device) == b"60660 8,1 0:6"
    assert decoded(b"60660 8,1 0:6") == device


def test_a_zero_byte_at_the_end_means_nothing() -> None:
    assert decoded(b"100644 0,0 1:2\0") == StoredStat(kind=EntryKind.FILE, mode=0o644, uid=1, gid=2)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"100644",
        b"100644 0,0",
        b"100644 0,0 1",
        b"100644 0 1:2",
        b"100648 0,0 1:2",
        b"-100644 0,0 1:2",
        b"100644 0,0 -1:2",
        b"100644  0,0 1:2",
        b" 100644 0,0 1:2",
        b"1_00644 0,0 1:2",
        b"0o644 0,0 1:2",
        b"7" * 60 + b" 0,0 1:2",
        b"100644 0,0 1:2 3",
        b"100644 0,0 1:2\n",
        b"\xff",
        b"0644 0,0 1:2",
    ],
)
def test_damage_is_an_error_of_the_storage(raw: bytes) -> None:
    with pytest.raises(StorageError):
        decoded(raw)


def test_every_type_has_its_kind_and_no_other_type_has() -> None:
    assert kind_of(stat.S_IFDIR | 0o755) is EntryKind.FOLDER
    assert {kind_of(bits << 12) for bits in (1, 2, 4, 6, 8, 10, 12)} == set(EntryKind)
    for bits in (0, 3, 5, 7, 9, 11, 13, 14, 15):
        with pytest.raises(StorageError, match="no known type"):
            kind_of(bits << 12)
