"""A receipt is read back as it was written, and neither damage nor the future is taken for data."""

import json
from dataclasses import replace

import pytest

from bckcore.domain.ids import HostId, JobId, ProfileId, SourceName
from bckcore.domain.manifest import ManifestInfo
from bckcore.domain.receipt import Receipt, decoded, digest, encoded
from bckcore.domain.restore_point import Counted
from bckcore.domain.run import ChangeCounts, Run, RunOutcome
from bckcore.domain.run_problem import RunProblem
from bckcore.domain.transfer import ProblemKind
from bckcore.errors import StorageError
from tests.support.values import NOW, run_id

RUN = Run(
    id=run_id(3),
    profile=ProfileId("docs"),
    host=HostId("pc1"),
    job=JobId("j"),
    seq=3,
    started=NOW,
    finished=NOW,
    outcome=RunOutcome.PARTIAL,
    made_point=True,
    counts=ChangeCounts(files=1, bytes=2, added=3, changed=4, gone=5),
)
RECEIPT = Receipt(
    run=RUN,
    counted=Counted.WEAK,
    manifest=ManifestInfo(seq=3, base=2, sha256="ab" * 32, lines=9),
    head=3,
    depth=2,
    filters=("*.tmp", "!keep.tmp"),
    previous="cd" * 32,
    problems=(
        RunProblem(
            source=SourceName("docs"), kind=ProblemKind.UNREADABLE, path=b"a/\xff\t\n", message="no 'Ü'"
        ),
        RunProblem(source=SourceName("pics"), kind=ProblemKind.UNKNOWN, path=b"", message="?"),
    ),
)


def test_a_receipt_comes_back_as_it_was() -> None:
    assert decoded(encoded(RECEIPT)) == RECEIPT


def test_a_run_that_is_not_over_has_no_receipt() -> None:
    with pytest.raises(StorageError, match="not over"):
        encoded(replace(RECEIPT, run=replace(RUN, outcome=None)))


def test_the_same_receipt_has_the_same_bytes_and_digest() -> None:
    assert encoded(RECEIPT) == encoded(replace(RECEIPT))
    assert digest(encoded(RECEIPT)) != digest(encoded(replace(RECEIPT, previous="")))


def test_a_newer_format_is_refused_with_advice() -> None:
    document = json.loads(encoded(RECEIPT)) | {"format": 2}
    with pytest.raises(StorageError, match=r"format 2.*Install"):
        decoded(json.dumps(document).encode())


@pytest.mark.parametrize(
    "raw", [b"", b"null", b"[]", b"3", b"{}", b"\xff\xfe", encoded(RECEIPT)[:-20], encoded(RECEIPT)[1:]]
)
def test_what_is_no_receipt_is_refused(raw: bytes) -> None:
    with pytest.raises(StorageError):
        decoded(raw)


@pytest.mark.parametrize("key", sorted(json.loads(encoded(RECEIPT))))
def test_a_field_that_is_missing_or_of_another_type_is_refused(key: str) -> None:
    document = json.loads(encoded(RECEIPT))
    absent = (
        [] if key in ("kind", "note", "problem_list") else [_without(document, key)]
    )  # the first receipts had neither
    for damaged in ({**document, key: [{}]}, {**document, key: True}, *absent):
        with pytest.raises(StorageError):
            decoded(json.dumps(damaged).encode())


@pytest.mark.parametrize(
    "change",
    [
        {"run_id": "../../etc"},
        {"host": ".."},
        {"profile": "a/b"},
        {"outcome": "fine"},
        {"point": "good"},
        {"point": ""},
        {"started": "yesterday"},
        {"counts": {}},
        {"manifest": {}},
        {"seq": "3"},
        {"problem_list": [{"source": "docs", "kind": "odd", "path": "", "message": ""}]},
        {"problem_list": [{"source": "../x", "kind": "unknown", "path": "", "message": ""}]},
        {"problem_list": [{"source": "docs", "kind": "unknown", "path": "%zz", "message": ""}]},
    ],
)
def test_a_value_that_makes_no_sense_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(StorageError):
        decoded(json.dumps(json.loads(encoded(RECEIPT)) | change).encode())


def _without(document: dict[str, object], key: str) -> dict[str, object]:
    return {name: value for name, value in document.items() if name != key}
