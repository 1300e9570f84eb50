"""Browsed: what people get to see when they look for their files, and which kept point still has it."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Generic, TypeVar

from bckcore.domain.difference import Difference, DifferenceKind
from bckcore.domain.file_version import FileVersion
from bckcore.domain.ids import SourceName
from bckcore.domain.paths import RelPath, percent_decoded, percent_encoded, rel_path
from bckcore.domain.restore_point import RestorePoint
from bckcore.domain.run import Run
from bckcore.errors import InvalidInputError

Item = TypeVar("Item")


class Standing(StrEnum):
    """What became of a version."""

    LIVE = "live"
    """The PC has it, as far as is known."""
    OLDER = "older"
    """There is a newer version of the path."""
    GONE = "gone"
    """The newest version of a path that the PC has no more."""
    EXCLUDED = "excluded"
    """The newest version of a path that a run left out: the PC may well have it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[Item]):
    """A part of a list; ``next`` is the cursor of the part after it, None at the end."""

    items: tuple[Item, ...]
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderPage:
    """A folder at a point. Without a source: the sources themselves."""

    point: RestorePoint
    source: SourceName | None
    folder: RelPath
    page: Page[FileVersion]
    stale: frozenset[tuple[SourceName, RelPath]]
    """Entries of this page that the point's run could not read: their state is that of an earlier run."""
    unnamed: int
    """Problems of that run that name no path any more: there may be more that is stale."""

    def is_stale(self, one: FileVersion) -> bool:
        """True if it is marked so."""
        return (one.source, one.entry.path) in self.stale


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownVersion:
    """One version and the kept points that have it, by number; none if only ``current`` does."""

    version: FileVersion
    standing: Standing
    first: RestorePoint | None
    last: RestorePoint | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A path that was sought: its newest version, and how many can still be had."""

    newest: KnownVersion
    versions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted:
    """A path that the PC has no more: its newest version, and the run that missed it."""

    newest: KnownVersion
    run: Run
    left_out_now: bool
    """The profile of today leaves it out, so no backup would see it if it came back."""

    @property
    def excluded(self) -> bool:
        """The run left it out and did not miss it: the PC may well have it."""
        return self.newest.version.excluded


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What differs. ``counts`` are those of the whole, not of this page; None if not asked for."""

    old: RestorePoint | None
    new: RestorePoint | None
    run: Run | None
    counts: dict[DifferenceKind, int] | None
    page: Page[Difference]


class KeptPoints:
    """The kept points of a profile, asked by number."""

    def __init__(self, points: Sequence[RestorePoint]) -> None:
        self._points = points
        self._numbers = [point.seq for point in points]

    def known(self, version: FileVersion, *, newest: bool) -> KnownVersion:
        """The version with the points that have it."""
        first = bisect_left(self._numbers, version.since_seq)
        until = version.until_seq
        behind = len(self._numbers) if until is None else bisect_left(self._numbers, until)
        has = first < behind
        return KnownVersion(
            version=version,
            standing=_standing(version) if newest else Standing.OLDER,
            first=self._points[first] if has else None,
            last=self._points[behind - 1] if has else None,
        )

    def history(self, versions: Sequence[FileVersion]) -> list[KnownVersion]:
        """Those versions of one path, oldest first, that can still be had; the newest always can."""
        known = [self.known(version, newest=version is versions[-1]) for version in versions]
        return [one for one in known if one.first is not None or one.standing is not Standing.OLDER]

    def has(self, seq: int) -> bool:
        """True if the point of that number is kept."""
        place = bisect_right(self._numbers, seq)
        return place > 0 and self._numbers[place - 1] == seq


def _standing(newest: FileVersion) -> Standing:
    if newest.until_seq is None:
        return Standing.LIVE
    return Standing.EXCLUDED if newest.excluded else Standing.GONE


def exact_time(nanoseconds: int) -> str | None:
    """ISO 8601 in UTC with nine decimals; None for a time that no calendar of ours names."""
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    try:
        at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    except OverflowError:
        return None
    return f"{at:%Y-%m-%dT%H:%M:%S}.{rest:09d}Z" if at.year >= 1000 else None


def full_path(source: SourceName, path: RelPath) -> bytes:
    """The path as people see it: ``source/folder/name``."""
    return source.encode("ascii") + (b"" if path == b"." else b"/" + path)


def cursor_of(source: SourceName, path: RelPath) -> str:
    """Where a page ends, in words that :func:`parsed_cursor` understands."""
    return percent_encoded(source.encode("ascii") + b"/" + path)


def parsed_cursor(text: str) -> tuple[SourceName, RelPath] | None:
    """Source and path of a cursor; None for the beginning. Raises InvalidInputError."""
    if not text:
        return None
    try:
        source, slash, path = percent_decoded(text).partition(b"/")
        if slash:
            return SourceName(source.decode("ascii")), rel_path(path)
    except (InvalidInputError, UnicodeDecodeError):
        pass
    raise InvalidInputError(f"{text[:200]!r} is no cursor.", advice="Take it from 'next' of the page before.")
