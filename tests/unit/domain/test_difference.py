"""How two states of a path differ."""

from dataclasses import replace

import pytest

from bckcore.domain.difference import DifferenceKind, difference, difference_of_change
from bckcore.domain.file_version import EntryKind, FileEntry
from bckcore.domain.ids import SourceName
from bckcore.domain.manifest import Change, ChangeOp
from tests.support.values import entry

S = SourceName("docs")
A = entry(b"a")
WITH_DIGEST = replace(A, digest=b"1" * 16)


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        (None, A, "added"),
        (A, None, "gone"),
        (A, replace(A, size=2), "changed"),
        (A, replace(A, mtime_ns=8), "changed"),
        (WITH_DIGEST, replace(WITH_DIGEST, mtime_ns=8), "attributes"),
        (A, replace(A, mode=0o600), "attributes"),
        (A, entry(b"a", EntryKind.FOLDER), "type"),
        (
            replace(A, kind=EntryKind.LINK, target=b"x"),
            replace(A, kind=EntryKind.LINK, target=b"y"),
            "changed",
        ),
        (A, WITH_DIGEST, None),
        (A, A, None),
        (None, None, None),
    ],
)
def test_two_states_differ_by(old: FileEntry | None, new: FileEntry | None, kind: str | None) -> None:
    found = difference(S, old, new)
    assert (found and found.kind.value) == kind
    if found is not None:
        assert (found.path, found.old, found.new) == (b"a", old, new)


@pytest.mark.parametrize(
    ("op", "kind"),
    [
        (ChangeOp.ADDED, DifferenceKind.ADDED),
        (ChangeOp.CONTENT, DifferenceKind.CHANGED),
        (ChangeOp.ATTRIBUTES, DifferenceKind.ATTRIBUTES),
        (ChangeOp.GONE, DifferenceKind.GONE),
        (ChangeOp.EXCLUDED, DifferenceKind.EXCLUDED),
        (ChangeOp.SAME, None),
        (ChangeOp.MISSING, None),
    ],
)
def test_a_line_of_a_manifest_tells(op: ChangeOp, kind: DifferenceKind | None) -> None:
    found = difference_of_change(Change(S, op, A))
    assert (found and found.kind) == kind
