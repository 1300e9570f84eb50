"""Check books: receipts, manifests and acts, each against its neighbours in the chain and the database.

Every receipt names the digest of the one before. So a receipt is right if a right one after it names it; the
newest, and one before a gap, is compared with what the database knows of its run.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

from bckcore.domain import act as acts
from bckcore.domain.act import Act, ActKind
from bckcore.domain.check import DATABASE, RECEIPTS, Cause, CheckCounts, Finding
from bckcore.domain.manifest import ManifestInfo
from bckcore.domain.receipt import Receipt
from bckcore.domain.restore_point import Counted, RestorePoint
from bckcore.domain.run import ProfileRef, Run, RunOutcome
from bckcore.ports.verification import RecordKind, StoredRecord
from bckcore.services.check_access import Moment
from bckcore.services.check_findings import Findings

_FEW = 8
_POINT_NAMES = {"id": "run_id"}
_INTERRUPTED = (RunOutcome.FAILED, RunOutcome.CANCELLED, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the database tells of a profile's books at one moment."""

    runs: Mapping[int, Run]
    points: Sequence[RestorePoint]
    acts: Mapping[int, Act]
    increments: frozenset[int]
    """Numbers of the runs whose increment may stand."""

    @classmethod
    def at(cls, moment: Moment) -> "Known":
        """Read it."""
        uow, profile = moment.uow, moment.ref.profile
        return cls(
            runs={run.seq: run for run in uow.runs.list(profile)},
            points=uow.points.list(profile),
            acts={act.number: act for act in uow.acts.list(profile)},
            increments=frozenset(run.seq for run in uow.runs.increments(profile)),
        )

    @property
    def newest(self) -> int:
        """Number of the newest run that is over."""
        return max((seq for seq, run in self.runs.items() if run.outcome is not None), default=0)


@dataclass(kw_only=True)
class Books:
    """What the records tell, as far as they are whole."""

    receipts: dict[int, Receipt] = field(default_factory=dict)
    manifests: dict[int, ManifestInfo] = field(default_factory=dict)
    """Those that are as their receipt describes them."""
    acts: dict[int, Act] = field(default_factory=dict)
    interrupted_from: int | None = None
    """Number of the first run that was broken off, or may have been in part."""
    interrupted_until_ns: int = 0
    """When the newest such run was written down, by the file system's clock."""


