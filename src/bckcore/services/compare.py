"""Compare: what differs between two points, what one run changed, and what the PC has no more."""

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from bckcore.domain.act import ActKind
from bckcore.domain.difference import Difference, DifferenceKind, difference, difference_of_change
from bckcore.domain.file_version import EntryKind, FileVersion
from bckcore.domain.host import Host
from bckcore.domain.ids import ProfileId, SourceName
from bckcore.domain.job import LATEST
from bckcore.domain.paths import ROOT, RelPath, is_below
from bckcore.domain.profile import Profile
from bckcore.domain.run import Run
from bckcore.errors import InvalidInputError, NotFoundError
from bckcore.ports.browsing import VersionPair
from bckcore.ports.storage import Storage
from bckcore.ports.transport import PathFilterFactory
from bckcore.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from bckcore.services.browse import Place, located, paged, places, version_cursor
from bckcore.services.browsed import Comparison, Deleted, KeptPoints, Page, cursor_of, parsed_cursor
from bckcore.services.filtering import filter_of
from bckcore.services.points import chosen_point

_NOTHING: Page[Difference] = Page(items=(), next=None)


class CompareService:
    """Answers those who ask what changed. Limits and cursors as in BrowseService."""

    def __init__(self, *, units: UnitOfWorkFactory, storage: Storage, filters: PathFilterFactory) -> None:
        self._units = units
        self._storage = storage
        self._filters = filters

    def points(
        self,
        profile: ProfileId,
        old: str,
        new: str = LATEST,
        *,
        below: bytes = b"",
        limit: int = 1000,
        after: str = "",
        count: bool = True,
    ) -> Comparison:
        """What has to happen to the state at ``old`` to make it the one at ``new``, by source and path.

        ``count`` has the whole counted, which takes as long as there are differences.
        Raises NotFoundError, InvalidInputError.
        """
        with self._units(read_only=True) as uow:
            zone = uow.profiles.get(profile).retention.time_zone
            kept = uow.points.list(profile)
            first, last = (chosen_point(kept, one, zone=zone) for one in (old, new))
            numbers = first.seq, last.seq
            page = paged(_between(uow, profile, numbers, below, after), limit, _cursor)
            counts = _counted(_between(uow, profile, numbers, below, "")) if count else None
        return Comparison(old=first, new=last, run=None, counts=counts, page=page)

    def run(
        self,
        profile: ProfileId,
        wanted: str,
        *,
        below: bytes = b"",
        limit: int = 1000,
        after: str = "",
        count: bool = True,
    ) -> Comparison:
        """What one run changed: from the catalog while the points before and after it are kept, else from
        the run's manifest, which knows the state before only of what went.

        Raises NotFoundError, InvalidInputError, StorageError (the manifest is damaged).
        """
        with self._units(read_only=True) as uow:
            run, before = _chosen_run(uow, profile, wanted)
            points = {point.seq: point for point in uow.points.list(profile)}
            counts: Counter[DifferenceKind]
            old, new = points.get(before), points.get(run.seq)
            if not run.made_point:
                page, counts = _NOTHING, Counter()
            elif new is not None and (old is not None or before == 0):
                numbers = before, run.seq
                page = paged(_between(uow, profile, numbers, below, after), limit, _cursor)
                counts = _counted(_between(uow, profile, numbers, below, "")) if count else Counter()
            else:
                place = located(uow, profile, below) if below else None
                page, counts = self._told(run, place, _forgotten(uow, run), limit, after)
        return Comparison(old=old, new=new, run=run, counts=dict(counts) if count else None, page=page)

    def _told(
        self, run: Run, below: Place | None, forgotten: Sequence[Place], limit: int, after: str
    ) -> tuple[Page[Difference], Counter[DifferenceKind]]:
        """From the manifest, which is in no order: the whole is read, as much as a page is kept.

        It still names what was forgotten since; people asked not to see that any more.
        """
        last, counts = parsed_cursor(after), Counter[DifferenceKind]()

        def wanted() -> Iterator[Difference]:
            for change in self._storage.read_manifest(run.ref, run.seq):
                one = difference_of_change(change)
                if one is None or (below and not _lies_below(one, below)):
                    continue
                if any(_lies_below(one, place) for place in forgotten):
                    continue
                counts[one.kind] += 1
                if last is None or _place(one) > last:
                    yield one

        first = heapq.nsmallest(limit + 1, wanted(), key=_place)
        return paged(first, limit, _cursor), counts

    def deleted(
        self,
        profile: ProfileId,
        *,
        below: bytes = b"",
        since: str = "",
        limit: int = 1000,
        after: str = "",
    ) -> Page[Deleted]:
        """What the PC has no more and we still do, by source and path, each with the run that missed it.

        ``since``: only what went at or after a time (ISO 8601), or with that run (number or name) or later.
        Raises NotFoundError, InvalidInputError.
        """
        with self._units(read_only=True) as uow:
            plan = uow.profiles.get(profile)
            runs = {run.seq: run for run in uow.runs.list(profile)}
            first, last = _first_run(runs.values(), since), max(runs, default=0)
            host = uow.hosts.get(plan.host)
            look = _Look(plan, host, KeptPoints(uow.points.list(profile)), runs, self._filters)
            found = (
                look.deleted(version)
                for name, folder, behind in places(uow, profile, below, after)
                for version in uow.catalog.deleted(
                    profile, last, name, [folder], after=behind, gone_from=first
                )
                if version.until_seq in runs
            )
            return paged(found, limit, lambda one: version_cursor(one.newest.version))


