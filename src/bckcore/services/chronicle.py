"""Chronicle: what storage tells of a profile, receipts and acts, in the order in which it happened.

Receipts and acts are each numbered without gaps and chained by digest. An act that says it came after
run n stands between the receipts n and n + 1.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from bckcore.domain.act import Act
from bckcore.domain.receipt import Receipt
from bckcore.domain.restore_point import Counted
from bckcore.domain.run import ProfileRef, Run
from bckcore.domain.run_problem import RunProblem
from bckcore.errors import NotFoundError, StorageError
from bckcore.ports.storage import Storage


class Use(Enum):
    """What becomes of a run's manifest."""

    APPLY = auto()
    """Its changes are entered."""
    ANCHOR = auto()
    """It is full, and what is known before it is not certain: the live state becomes just what it says."""
    PASS = auto()
    """There is none, or what it builds on is lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A run to be entered: as its receipt tells, or as far as it is certain where records are damaged."""

    run: Run
    counted: Counted | None
    """None: no point."""
    use: Use
    lines: int = 0
    proves: bool = True
    """A whole run that found no difference proves the newest point that was entered."""
    problems: tuple[RunProblem, ...] = ()


Event = Entry | Act


def events(storage: Storage, ref: ProfileRef, *, after_seq: int, after_act: int) -> Iterator[Event]:
    """Receipts above ``after_seq`` and acts above ``after_act``, in true order, whole and as written.

    Raises StorageError, naming the record, as soon as one is missing, damaged, changed or replaced.
    """
    acts = _chained_acts(storage, ref, after_act)
    act = next(acts, None)
    newest, newest_act = after_seq, after_act
    for receipt in _chained_receipts(storage, ref, after_seq):
        while act is not None and act.after_seq < receipt.run.seq:
            newest_act = act.number
            yield act
            act = next(acts, None)
        if newest_act < receipt.acts:
            raise broken(ref, f"Act {newest_act + 1:06d} is missing: receipt {receipt.run.seq:06d} knows it.")
        newest = receipt.run.seq
        yield entry_of(receipt)
    while act is not None:
        if act.after_seq > newest:
            raise broken(ref, f"Receipt {newest + 1:06d} is missing: act {act.number:06d} came after it.")
        yield act
        act = next(acts, None)


def entry_of(receipt: Receipt) -> Entry:
    """The entry of a run whose records are whole."""
    manifest = receipt.manifest
    return Entry(
        run=receipt.run,
        counted=receipt.counted,
        use=Use.PASS if manifest is None else Use.APPLY,
        lines=0 if manifest is None else manifest.lines,
        problems=receipt.problems,
    )


def _chained_receipts(storage: Storage, ref: ProfileRef, after: int) -> Iterator[Receipt]:
    expected, previous = after + 1, None if after else ""
    for receipt, digest in storage.receipts(ref, after_seq=after):
        if receipt.run.seq != expected:
            raise broken(ref, f"Receipt {expected:06d} is missing.")
        if previous is None:
            previous = _digest_of_receipt(storage, ref, after)
        if receipt.previous != previous:
            raise broken(ref, f"Receipt {expected - 1:06d} is not the one that receipt {expected:06d} names.")
        _require_manifest(storage, receipt)
        expected, previous = expected + 1, digest
        yield receipt


def _digest_of_receipt(storage: Storage, ref: ProfileRef, seq: int) -> str:
    try:
        return storage.read_receipt(ref, seq)[1]
    except NotFoundError:
        raise broken(ref, f"Receipt {seq:06d} is missing.") from None


def _require_manifest(storage: Storage, receipt: Receipt) -> None:
    if receipt.manifest is None:
        return
    ref, number = receipt.run.ref, receipt.manifest.seq
    try:
        found = storage.manifest_digest(ref, number)
    except NotFoundError:
        raise broken(ref, f"Manifest {number:06d} is missing.") from None
    if found != receipt.manifest.sha256:
        raise broken(ref, f"Manifest {number:06d} is not as its receipt describes it.")


def _chained_acts(storage: Storage, ref: ProfileRef, after: int) -> Iterator[Act]:
    expected, previous = after + 1, None if after else ""
    for act, digest in storage.acts(ref, after=after):
        if act.number != expected:
            raise broken(ref, f"Act {expected:06d} is missing.")
        if previous is None:
            previous = _digest_of_act(storage, ref, after)
        if act.previous != previous:
            raise broken(ref, f"Act {expected - 1:06d} is not the one that act {expected:06d} names.")
        expected, previous = expected + 1, digest
        yield act


def _digest_of_act(storage: Storage, ref: ProfileRef, number: int) -> str:
    try:
        return storage.read_act(ref, number)[1]
    except NotFoundError:
        raise broken(ref, f"Act {number:06d} is missing.") from None


def broken(ref: ProfileRef, what: str) -> StorageError:
    """The error that the records of a profile are not whole."""
    return StorageError(
        f"{what} It belongs to {ref.profile} on {ref.host}.",
        meaning="Files below .receipts were lost, changed or exchanged. Nothing was changed now.",
        advice="Bring .receipts back from a copy of the backup storage, then start again. What is harmed "
        "is listed by 'bck doctor'; without a copy: bck catalog rebuild --accept-damage.",
    )