@dataclass(kw_only=True)
class BookCheck:
    """Looks through the records once."""

    ref: ProfileRef
    known: Known
    lagging: bool
    """The database could not take in what storage tells; so what only storage knows is a finding."""
    findings: Findings
    counts: CheckCounts
    lines_of: Callable[[int], int | None]
    """How many lines a manifest has; None if it cannot be read."""
    _found: dict[RecordKind, dict[int, StoredRecord]] = field(init=False)

    def __post_init__(self) -> None:
        self._found = {kind: {} for kind in RecordKind}

    def take(self, record: StoredRecord) -> None:
        """One file below ``.receipts``."""
        self._found[record.kind][record.number] = record
        self.counts.records += record.kind is not RecordKind.OTHER

    def conclude(self) -> Books:
        """Judge them all, once each was taken."""
        books = Books()
        self._judge_receipts(books)
        self._judge_manifests(books)
        self._judge_acts(books)
        self._judge_points(books)
        self._note_interruptions(books)
        return books

    # --- receipts -----------------------------------------------------------------------------------

    def _judge_receipts(self, books: Books) -> None:
        found = self._found[RecordKind.RECEIPT]
        newest = max([self.known.newest, *found]) if self.lagging else self.known.newest
        vouched: str | None = None
        for seq in range(newest, 0, -1):
            record = found.get(seq)
            if record is None:
                self._add(Cause.RECEIPT_MISSING, f"{seq:06d}.json", "the receipt is not there")
                vouched = None
                continue
            problem = record.problem or self._differs(record, vouched)
            if problem or record.receipt is None:
                self._add(Cause.RECEIPT_DAMAGED, f"{seq:06d}.json", problem)
                vouched = None
                continue
            books.receipts[seq] = record.receipt
            vouched = record.receipt.previous
            self._compare_run(record.receipt)

    def _differs(self, record: StoredRecord, vouched: str | None) -> str:
        """What is wrong with a receipt that can be read; empty if nothing is."""
        if vouched is not None:
            return "" if record.sha256 == vouched else "it is not the one that the next receipt names"
        if own := self._own_problem(record):
            return own
        link = self._link_problem(record)
        before = self._receipt_at(record.number - 1)
        if not link or before is None:
            return link
        # One of the two is wrong; if it is the other, that one does not fit to what lies before it either.
        return "" if self._own_problem(before) or self._link_problem(before) else link

    def _receipt_at(self, seq: int) -> StoredRecord | None:
        record = self._found[RecordKind.RECEIPT].get(seq)
        return None if record is None or record.receipt is None else record

    def _own_problem(self, record: StoredRecord) -> str:
        """What shows by itself, or beside database and manifest, that a receipt is not as it was written."""
        receipt = record.receipt
        if receipt is None:
            return record.problem
        if not self._as_in_database(receipt):
            return "it differs from what the database knows of the run"
        info = receipt.manifest
        manifest = self._found[RecordKind.MANIFEST].get(record.number)
        if info is None or manifest is None:
            return ""
        unlike = sum(one != other for one, other in zip(info.sha256, manifest.sha256, strict=False))
        if 0 < unlike <= _FEW:  # another file has a wholly different digest
            return "the digest of its manifest is damaged"
        if not unlike and (info.seq, info.lines) != (record.number, self.lines_of(record.number)):
            return "it does not describe its manifest as it is"
        return ""

    def _link_problem(self, record: StoredRecord) -> str:
        """What does not fit to the receipt before; empty if that one is not there to compare."""
        receipt, before = record.receipt, self._receipt_at(record.number - 1)
        if receipt is None or (record.number > 1 and before is None):
            return ""
        head, depth, digest = None, -1, ""
        if before is not None and before.receipt is not None:
            head, depth, digest = before.receipt.head, before.receipt.depth, before.sha256
        if receipt.previous != digest:
            return "it does not name the receipt before it"
        info = receipt.manifest
        if info is None:
            told = (receipt.head, receipt.depth) == (head, max(depth, 0))
        else:
            full = info.base is None
            told = (receipt.head, receipt.depth) == (record.number, 0 if full else depth + 1)
            told = told and (full or info.base == head)
        return "" if told else "it names other manifests than the receipt before it leads to"

    def _as_in_database(self, receipt: Receipt) -> bool:
        run = self.known.runs.get(receipt.run.seq)
        point = next((one for one in self.known.points if one.seq == receipt.run.seq), None)
        if point is not None and receipt.counted not in (point.counted, Counted.WEAK, Counted.EXTRA):
            return False
        if run is None or replace(run, attempts=()) == receipt.run:
            return True
        # Two witnesses: where the point of the run agrees with the receipt, the database's run is wrong.
        told, have = asdict(receipt.run), asdict(replace(run, attempts=()))
        return point is not None and all(
            told[name] == asdict(point).get(_POINT_NAMES.get(name, name))
            for name in told
            if told[name] != have[name]
        )

    def _compare_run(self, receipt: Receipt) -> None:
        run = self.known.runs.get(receipt.run.seq)
        if run is None:
            self._differ(receipt.run.id, f"it knows nothing of run {receipt.run.seq}")
        elif replace(run, attempts=()) != receipt.run:
            self._differ(receipt.run.id, f"run {run.seq} is not as its receipt tells")

    # --- manifests, acts, points --------------------------------------------------------------------

    def _judge_manifests(self, books: Books) -> None:
        found = self._found[RecordKind.MANIFEST]
        for seq, receipt in sorted(books.receipts.items()):
            info = receipt.manifest
            if info is None:
                continue
            record, name = found.get(seq), f"{seq:06d}.tsv.gz"
            if record is None:
                self._add(Cause.MANIFEST_MISSING, name, "the manifest is not there")
            elif record.problem or record.sha256 != info.sha256:
                problem = record.problem or "it is not as its receipt describes it"
                self._add(Cause.MANIFEST_DAMAGED, name, problem)
            else:
                books.manifests[seq] = info

    def _judge_acts(self, books: Books) -> None:
        found = self._found[RecordKind.ACT]
        newest = max(self.known.acts, default=0)
        for number in range(1, max([newest, *found], default=0) + 1 if self.lagging else newest + 1):
            record, known = found.get(number), self.known.acts.get(number)
            name = f"act-{number:06d}.json"
            if record is None:
                self._add(Cause.ACT_MISSING, name, "the act is not there")
            elif record.problem or record.act is None:
                self._add(Cause.ACT_DAMAGED, name, record.problem)
            elif known is None:
                books.acts[number] = record.act
                self._differ(name, f"it knows nothing of act {number}")
            elif record.sha256 != acts.digest(acts.encoded(known)):
                self._blame_act(record, found.get(number + 1))
            else:
                books.acts[number] = record.act

    def _blame_act(self, record: StoredRecord, after: StoredRecord | None) -> None:
        if after is not None and after.act is not None and after.act.previous == record.sha256:
            self._differ(os_name(record), f"act {record.number} is not as it was written down")
        else:
            self._add(Cause.ACT_DAMAGED, os_name(record), "it differs from what the database knows of it")

    def _judge_points(self, books: Books) -> None:
        told = [*books.acts.values(), *self.known.acts.values()]
        pruned = {seq for act in told if act.kind is ActKind.PRUNE for seq in act.points}
        have = {point.seq: point for point in self.known.points}
        for seq, receipt in sorted(books.receipts.items()):
            if receipt.counted is None:
                if seq in have:
                    self._differ(receipt.run.id, f"it has a point {seq}, which run {seq} did not make", seq)
            elif seq not in have and seq not in pruned and not self._pruned_unwritten(seq, pruned):
                self._differ(receipt.run.id, f"it has lost the point {seq}", seq)

    def _pruned_unwritten(self, seq: int, pruned: set[int]) -> bool:
        """True if the point may have been pruned by the first release, which wrote no acts."""
        return not pruned and seq not in self.known.increments

    def _note_interruptions(self, books: Books) -> None:
        found = self._found[RecordKind.RECEIPT]
        for seq, run in sorted(self.known.runs.items()):
            if not _interrupted(run):
                continue
            books.interrupted_from = books.interrupted_from or seq
            record = found.get(seq)
            until = record.ctime_ns if record is not None and run.outcome is not None else 1 << 63
            books.interrupted_until_ns = max(books.interrupted_until_ns, until)

    # --- findings -----------------------------------------------------------------------------------

    def _add(self, cause: Cause, name: str, detail: str) -> None:
        self.findings.add(
            Finding(
                cause=cause,
                profile=self.ref.profile,
                source=None,
                path=name.encode(),
                place=RECEIPTS,
                detail=detail.rstrip("."),
            )
        )

    def _differ(self, name: str, detail: str, point: int | None = None) -> None:
        self.findings.add(
            Finding(
                cause=Cause.CATALOG_DIFFERS,
                profile=self.ref.profile,
                source=None,
                path=name.encode(),
                place=DATABASE,
                points=int(point is not None),
                newest=point,
                detail=detail,
            )
        )


def os_name(record: StoredRecord) -> str:
    """A record's name as text; names that are ours are ASCII."""
    return record.name.decode("ascii", "backslashreplace")


def _interrupted(run: Run) -> bool:
    """True if an attempt of the run may have been broken off; of a rebuilt run, attempts are not known."""
    return run.outcome in _INTERRUPTED or not run.attempts or any(one.number > 1 for one in run.attempts)