class _Look:
    """What is known of a path that went."""

    def __init__(
        self,
        plan: Profile,
        host: Host,
        kept: KeptPoints,
        runs: dict[int, Run],
        filters: PathFilterFactory,
    ) -> None:
        self._kept = kept
        self._runs = runs
        self._sources = {source.name for source in plan.sources}
        self._filter = filter_of(plan, host, filters)

    def deleted(self, version: FileVersion) -> Deleted:
        run = self._runs[version.until_seq or 0]
        newest = self._kept.known(version, newest=True)
        return Deleted(newest=newest, run=run, left_out_now=self._left_out_now(version))

    def _left_out_now(self, version: FileVersion) -> bool:
        if version.source not in self._sources:
            return True
        is_folder = version.entry.kind is EntryKind.FOLDER
        path = version.entry.path
        return self._filter is not None and path != ROOT and self._filter.excludes(path, is_folder=is_folder)


def _between(
    uow: UnitOfWork, profile: ProfileId, numbers: tuple[int, int], below: bytes, after: str
) -> Iterator[Difference]:
    old, new = sorted(numbers)
    for source, folder, last in places(uow, profile, below, after):
        pairs = uow.catalog.differing(profile, source, old, new, below=folder, after=last)
        yield from _differences(source, pairs, backwards=numbers[0] > numbers[1])


def _differences(
    source: SourceName, pairs: Iterable[VersionPair], *, backwards: bool
) -> Iterator[Difference]:
    for pair in pairs:
        old, new = (None if one is None else one.entry for one in pair)
        left_out = pair[0] is not None and pair[0].excluded
        found = difference(source, new, old) if backwards else difference(source, old, new, excluded=left_out)
        if found is not None:
            yield found


def _counted(differences: Iterable[Difference]) -> Counter[DifferenceKind]:
    return Counter(one.kind for one in differences)


def _place(one: Difference) -> Place:
    return one.source, one.path


def _cursor(one: Difference) -> str:
    return cursor_of(one.source, one.path)


def _forgotten(uow: UnitOfWork, run: Run) -> list[Place]:
    """Paths that were removed on purpose after the run."""
    acts = uow.acts.list(run.profile)
    return [
        path for act in acts if act.kind is ActKind.FORGET and act.after_seq >= run.seq for path in act.paths
    ]


def _lies_below(one: Difference, place: tuple[SourceName, RelPath]) -> bool:
    return one.source == place[0] and is_below(one.path, place[1])


def _chosen_run(uow: UnitOfWork, profile: ProfileId, wanted: str) -> tuple[Run, int]:
    """The run that is named, and the number of the last run before it that made a point; 0 if none did."""
    uow.profiles.get(profile)
    runs = [run for run in uow.runs.list(profile) if run.outcome is not None]
    for place, run in enumerate(runs):
        if wanted in (run.id, str(run.seq)) or (wanted == LATEST and run is runs[-1]):
            before: Sequence[int] = [one.seq for one in runs[:place] if one.made_point]
            return run, before[-1] if before else 0
    raise NotFoundError(
        f"Profile {profile} has no finished run {wanted!r}.",
        advice="'latest', a run's number or its name will do; 'bck points' lists those with a point.",
    )


def _first_run(runs: Iterable[Run], since: str) -> int:
    """Number of the first run to be heeded; behind all runs when the time is later than they are."""
    if not since:
        return 0
    listed = list(runs)
    for run in listed:
        if since in (run.id, str(run.seq)):
            return run.seq
    try:
        at = datetime.fromisoformat(since)
    except ValueError as exc:
        raise InvalidInputError(
            f"{since!r} is no time and no run of this profile.",
            advice="Write a date such as 2026-01-31, a time, or a run's number.",
        ) from exc
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    numbers = [run.seq for run in listed if run.finished is not None and run.finished >= at]
    return min(numbers, default=max((run.seq for run in listed), default=0) + 1)
