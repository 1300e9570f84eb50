"""Judge one path: where law L4 says the bytes of each of its versions are, against what stands there. Pure.

What size and time of change tell of a file's bytes is said by :mod:`bckcore.domain.likeness`.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from bckcore.domain.check import CURRENT, Cause
from bckcore.domain.file_version import EntryKind, FileEntry, FileVersion
from bckcore.domain.ids import RunId
from bckcore.domain.likeness import Likeness, digests_of, likeness, stored_size
from bckcore.ports.verification import Shape, Sighting

_BYTES = (EntryKind.FILE, EntryKind.LINK)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What the database says of a profile at one moment."""

    kept: tuple[int, ...]
    """Numbers of the kept points, ascending."""
    increments: Mapping[RunId, int]
    """Runs whose increment may stand, with their numbers, ascending."""
    settled: bool
    """``current`` holds the live state: no run of this source was interrupted since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One version in one place. Without a cause it is as it must be, as far as a look can tell."""

    version: FileVersion
    run: RunId | None
    """Where the bytes must be: an increment, or ``current``."""
    points: int = 0
    newest: int | None = None
    cause: Cause | None = None
    detail: str = ""
    sighting: Sighting | None = None
    place: str = ""
    """Where the harm is, if not where the bytes were looked for."""
    doubtful: bool = False
    """Only the time differs: what the bytes are decides."""

    @property
    def told_place(self) -> str:
        """The place as findings have it."""
        return self.place or self.run or CURRENT

    @property
    def readable(self) -> bool:
        """True if there are bytes worth reading."""
        plain = self.sighting is not None and self.sighting.shape is Shape.PLAIN
        has_bytes = self.version.entry.kind is EntryKind.FILE or self.must_read
        return plain and has_bytes and (self.cause is None or self.doubtful)

    @property
    def must_read(self) -> bool:
        """True if nothing but the bytes can tell: of links in increments, and where only the time differs."""
        return self.doubtful or (self.version.entry.kind is EntryKind.LINK and self.run is not None)


def judged(versions: Sequence[FileVersion], sightings: Sequence[Sighting], view: View) -> Iterator[Verdict]:
    """A verdict for every version of one path in every place that a kept point, or the present, asks for."""
    current = next((one for one in sightings if one.run is None), None)
    held = [(view.increments[one.run], one) for one in sightings if one.run is not None]
    for place, version in enumerate(versions):
        live = version.until_seq is None and view.settled
        if version.entry.kind not in _BYTES:
            if live:
                yield _look(Verdict(version=version, run=None), current, versions)
            continue
        for sighting, low, high in _places(version, held, current, view, live=live):
            points = view.kept[low:high]
            verdict = Verdict(
                version=version,
                run=sighting.run if sighting else None,
                points=len(points),
                newest=points[-1] if points else None,
                sighting=sighting,
            )
            verdict = _look(verdict, sighting, versions, attributes=live)
            if verdict.cause is Cause.MISSING:
                verdict = replace(verdict, place=_home(place, versions, view), sighting=None)
            yield verdict


def known_digests(version: FileVersion, versions: Sequence[FileVersion]) -> frozenset[bytes]:
    """What the digest of a version must be one of; empty while nothing is known."""
    return digests_of(version.entry, (other.entry for other in versions))


def _places(
    version: FileVersion,
    held: Sequence[tuple[int, Sighting]],
    current: Sighting | None,
    view: View,
    *,
    live: bool,
) -> Iterator[tuple[Sighting | None, int, int]]:
    """Each place and the kept points, from and up to, that find the version's bytes there."""
    low = bisect_left(view.kept, version.since_seq)
    high = len(view.kept) if version.until_seq is None else bisect_left(view.kept, version.until_seq)
    for seq, sighting in held:
        below = min(high, bisect_left(view.kept, seq))
        if below > low:
            yield sighting, low, below
            low = below
    if high > low or live:
        yield current, low, max(low, high)


