"""A manifest line is plain ASCII for awk, and damage is told from data."""

import pytest

from bckcore.domain.file_version import EntryKind, FileEntry
from bckcore.domain.ids import SourceName
from bckcore.domain.manifest import Change, ChangeOp, decoded_line, encoded_line
from bckcore.domain.paths import RelPath
from bckcore.errors import StorageError

ENTRY = FileEntry(RelPath(b"caf\xe9\t1"), EntryKind.FILE, 0o4755, 1000, 100, -5, 12, b"", bytes(16))
CHANGE = Change(SourceName("docs"), ChangeOp.CONTENT, ENTRY)
LINE = f"M\tdocs\tcaf%E9%091\tf\t4755\t1000\t100\t-5\t12\t{'00' * 16}\t\n"


def test_a_line_is_what_the_documentation_says() -> None:
    assert encoded_line(CHANGE) == LINE
    assert decoded_line(LINE) == CHANGE


@pytest.mark.parametrize(
    ("column", "value"),
    [
        (0, "!"),
        (0, ""),
        (1, ""),
        (1, "../docs"),
        (1, "DOCS"),
        (2, ""),
        (2, ".."),
        (2, "..%2Fetc"),
        (2, "%2Fetc%2Fpasswd"),
        (2, "a%00"),
        (2, "a%2"),
        (2, "a//b"),
        (3, "x"),
        (4, "9"),
        (5, "one"),
        (7, ""),
        (8, "1.5"),
        (9, "0"),
        (10, "%"),
    ],
)
def test_a_damaged_column_is_refused(column: int, value: str) -> None:
    columns = LINE.rstrip("\n").split("\t")
    columns[column] = value
    with pytest.raises(StorageError, match="manifest line"):
        decoded_line("\t".join(columns) + "\n")


@pytest.mark.parametrize(
    "line", ["", "\n", LINE.replace("\t", " "), LINE.rstrip("\n") + "\textra\n", LINE[:20]]
)
def test_a_line_with_other_columns_is_refused(line: str) -> None:
    with pytest.raises(StorageError):
        decoded_line(line)


def test_only_gone_and_excluded_end_a_path() -> None:
    assert {op for op in ChangeOp if op.ends} == {ChangeOp.GONE, ChangeOp.EXCLUDED}
