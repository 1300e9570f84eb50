"""Browse: list folders, follow one path, find names, over all kept points. Changes nothing.

The other questions, what differs and what is gone, are in :mod:`bckcore.services.compare`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from bckcore.domain.file_version import EntryKind, FileVersion
from bckcore.domain.ids import ProfileId, SourceName
from bckcore.domain.job import LATEST
from bckcore.domain.paths import ROOT, RelPath, display
from bckcore.domain.pattern import Pattern
from bckcore.domain.restore_point import RestorePoint
from bckcore.errors import InvalidInputError, NotFoundError
from bckcore.ports.catalog import Catalog
from bckcore.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from bckcore.services.browsed import (
    FolderPage,
    Found,
    KeptPoints,
    KnownVersion,
    Page,
    cursor_of,
    full_path,
    parsed_cursor,
)
from bckcore.services.points import chosen_point
from bckcore.services.selection import selected_paths
from bckcore.services.stale import Stale

MOST_ITEMS = 10_000
Item = TypeVar("Item")
Place = tuple[SourceName, RelPath]


class BrowseService:
    """Answers those who look for their files. A ``limit`` is 1 to 10,000, ``after`` a page's ``next``."""

    def __init__(self, *, units: UnitOfWorkFactory) -> None:
        self._units = units

    def list_folder(
        self,
        profile: ProfileId,
        *,
        point: str = LATEST,
        path: bytes = b"",
        limit: int = 1000,
        after: str = "",
    ) -> FolderPage:
        """What stands directly in a folder at a point, by name (bytes); without a path, the sources.

        Raises NotFoundError for what was not there, InvalidInputError for a path that is no folder.
        """
        with self._units(read_only=True) as uow:
            zone = uow.profiles.get(profile).retention.time_zone
            source, folder = located(uow, profile, path) if path else (None, ROOT)
            chosen = chosen_point(uow.points.list(profile), point, zone=zone)
            if source is None:
                found = _roots(uow.catalog, chosen, _after_source(after))
            else:
                _require_folder(uow.catalog, chosen, source, folder)
                last = _after_in(source, after)
                found = uow.catalog.children(profile, chosen.seq, source, folder, after=last)
            page = paged(found, limit, version_cursor)
            stale = _stale(uow, chosen)
        marked, unnamed = stale.among(page.items), stale.unnamed
        return FolderPage(
            point=chosen, source=source, folder=folder, page=page, stale=marked, unnamed=unnamed
        )

    def versions(
        self, profile: ProfileId, path: bytes, *, limit: int = 1000, after: str = ""
    ) -> Page[KnownVersion]:
        """Every version of one path that can still be had, oldest first. Raises NotFoundError."""
        with self._units(read_only=True) as uow:
            source, place = located(uow, profile, path)
            versions = uow.catalog.versions(profile, source, place)
            if not versions:
                raise never_seen(full_path(source, place))
            known = KeptPoints(uow.points.list(profile)).history(versions)
        first = _number(after)
        rest = (one for one in known if one.version.since_seq > first)
        return paged(rest, limit, lambda one: str(one.version.since_seq))

    def find(
        self,
        profile: ProfileId,
        pattern: Pattern,
        *,
        below: bytes = b"",
        limit: int = 100,
        after: str = "",
    ) -> Page[Found]:
        """Paths that a pattern means, at whatever point they were there; by source and path."""
        with self._units(read_only=True) as uow:
            kept = KeptPoints(uow.points.list(profile))
            found = (
                Found(newest=history[-1], versions=len(history))
                for source, folder, last in places(uow, profile, below, after)
                for versions in uow.catalog.matching(profile, source, pattern, below=folder, after=last)
                if (history := kept.history(versions))
            )
            return paged(found, limit, lambda one: version_cursor(one.newest.version))


def located(uow: UnitOfWork, profile: ProfileId, text: bytes) -> Place:
    """The source and path that a text names. Raises NotFoundError (profile), InvalidInputError."""
    known = uow.catalog.source_states(profile)
    chosen = selected_paths(uow.profiles.get(profile), [text], known)
    ((source, (path, *_)),) = chosen.items()
    return source, path


