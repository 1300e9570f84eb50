"""Ingest: from what a transport saw to what changed, one source at a time, streaming.

The listing is a list of names and hints. What stands at a path is asked of the storage; what stood
there before, of the catalog; and a path is gone only when its absence is proved (law L3).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice

from bckcore.domain.file_version import EntryKind, FileEntry
from bckcore.domain.ids import ProfileId, SourceName
from bckcore.domain.manifest import Change, ChangeOp
from bckcore.domain.paths import RelPath, parents
from bckcore.domain.run import ChangeCounts, ProfileRef
from bckcore.domain.transfer import ProblemKind, Seen
from bckcore.ports.catalog import Catalog, SourceState
from bckcore.ports.storage import Storage
from bckcore.ports.transport import PullReport
from bckcore.services.filtering import Sieve
from bckcore.services.fingerprint import fingerprint
from bckcore.services.missing import SUSPECT_FROM, Missing, Topmost
from bckcore.services.tally import Tally

BATCH = 2000
MOST_TOO_LARGE = 100_000
MANY_CHANGES = 200_000
"""Above this many changed paths every path is compared, which needs no memory per change."""


@dataclass(kw_only=True)
class _Tally(Tally):
    """Running totals of one ingest."""

    carried: int = 0
    lost: list[RelPath] = field(default_factory=list)
    """Live paths that were seen and yet do not stand in current: their new bytes could not be stored."""


class SourceIngest:
    """Compares one source's pull with the catalog.

    Walk :meth:`changes` once to its end, then read the other properties. Nothing is written.
    """

    def __init__(  # noqa: PLR0913  # one keyword per fact it decides by
        self,
        *,
        catalog: Catalog,
        storage: Storage,
        ref: ProfileRef,
        source: SourceName,
        prior: SourceState,
        report: PullReport,
        compare_all: bool,
        sieve: Sieve,
        accept_missing: bool = False,
    ) -> None:
        """``compare_all``: current may differ from the catalog beyond what the listing tells.

        ``sieve``: the filters of this run. What they hide and is still live was shown to an earlier run.

        ``accept_missing``: a person has said that what is missing is gone, however much it is.
        """
        self._catalog = catalog
        self._storage = storage
        self._ref = ref
        self._source = source
        self._prior = prior
        self._report = report
        self._sieve = sieve
        self._interrupted = compare_all
        self._accept_missing = accept_missing
        self._tally = _Tally(prior=prior)
        self.harmed: list[FileEntry] = []
        """Live states that were sent again though nothing differs from them: the copy in current was harmed,
        or was not there - or nobody had asked for them. The storage looks at what the run displaced."""
        self.missing: Missing | None = None
        """So much that it is suspect, accepted or not; else None."""

    @property
    def suspect(self) -> bool:
        """True if so much is missing that nothing was marked gone."""
        return self.missing is not None and not self._accept_missing

    @property
    def source(self) -> SourceName:
        """Which one it is about."""
        return self._source

    @property
    def _profile(self) -> ProfileId:
        return self._ref.profile

    @property
    def state(self) -> SourceState:
        """What the catalog will know of the source once the changes are in it."""
        return self._tally.state(interrupted=False)

    @property
    def counts(self) -> ChangeCounts:
        """What changed, and what the source holds now."""
        return self._tally.counts

    @property
    def changed(self) -> bool:
        """True if anything differs; what is missing and not accepted does not."""
        return self._tally.noted > 0

    @property
    def lost(self) -> Sequence[RelPath]:
        """Paths whose old version was displaced and whose new one could not be stored."""
        return self._tally.lost

    @property
    def weak(self) -> bool:
        """True if more than a tenth of what the source held before could not be read."""
        report = self._report
        unreadable = sum(1 for problem in report.problems if problem.kind is ProblemKind.UNREADABLE)
        unreadable += max(0, report.problem_count - len(report.problems))  # not named: assume the worst
        return (self._tally.carried + unreadable) * 10 > self._prior.paths > 0

    @property
    def unread(self) -> bool:
        """True if that is no trifle: of a small source, a lock file that vanished is a tenth."""
        return self.weak and self._prior.paths > SUSPECT_FROM

    def changes(self) -> Iterator[Change]:
        """Every difference between the catalog and what the run proved."""
        seen_hash, seen_count = fingerprint(self._report.listing.paths())
        if self._compares_all():
            yield from self._examined(self._hinted_paths())
        else:
            yield from self._listed_changes(seen_hash)
        if seen_hash != self.state.fingerprint:
            yield from self._ended(seen_count)

    def _compares_all(self) -> bool:
        if self._interrupted or not self._prior.paths:
            return True
        many = sum(1 for _ in islice(self._report.listing.changes(), MANY_CHANGES + 1))
        return many > MANY_CHANGES

    def _hinted_paths(self) -> Iterator[tuple[RelPath, Seen | None]]:
        """Every listed path, with its hint where the listing has one (same order, so a plain merge)."""
        hints = self._report.listing.changes()
        hint = next(hints, None)
        for path in self._report.listing.paths():
            if hint is not None and hint.path == path:
                yield path, hint
                hint = next(hints, None)
            else:
                yield path, None

    def _listed_changes(self, seen_hash: int) -> Iterator[Change]:
        added: set[RelPath] = set()
        hinted = ((seen.path, seen) for seen in self._report.listing.changes())
        for change in self._examined(hinted):
            if change.op is ChangeOp.ADDED:
                added.add(change.entry.path)
            yield change
        if seen_hash != self.state.fingerprint:  # something came back unchanged, or something is missing
            unknown = self._catalog.unknown(self._profile, self._source, self._report.listing.paths())
            yield from self._examined((path, None) for path in unknown if path not in added)

    def _examined(self, hinted: Iterable[tuple[RelPath, Seen | None]]) -> Iterator[Change]:
        """Ask storage and catalog about each path; yield a change where they differ."""
        remaining = iter(hinted)
        while batch := dict(islice(remaining, BATCH)):
            live = self._catalog.live(self._profile, self._source, list(batch))
            before = {**self._came_back(batch, live), **live}
            for path, stored in self._storage.stat(self._ref, self._source, sorted(batch)):
                entry = _with_digest(stored, before.get(path), batch[path]) if stored else None
                change = self._compared(path, live.get(path), entry, batch[path])
                if change is not None:
                    yield self._tally.note(change, live.get(path))

    def _came_back(
        self, batch: Mapping[RelPath, Seen | None], live: Mapping[RelPath, FileEntry]
    ) -> Mapping[RelPath, FileEntry]:
        """How paths that are not live ended. One that came back unchanged is not sent: its digest is that."""
        ended = [path for path, hint in batch.items() if path not in live and _lacks_digest(hint)]
        return self._catalog.newest(self._profile, self._source, ended) if ended else {}

    def _compared(
        self, path: RelPath, live: FileEntry | None, entry: FileEntry | None, hint: Seen | None
    ) -> Change | None:
        if entry is None:
            if live is None:
                return None  # logged, and not installed: unreadable, vanished or not storable
            self._tally.lost.append(path)
            return Change(self._source, ChangeOp.GONE, live)
        if live is not None and hint is not None and self._was_harmed(entry, live, hint):
            self.harmed.append(live)
        if live is None:
            return Change(self._source, ChangeOp.ADDED, entry)
        if entry.without_digest() == live.without_digest() and entry.same_content(live):
            return None
        op = ChangeOp.ATTRIBUTES if entry.same_content(live) else ChangeOp.CONTENT
        return Change(self._source, op, entry)

    def _was_harmed(self, entry: FileEntry, live: FileEntry, hint: Seen) -> bool:
        """True if bytes were sent that nobody would have needed, had current held the live state.

        The host's word alone, for its digest can be forged: the storage must look.
        """
        if self._interrupted or not hint.digest or entry.kind is not EntryKind.FILE:
            return False
        sent = (hint.size, hint.mtime) == (live.size, live.mtime_ns // 1_000_000_000)
        return sent and entry.mtime_ns == live.mtime_ns and entry.same_content(live)

    def _ended(self, seen_count: int) -> Iterator[Change]:
        """Decide for every live path that was not seen: gone, excluded, or carried on.

        What a suspect run misses carries on, too; a line names it, or the topmost folder that it lies in.
        """
        missing = self._counted_missing(seen_count)
        self.missing = missing if missing.suspect else None
        carried: list[RelPath] = []
        topmost = Topmost()
        for entry in self._unseen():
            fate = self._fate(entry)
            if fate is None or (self.suspect and self._on_hosts_word(entry, fate)):
                self._tally.carried += fate is None
                if fate is not None and topmost.takes(entry):
                    yield Change(self._source, ChangeOp.MISSING, entry)
                carried.append(entry.path)
                if len(carried) >= BATCH:
                    yield from self._carried_on(carried)
                    carried = []
            else:
                yield self._tally.note(Change(self._source, fate, entry), entry)
        yield from self._carried_on(carried)

    def _counted_missing(self, seen_count: int) -> Missing:
        """How much is not there any more, as far as the host alone is to answer for that."""
        gone = hidden = 0
        for entry in self._unseen():
            fate = self._fate(entry)
            if fate is not None and self._on_hosts_word(entry, fate):
                gone += 1
                hidden += fate is ChangeOp.EXCLUDED
        return Missing(
            source=self._source,
            paths=gone,
            hidden=hidden,
            of=self._prior.paths,
            emptied=seen_count <= 1 < self._prior.paths,
        )

    def _on_hosts_word(self, entry: FileEntry, fate: ChangeOp) -> bool:
        """False for what the profile hides: a person on the server said so."""
        if fate is ChangeOp.GONE:
            return True
        if self._hidden_by_rule(entry):
            return self._sieve.on_hosts_word(entry)
        return self._sieve.was_within_limit(entry)

    def _hidden_by_rule(self, entry: FileEntry) -> bool:
        return self._sieve.hides(entry.path, is_folder=entry.kind is EntryKind.FOLDER)

    def _unseen(self) -> Iterator[FileEntry]:
        lost = frozenset(self._tally.lost)
        unseen = self._catalog.unseen(self._profile, self._source, self._report.listing.paths())
        return (entry for entry in unseen if entry.path not in lost)

    def _carried_on(self, paths: Sequence[RelPath]) -> Iterator[Change]:
        """Paths that keep their last state - which an interrupted attempt may have altered in current."""
        if self._interrupted:
            yield from self._examined((path, None) for path in paths)

    def _fate(self, entry: FileEntry) -> ChangeOp | None:
        """GONE, EXCLUDED, or None: nothing was proved, the last state carries on."""
        path, report = entry.path, self._report
        unproved = report.unlisted, report.vanished
        if any(unproved) and any(place in places for place in (path, *parents(path)) for places in unproved):
            return None
        if self._hidden_by_rule(entry) or path in self._too_large:
            return ChangeOp.EXCLUDED
        return None if len(self._too_large) >= MOST_TOO_LARGE else ChangeOp.GONE

    @cached_property
    def _too_large(self) -> frozenset[RelPath]:
        """Live files that are above the limit of size now. Of very many the first: the next run goes on."""
        found: set[RelPath] = set()
        remaining = iter(self._report.too_large)
        while (batch := list(islice(remaining, BATCH))) and len(found) < MOST_TOO_LARGE:
            found.update(self._catalog.live(self._profile, self._source, batch))
        return frozenset(found)


def _lacks_digest(hint: Seen | None) -> bool:
    return hint is None or (hint.kind is EntryKind.FILE and not hint.digest)


def _with_digest(stored: FileEntry, before: FileEntry | None, hint: Seen | None) -> FileEntry:
    """``stored`` with the digest that surely belongs to it: the sender's, else the one known before."""
    if stored.kind is not EntryKind.FILE:
        return stored
    if hint is not None and hint.digest:
        fits = hint.size == stored.size and hint.mtime == stored.mtime_ns // 1_000_000_000
        return replace(stored, digest=hint.digest) if fits else stored
    if before is None or before.kind is not EntryKind.FILE:
        return stored
    same = (before.size, before.mtime_ns) == (stored.size, stored.mtime_ns)
    return replace(stored, digest=before.digest) if same else stored