def _look(
    verdict: Verdict, sighting: Sighting | None, versions: Sequence[FileVersion], *, attributes: bool = True
) -> Verdict:
    """The verdict after a look; ``attributes``: what stands in current must be as the version in all."""
    verdict = replace(verdict, sighting=sighting)
    entry = verdict.version.entry
    if sighting is None:
        return replace(verdict, cause=Cause.MISSING, detail="it is not there")
    if sighting.shape is Shape.UNREADABLE:
        return replace(verdict, cause=Cause.UNREADABLE, detail=sighting.problem)
    if sighting.shape is Shape.STRANGE:
        return replace(verdict, cause=Cause.STRANGE_TYPE, detail=f"it is {sighting.problem}")
    if (sighting.shape is Shape.FOLDER) != (entry.kind is EntryKind.FOLDER):
        return _wrong_shape(verdict, sighting, versions)
    cause, detail, doubtful = None, "", False
    if entry.kind in _BYTES:
        cause, detail, doubtful = _content(verdict.version, sighting, versions)
    if cause is None and attributes and sighting.run is None:
        cause, detail = _attributes(entry, sighting)
    return replace(verdict, cause=cause, detail=detail, doubtful=doubtful)


def _wrong_shape(verdict: Verdict, sighting: Sighting, versions: Sequence[FileVersion]) -> Verdict:
    kind = EntryKind.FOLDER if sighting.shape is Shape.FOLDER else EntryKind.FILE
    if any((one.entry.kind is EntryKind.FOLDER) == (kind is EntryKind.FOLDER) for one in versions):
        return replace(verdict, cause=Cause.MISSING, detail="something later stands in its place")
    stands, must = ("a folder", "a file") if kind is EntryKind.FOLDER else ("a file", "a folder")
    return replace(verdict, cause=Cause.STRANGE_TYPE, detail=f"{stands} stands where {must} must")


def _content(
    version: FileVersion, sighting: Sighting, versions: Sequence[FileVersion]
) -> tuple[Cause | None, str, bool]:
    """What size and time tell of a file's or link's bytes; the last: only the time differs."""
    entry = version.entry
    size = stored_size(entry)
    if entry.kind is EntryKind.LINK and sighting.size == size:  # its time changes in place
        return _target(entry, sighting, versions)
    found = likeness(entry, sighting.size, sighting.mtime_ns, (other.entry for other in versions))
    if found is Likeness.OWN:
        return None, "", False
    if found is Likeness.OTHER:
        return Cause.MISSING, "its bytes are gone; a later version stands in their place", False
    if sighting.size != size:
        return Cause.SIZE_CHANGED, f"{sighting.size} bytes instead of {size}", False
    return Cause.CHANGED, "its time of change is another one", bool(entry.digest)


def _target(
    entry: FileEntry, sighting: Sighting, versions: Sequence[FileVersion]
) -> tuple[Cause | None, str, bool]:
    """What the target of a stored link tells; one in an increment is still to be read."""
    stands = sighting.entry
    if stands is None or stands.kind is not EntryKind.LINK or stands.target == entry.target:
        return None, "", False
    if any(other.entry.target == stands.target for other in versions):
        return Cause.MISSING, "its bytes are gone; a later version stands in their place", False
    cause = Cause.BIT_ROT if sighting.mtime_ns == entry.mtime_ns else Cause.CHANGED
    return cause, "the stored link leads elsewhere", False


def _attributes(entry: FileEntry, sighting: Sighting) -> tuple[Cause | None, str]:
    stands = sighting.entry
    if stands is None:
        return Cause.ATTRIBUTES_CHANGED, sighting.problem.rstrip(".") or "they cannot be read"
    wanted = entry.without_digest()
    if entry.kind is EntryKind.FOLDER:  # its time changes with everything that comes and goes in it
        stands = replace(stands, mtime_ns=wanted.mtime_ns)
    names = ("kind", "mode", "uid", "gid", "mtime_ns", "size", "target")
    differing = [name for name in names if getattr(stands, name) != getattr(wanted, name)]
    if not differing:
        return None, ""
    told = {"mtime_ns": "time", "uid": "owner", "gid": "group"}
    return Cause.ATTRIBUTES_CHANGED, f"other {', '.join(told.get(name, name) for name in differing)}"


def _home(index: int, versions: Sequence[FileVersion], view: View) -> str:
    """Where a version's bytes should have been, now that something else stands there, or nothing."""
    for before, after in zip(versions[index:], versions[index + 1 :], strict=False):
        unbroken = before.until_seq == after.since_seq and before.entry.same_content(after.entry)
        if not unbroken:
            return next((run for run, seq in view.increments.items() if seq >= after.since_seq), CURRENT)
    return CURRENT