def places(
    uow: UnitOfWork, profile: ProfileId, below: bytes, after: str
) -> Iterator[tuple[SourceName, RelPath, RelPath | None]]:
    """Sources to go through, by name: each with the folder to look in and the path to go on after.

    Raises NotFoundError for a folder that never was there, InvalidInputError.
    """
    only = located(uow, profile, below) if below else None
    if only is not None and only[1] != ROOT and not uow.catalog.versions(profile, *only):
        raise never_seen(full_path(*only))
    uow.profiles.get(profile)
    last = parsed_cursor(after)
    names = sorted(uow.catalog.source_states(profile)) if only is None else [only[0]]
    return (
        (name, only[1] if only else ROOT, last[1] if last and last[0] == name else None)
        for name in names
        if last is None or name >= last[0]
    )


def paged(found: Iterable[Item], limit: int, cursor: Callable[[Item], str]) -> Page[Item]:
    """The first ``limit`` of what is found. Raises InvalidInputError for a limit out of range."""
    if not 1 <= limit <= MOST_ITEMS:
        raise InvalidInputError(f"The limit {limit} is not between 1 and {MOST_ITEMS}.")
    items = list(islice(found, limit + 1))
    more = len(items) > limit
    return Page(items=tuple(items[:limit]), next=cursor(items[limit - 1]) if more else None)


def version_cursor(version: FileVersion) -> str:
    """The cursor behind a version."""
    return cursor_of(version.source, version.entry.path)


def never_seen(path: bytes) -> NotFoundError:
    """For a path that no run has ever seen."""
    return NotFoundError(
        f"{display(path)} was never backed up, or nothing of it is kept any more.",
        meaning="Nothing was changed.",
        advice="Look for it with 'bck find', or see what there is with 'bck ls'.",
    )


def _roots(catalog: Catalog, point: RestorePoint, after: SourceName | None) -> Iterator[FileVersion]:
    for source in sorted(catalog.source_states(point.profile)):
        if after is None or source > after:
            yield from (one for one in catalog.versions(point.profile, source, ROOT) if _at(one, point))


def _stale(uow: UnitOfWork, point: RestorePoint) -> Stale:
    run = uow.runs.get(point.run_id)
    return Stale(run, uow.runs.problems(run.profile, run.seq) if run.problem_count else ())


def _at(version: FileVersion, point: RestorePoint) -> bool:
    return version.since_seq <= point.seq and (version.until_seq is None or point.seq < version.until_seq)


def _require_folder(catalog: Catalog, point: RestorePoint, source: SourceName, folder: RelPath) -> None:
    versions: Sequence[FileVersion] = catalog.versions(point.profile, source, folder)
    there = next((version.entry for version in versions if _at(version, point)), None)
    shown = display(full_path(source, folder))
    if there is None and not versions:
        raise never_seen(full_path(source, folder))
    if there is None:
        raise NotFoundError(
            f"{shown} was not there at point {point.seq} ({point.run_id}).",
            meaning="It was there at other times.",
            advice=f"See when: bck versions {point.profile} {shown}",
        )
    if there.kind is not EntryKind.FOLDER:
        raise InvalidInputError(
            f"{shown} is no folder at point {point.seq}.",
            advice=f"See its versions: bck versions {point.profile} {shown}",
        )


def _after_source(after: str) -> SourceName | None:
    place = parsed_cursor(after)
    return place[0] if place else None


def _after_in(source: SourceName, after: str) -> RelPath | None:
    place = parsed_cursor(after)
    if place and place[0] != source:
        raise InvalidInputError("The cursor belongs to another folder.", advice="Begin without one.")
    return place[1] if place else None


def _number(after: str) -> int:
    if after and not (after.isascii() and after.isdigit() and len(after) < 10):
        raise InvalidInputError(f"{after[:200]!r} is no cursor.", advice="Take it from 'next'.")
    return int(after or 0)
