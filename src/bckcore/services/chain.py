"""Chain: which records of a profile are missing, unreadable or not what the others say they are.

Unlike :mod:`bckcore.services.chronicle`, which stops at the first fault, this names every one.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from bckcore.domain.act import Act
from bckcore.domain.manifest import ManifestInfo
from bckcore.domain.receipt import Receipt
from bckcore.domain.run import ProfileRef
from bckcore.errors import NotFoundError, StorageError
from bckcore.ports.storage import Storage

R = TypeVar("R", Receipt, Act)


class RecordKind(StrEnum):
    """What a finding is about."""

    RECEIPT = "receipt"
    MANIFEST = "manifest"
    ACT = "act"


class Fault(StrEnum):
    """What is wrong with a record."""

    MISSING = "missing"
    UNREADABLE = "unreadable"
    CHANGED = "changed"
    """It can be read, and is not the one that another record names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainFinding:
    """One fault; of missing records, all that follow one another together."""

    kind: RecordKind
    fault: Fault
    first: int
    last: int
    text: str
    """For people: ``receipt 000012 is missing``."""


def chain_findings(storage: Storage, ref: ProfileRef, *, manifests: bool = True) -> Iterator[ChainFinding]:
    """Every fault in the receipts, manifests and acts of a profile; none if all is whole.

    The newest receipt and act are named by nobody yet: of them, only what their seal shows is found.
    Without ``manifests`` those are not read, which is most of the work. Reads only; a run that ends
    meanwhile does no harm. Raises StorageError when the storage itself cannot be read.
    """
    numbers = storage.record_numbers(ref)
    newest = acts = 0
    for item in _walked(RecordKind.RECEIPT, numbers.receipts, lambda seq: storage.read_receipt(ref, seq)):
        if isinstance(item, ChainFinding):
            yield item
        else:
            newest, acts = item.run.seq, max(acts, item.acts)
            if manifests and item.manifest is not None:
                yield from _manifest(storage, ref, item.manifest)
    newest = max([newest, *numbers.receipts])
    for act in _walked(RecordKind.ACT, numbers.acts, lambda number: storage.read_act(ref, number)):
        if isinstance(act, ChainFinding):
            yield act
        elif act.after_seq > newest:
            yield _finding(RecordKind.RECEIPT, Fault.MISSING, newest + 1, act.after_seq)
            newest = act.after_seq
    if acts > (last := max(numbers.acts, default=0)):
        yield _finding(RecordKind.ACT, Fault.MISSING, last + 1, acts)


def _walked(
    kind: RecordKind, numbers: tuple[int, ...], read: Callable[[int], tuple[R, str]]
) -> Iterator[R | ChainFinding]:
    """The records that can be read, each after the faults that show once it is."""
    expected, previous = 1, ""
    known = True
    for number in numbers:
        if number > expected:
            yield _finding(kind, Fault.MISSING, expected, number - 1)
            known = False
        expected = number + 1
        try:
            record, digest = read(number)
        except (StorageError, NotFoundError) as error:
            yield _finding(kind, Fault.UNREADABLE, number, number, error.what)
            known = False
            continue
        if known and record.previous != previous:
            yield _finding(kind, Fault.CHANGED, number - 1, number - 1, f"{kind} {number:06d} names another")
        known, previous = True, digest
        yield record


def _manifest(storage: Storage, ref: ProfileRef, info: ManifestInfo) -> Iterator[ChainFinding]:
    try:
        if storage.manifest_digest(ref, info.seq) != info.sha256:
            yield _finding(
                RecordKind.MANIFEST, Fault.CHANGED, info.seq, info.seq, "its receipt names another"
            )
    except NotFoundError:
        yield _finding(RecordKind.MANIFEST, Fault.MISSING, info.seq, info.seq)
    except StorageError as error:
        yield _finding(RecordKind.MANIFEST, Fault.UNREADABLE, info.seq, info.seq, error.what)


def _finding(kind: RecordKind, fault: Fault, first: int, last: int, why: str = "") -> ChainFinding:
    if first == last:
        what = f"{kind} {first:06d} is {fault}"
    else:
        what = f"{kind}s {first:06d} to {last:06d} are {fault}"
    text = f"{what}: {why.removesuffix('.')}" if why else what
    return ChainFinding(kind=kind, fault=fault, first=first, last=last, text=text)
