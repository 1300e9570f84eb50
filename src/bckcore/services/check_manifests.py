"""Check the catalog against the manifests: a point's every path, and versions that a finding is about.

Memory grows with what the manifests of a point changed since the last full one, not with the tree: sums of
hashes, 256 of them by the first byte, tell in which part of the paths something differs, and only those
parts are then compared path by path.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

from bckcore.domain.act import Act, ActKind
from bckcore.domain.check import DATABASE, Cause, CheckCounts, Finding
from bckcore.domain.file_version import FileEntry
from bckcore.domain.ids import SourceName
from bckcore.domain.manifest import Change, ChangeOp, encoded_line
from bckcore.domain.paths import RelPath, is_below
from bckcore.domain.run import ProfileRef
from bckcore.ports.storage import Storage
from bckcore.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from bckcore.services.check_books import Books
from bckcore.services.check_findings import REMEMBERED, Doubt, Findings

_MODULUS = 1 << 128
PARTS_AT_ONCE = 8
PAUSE_EVERY = 2000

Key = tuple[SourceName, RelPath]


@dataclass(kw_only=True)
class ManifestCheck:
    """Compares the catalog of one profile with its whole manifests."""

    storage: Storage
    units: UnitOfWorkFactory
    ref: ProfileRef
    books: Books
    findings: Findings
    counts: CheckCounts
    pause: Callable[[], None]
    _differing: dict[Key, tuple[str, list[int]]] = field(default_factory=dict, init=False)

    # --- whole points -------------------------------------------------------------------------------

    def compare(self, points: Sequence[int]) -> None:
        """Compare each point that still is kept; a point whose manifests are not whole is passed over."""
        for point in points:
            chain = self._chain(point)
            if chain is not None:
                self._compare(point, chain)
                self.counts.points_replayed += 1
        for (source, path), (detail, seqs) in self._differing.items():
            self.findings.add(self._finding(source, path, detail, len(seqs), seqs[-1]))

    def _chain(self, point: int) -> list[int] | None:
        """Manifests that tell the state at a point, the newest first; None if one is not whole."""
        receipt = self.books.receipts.get(point)
        number = receipt.head if receipt is not None else None
        chain: list[int] = []
        while number is not None:
            if number not in self.books.manifests or number in chain:
                return None
            chain.append(number)
            number = self.books.manifests[number].base
        return chain or None

    def _compare(self, point: int, chain: Sequence[int]) -> None:
        with self.units(read_only=True) as uow:
            if point not in {one.seq for one in uow.points.list(self.ref.profile)}:
                return
            sums = [0] * 256
            for change in self._replayed(chain):
                part, value = _hashed(change.source, change.entry)
                sums[part] += value
            for source, entry in self._catalogued(uow, point):
                part, value = _hashed(source, entry)
                sums[part] -= value
            wrong = [part for part, value in enumerate(sums) if value % _MODULUS]
            for first in range(0, len(wrong), PARTS_AT_ONCE):
                self._compare_parts(uow, point, chain, frozenset(wrong[first : first + PARTS_AT_ONCE]))

    def _compare_parts(
        self, uow: UnitOfWork, point: int, chain: Sequence[int], parts: frozenset[int]
    ) -> None:
        told: dict[Key, FileEntry] = {
            (change.source, change.entry.path): change.entry
            for change in self._replayed(chain)
            if _hashed(change.source, change.entry)[0] in parts
        }
        for source, entry in self._catalogued(uow, point):
            if _hashed(source, entry)[0] not in parts:
                continue
            wanted = told.pop((source, entry.path), None)
            if wanted is None:
                self._note(source, entry.path, "it has the path at a point at which it was not there", point)
            elif wanted.without_digest() != entry.without_digest():
                self._note(source, entry.path, "its state there is not what the manifests tell", point)
        for source, path in told:
            self._note(source, path, "it does not know the path at a point at which it was there", point)

    def _replayed(self, chain: Sequence[int]) -> Iterator[Change]:
        """Every path of the state that the manifests tell, once; digests may be missing."""
        seen: set[Key] = set()
        for number in chain:
            for change in self._read(number):
                key = change.source, change.entry.path
                if key in seen:
                    continue
                if number != chain[-1]:
                    seen.add(key)
                if not change.op.ends:
                    yield change

    def _catalogued(self, uow: UnitOfWork, point: int) -> Iterator[tuple[SourceName, FileEntry]]:
        profile = self.ref.profile
        for source in uow.catalog.sources_at(profile, point):
            for count, entry in enumerate(uow.catalog.entries(profile, point, source)):
                if count % PAUSE_EVERY == 0:
                    self.pause()
                yield source, entry

    def _read(self, number: int) -> Iterator[Change]:
        """A manifest's changes without those of paths that were forgotten since."""
        forgotten = [act for act in self.books.acts.values() if _forgets(act, number)]
        for count, change in enumerate(self.storage.read_manifest(self.ref, number)):
            if count % PAUSE_EVERY == 0:
                self.pause()
            if not any(_covers(act, change) for act in forgotten):
                yield change

    def _note(self, source: SourceName, path: RelPath, detail: str, point: int) -> None:
        if (source, path) in self._differing:
            self._differing[source, path][1].append(point)
        elif len(self._differing) < REMEMBERED:
            self._differing[source, path] = detail, [point]
        else:
            self.findings.add(self._finding(source, path, detail, 1, point))

    # --- who is to blame ----------------------------------------------------------------------------

    def settle(self, doubts: Sequence[Doubt]) -> None:
        """Enter each doubt as a finding: the storage's, or the database's where the manifest says so."""
        groups: dict[int, list[Doubt]] = defaultdict(list)
        for doubt in doubts:
            groups[doubt.version.since_seq].append(doubt)
        for seq, group in sorted(groups.items()):
            wanted = {(one.version.source, one.version.entry.path) for one in group}
            told = self._told(seq, wanted) if seq in self.books.manifests else None
            for doubt in group:
                version, finding = doubt.version, doubt.finding
                detail = _blamed(doubt, told)
                if detail:
                    path = version.entry.path
                    finding = self._finding(version.source, path, detail, finding.points, finding.newest)
                self.findings.add(finding)

    def _told(self, seq: int, wanted: set[Key]) -> dict[Key, FileEntry]:
        found = {}
        for change in self._read(seq):
            key = change.source, change.entry.path
            if key in wanted and not change.op.ends:
                found[key] = change.entry
        return found

    def intervals(self, wanted: set[Key]) -> dict[Key, list[tuple[int, int | None]]]:
        """From which run up to which other one each path was there, as all manifests tell; of those that
        any manifest names."""
        found: dict[Key, list[tuple[int, int | None]]] = {}
        for seq in sorted(self.books.manifests):
            for change in self._read(seq):
                key = change.source, change.entry.path
                if key not in wanted:
                    continue
                spans = found.setdefault(key, [])
                is_open = bool(spans) and spans[-1][1] is None
                if change.op.ends and is_open:
                    spans[-1] = (spans[-1][0], seq)
                elif not change.op.ends and not is_open and change.op is not ChangeOp.MISSING:
                    spans.append((seq, None))
        return found

    def _finding(
        self, source: SourceName, path: RelPath, detail: str, points: int, newest: int | None
    ) -> Finding:
        return Finding(
            cause=Cause.CATALOG_DIFFERS,
            profile=self.ref.profile,
            source=source,
            path=path,
            place=DATABASE,
            points=points,
            newest=newest,
            detail=detail,
        )


def _blamed(doubt: Doubt, told: dict[Key, FileEntry] | None) -> str:
    """What is wrong with the database, if the manifest of the version's run shows that it is."""
    if told is None:
        return ""
    entry = doubt.version.entry
    manifest = told.get((doubt.version.source, entry.path))
    if manifest is None:
        return "it has a version that no manifest tells of"
    if manifest.without_digest() != entry.without_digest():
        return "its state there is not what the manifests tell"
    proved = doubt.digest and manifest.digest == doubt.digest != entry.digest
    return "its digest is not the one of the manifest, which the bytes have" if proved else ""


def _hashed(source: SourceName, entry: FileEntry) -> tuple[int, int]:
    """The part of the paths, and a hash over all that makes the state but its digest."""
    part = blake2b(entry.path, digest_size=1).digest()[0]
    line = encoded_line(Change(source, ChangeOp.SAME, entry.without_digest()))
    return part, int.from_bytes(blake2b(line.encode("ascii"), digest_size=16).digest(), "big")


def _forgets(act: Act, manifest: int) -> bool:
    return act.kind is ActKind.FORGET and manifest <= act.after_seq


def _covers(act: Act, change: Change) -> bool:
    return any(source == change.source and is_below(change.entry.path, path) for source, path in act.paths)
