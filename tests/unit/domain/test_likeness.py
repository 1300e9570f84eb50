"""What size and time of stored bytes tell of the state they should be of."""

from dataclasses import replace

import pytest

from bckcore.domain.file_version import EntryKind, FileEntry
from bckcore.domain.likeness import Likeness, digests_of, likeness, stored_size
from bckcore.domain.paths import rel_path

T = 1_700_000_000_000_000_000
ONE, TWO = b"1" * 16, b"2" * 16


def state(size: int = 5, mtime_ns: int = T, digest: bytes = b"") -> FileEntry:
    return FileEntry(rel_path(b"a"), EntryKind.FILE, 0o644, 0, 0, mtime_ns, size, digest=digest)


TOUCHED = state(mtime_ns=T + 1, digest=ONE)
OTHER = state(mtime_ns=T + 1, digest=TWO)


@pytest.mark.parametrize(
    ("entry", "size", "mtime_ns", "states", "expected"),
    [
        (state(), 5, T, [], Likeness.OWN),
        (state(), 5, T, [OTHER], Likeness.OWN),
        (state(digest=ONE), 5, T + 1, [TOUCHED], Likeness.KIN),
        (state(digest=ONE), 5, T + 1, [OTHER], Likeness.OTHER),
        (state(digest=ONE), 5, T + 1, [state(digest=ONE), OTHER], Likeness.OTHER),
        (state(digest=ONE), 5, T + 1, [TOUCHED, OTHER], Likeness.UNKNOWN),
        (state(digest=ONE), 5, T + 2, [TOUCHED, OTHER], Likeness.UNKNOWN),
        (state(), 5, T + 1, [OTHER], Likeness.OTHER),
        (state(), 5, T + 1, [], Likeness.UNKNOWN),
        (state(digest=ONE), 6, T, [state(6, digest=TWO)], Likeness.OTHER),
        (state(digest=ONE), 6, T, [], Likeness.UNKNOWN),
    ],
)
def test_size_and_time_tell_whose_bytes_they_are(
    entry: FileEntry, size: int, mtime_ns: int, states: list[FileEntry], expected: Likeness
) -> None:
    assert likeness(entry, size, mtime_ns, states) is expected


def test_a_link_is_stored_as_a_file_of_its_target() -> None:
    link = replace(state(0), kind=EntryKind.LINK, target=b"somewhere")
    assert (stored_size(link), stored_size(state())) == (9, 5)
    assert likeness(state(9), 9, T + 1, [replace(link, mtime_ns=T + 1)]) is Likeness.OTHER


def test_an_unknown_digest_is_that_of_a_state_of_the_same_size_and_time() -> None:
    assert digests_of(state(), [state(digest=ONE), OTHER]) == {ONE}
    assert digests_of(state(digest=TWO), [state(digest=ONE)]) == {TWO}
    assert digests_of(state(), [OTHER]) == frozenset()
