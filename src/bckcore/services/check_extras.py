"""Check extras: what stands in the storage and is explained by nothing.

The trees are walked without the lock; what looks strange is looked at once more under it at the end.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from itertools import islice

from bckcore.domain.check import CURRENT, DATABASE, WORK, Cause, CheckCounts, Finding
from bckcore.domain.ids import RunId, SourceName
from bckcore.domain.paths import RelPath, is_below
from bckcore.domain.run import ProfileRef
from bckcore.ports.storage import Storage
from bckcore.ports.unit_of_work import UnitOfWorkFactory
from bckcore.ports.verification import Part, Shape, Sighting, Standing
from bckcore.services.check_access import Access, Moment
from bckcore.services.check_books import Books
from bckcore.services.check_findings import REMEMBERED, Findings
from bckcore.services.check_manifests import Key, ManifestCheck

BATCH = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Odd:
    """Something to be looked at again."""

    source: SourceName
    path: RelPath
    sighting: Sighting


@dataclass(kw_only=True)
class ExtraCheck:
    """One pass over everything that stands in the storage for a profile."""

    storage: Storage
    units: UnitOfWorkFactory
    access: Access
    ref: ProfileRef
    books: Books
    manifests: ManifestCheck
    findings: Findings
    counts: CheckCounts
    sources: frozenset[SourceName]
    """Every source that the database or the profile knows."""
    _odd: list[_Odd] = field(default_factory=list, init=False)

    def run(self) -> None:
        """Walk, then decide. Raises JobCancelledError, StorageError."""
        strangers = []
        for part in self.storage.parts(self.ref):
            if not part.is_folder or part.name.decode("ascii", "replace") not in self.sources:
                strangers.append(part)
                continue
            self._walk(SourceName(part.name.decode("ascii")), part.run)
        with self.access.held() as moment:
            self._decide(moment, strangers)

    def _walk(self, source: SourceName, run: RunId | None) -> None:
        below: RelPath | None = None
        for batch in _batches(self.storage.walk(self.ref, source, run)):
            self.access.pause()
            paths = [standing.path for standing in batch]
            with self.units(read_only=True) as uow:
                known = uow.catalog.known(self.ref.profile, source, paths)
            for standing in batch:
                if below is not None and is_below(standing.path, below):
                    continue
                if _is_odd(standing, known):
                    below = standing.path if standing.sighting.shape is Shape.FOLDER else None
                    self._note(source, standing)
            self.access.progress(source, self.counts)

    def _note(self, source: SourceName, standing: Standing) -> None:
        if len(self._odd) < REMEMBERED:
            self._odd.append(_Odd(source=source, path=standing.path, sighting=standing.sighting))

    # --- under the lock -----------------------------------------------------------------------------

    def _decide(self, moment: Moment, strangers: Sequence[Part]) -> None:
        increments = {run.id: run.seq for run in moment.uow.runs.increments(self.ref.profile)}
        kept = [point.seq for point in moment.uow.points.list(self.ref.profile)]
        unknown = {part.run for part in self.storage.parts(self.ref) if part.run not in {None, *increments}}
        for run in sorted(run for run in unknown if run is not None):
            self._add(Cause.EXTRA, None, b".", run, "no run of this profile has an increment of that name")
        for part in strangers:
            if part.run not in unknown:
                detail = "no source has that name" if part.is_folder else "no run writes a file there"
                self._add(Cause.EXTRA, None, part.name, part.run or CURRENT, detail)
        for name in self.storage.partials(self.ref):
            if name.decode("ascii", "replace") not in self.sources:
                self._add(Cause.EXTRA, None, name, WORK, "partial files of a source that nothing knows")
        still = list(self._still_odd(moment, increments))
        unexplained = {(odd.source, odd.path) for odd in still if _may_be_extra(odd.sighting)}
        spans = self.manifests.intervals(unexplained) if unexplained else {}
        for odd in still:
            self._told(odd, spans, increments, kept)

    def _still_odd(self, moment: Moment, increments: Mapping[RunId, int]) -> Iterator[_Odd]:
        for odd in self._odd:
            if odd.sighting.run is not None and odd.sighting.run not in increments:
                continue  # told as a whole, or gone by now
            known = moment.uow.catalog.known(self.ref.profile, odd.source, [odd.path])
            if known and _may_be_extra(odd.sighting):
                continue
            runs = [odd.sighting.run] if odd.sighting.run else []
            for _, seen in self.storage.sightings(self.ref, odd.source, runs, [odd.path]):
                now = next((one for one in seen if one.run == odd.sighting.run), None)
                if now is not None:
                    yield _Odd(source=odd.source, path=odd.path, sighting=now)

    def _told(
        self,
        odd: _Odd,
        spans: Mapping[Key, Sequence[tuple[int, int | None]]],
        increments: Mapping[RunId, int],
        kept: Sequence[int],
    ) -> None:
        sighting, place = odd.sighting, odd.sighting.run or CURRENT
        if sighting.shape is Shape.STRANGE:
            if not self.findings.has(odd.source, odd.path, place):
                self._add(Cause.STRANGE_TYPE, odd.source, odd.path, place, f"it is {sighting.problem}")
        elif sighting.shape is Shape.UNREADABLE:
            path = sighting.blocked_by or odd.path
            self._add(Cause.UNREADABLE, odd.source, path, place, sighting.problem)
        elif (odd.source, odd.path) in spans:
            self._lost(odd, spans[odd.source, odd.path], kept)
        elif self._left_over(sighting, increments):
            self.counts.leftovers += 1
        else:
            self._add(Cause.EXTRA, odd.source, odd.path, place, "no run brought it there")

    def _lost(self, odd: _Odd, spans: Sequence[tuple[int, int | None]], kept: Sequence[int]) -> None:
        """A path that manifests tell of and the database does not: harm, if it is part of anything kept."""
        points = [
            seq
            for since, until in spans
            for seq in kept[bisect_left(kept, since) : None if until is None else bisect_left(kept, until)]
        ]
        if points:
            self.findings.add(
                Finding(
                    cause=Cause.CATALOG_DIFFERS,
                    profile=self.ref.profile,
                    source=odd.source,
                    path=odd.path,
                    place=DATABASE,
                    points=len(points),
                    newest=points[-1],
                    detail="it does not know the path at a point at which it was there",
                )
            )

    def _left_over(self, sighting: Sighting, increments: Mapping[RunId, int]) -> bool:
        """True if an interrupted run may have brought it, or displaced what one had brought."""
        since = self.books.interrupted_from
        if since is None:
            return False
        if sighting.run is not None:
            return increments.get(sighting.run, 0) >= since
        return sighting.ctime_ns <= self.books.interrupted_until_ns

    def _add(self, cause: Cause, source: SourceName | None, path: bytes, place: str, detail: str) -> None:
        self.findings.add(
            Finding(
                cause=cause, profile=self.ref.profile, source=source, path=path, place=place, detail=detail
            )
        )


def _batches(standings: Iterator[Standing]) -> Iterator[list[Standing]]:
    while batch := list(islice(standings, BATCH)):
        yield batch


def _is_odd(standing: Standing, known: AbstractSet[RelPath]) -> bool:
    sighting = standing.sighting
    if sighting.shape in (Shape.STRANGE, Shape.UNREADABLE):
        return True
    if sighting.run is not None and sighting.shape is Shape.FOLDER:
        return False  # only holds what was displaced from it
    return standing.path not in known


def _may_be_extra(sighting: Sighting) -> bool:
    return sighting.shape in (Shape.PLAIN, Shape.FOLDER)
