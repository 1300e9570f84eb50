"""Selection: which paths of a restore point a person means, and what stands there."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from bckcore.domain.file_version import FileEntry, FileVersion
from bckcore.domain.ids import SourceName
from bckcore.domain.paths import ROOT, RelPath, display, is_below, parents, rel_path
from bckcore.domain.profile import Profile
from bckcore.domain.restore_point import RestorePoint
from bckcore.errors import InvalidInputError, NotFoundError
from bckcore.ports.catalog import Catalog

MOST_NAMED = 10
T = TypeVar("T")
Selection = dict[SourceName, list[RelPath]]


def selected_paths(
    profile: Profile, texts: Sequence[bytes], at_point: Iterable[SourceName] = ()
) -> Selection:
    """What to restore of each source. Texts are ``SOURCE``, ``SOURCE/path`` or the full path on the host.

    ``at_point``: sources of the restore point; one that the profile has dropped goes by its name.
    None at all means everything. Raises InvalidInputError for a path in no source.
    """
    if not texts:
        return {source.name: [ROOT] for source in profile.sources}
    prefixes = [*_prefixes(profile), *((name, name.encode("ascii")) for name in at_point)]
    chosen: Selection = {}
    for text in texts:
        name, path = _located(profile, prefixes, text)
        chosen.setdefault(name, []).append(path)
    return chosen


def _prefixes(profile: Profile) -> Iterator[tuple[SourceName, bytes]]:
    for source in profile.sources:
        yield source.name, source.path.rstrip("/").encode("utf-8", "surrogateescape")
        yield source.name, source.name.encode("ascii")


def _located(
    profile: Profile, prefixes: Iterable[tuple[SourceName, bytes]], text: bytes
) -> tuple[SourceName, RelPath]:
    wanted = text.rstrip(b"/")
    for name, prefix in prefixes:
        if text and wanted == prefix:
            return name, ROOT
        if wanted.startswith(prefix + b"/"):
            return name, rel_path(wanted[len(prefix) + 1 :])
    names = ", ".join(source.name for source in profile.sources)
    raise InvalidInputError(
        f"{display(text)} is in no source of {profile.id}.",
        advice=f"Begin with a source name ({names}) or give the full path on the PC.",
    )


def entries_with_folders(
    catalog: Catalog, point: RestorePoint, source: SourceName, below: Sequence[RelPath]
) -> Iterator[FileEntry]:
    """What lies at or below ``below`` at the point, and the folders above it, by path."""
    if ROOT in below:
        yield from catalog.entries(point.profile, point.seq, source)
        return
    tops = tops_of(below)
    folders = [entry for path in folders_above(tops) if (entry := entry_at(catalog, point, source, path))]
    found = catalog.entries(point.profile, point.seq, source, tops)
    yield from with_above(folders, found, key=lambda entry: entry.path)


def tops_of(paths: Sequence[RelPath]) -> list[RelPath]:
    """Those of the paths that lie in no other of them."""
    return [path for path in set(paths) if not any(is_below(path, other) for other in paths if other != path)]


def folders_above(tops: Sequence[RelPath]) -> list[RelPath]:
    """The folders that lead to the paths, by path; without the root of the source."""
    return sorted({folder for path in tops for folder in parents(path)} - {ROOT})


def with_above(folders: Sequence[T], found: Iterable[T], *, key: Callable[[T], RelPath]) -> Iterator[T]:
    """What was found, each of its folders before it; both are ordered by path."""
    pending = iter(folders)
    folder = next(pending, None)
    for one in found:
        while folder is not None and key(folder) < key(one):
            yield folder
            folder = next(pending, None)
        yield one


def entry_at(catalog: Catalog, point: RestorePoint, source: SourceName, path: RelPath) -> FileEntry | None:
    for version in catalog.versions(point.profile, source, path):
        if _stands(version, point.seq):
            return version.entry
    return None


def _stands(version: FileVersion, seq: int) -> bool:
    return version.since_seq <= seq and (version.until_seq is None or seq < version.until_seq)


def there(
    catalog: Catalog, point: RestorePoint, wanted: Selection, *, or_before: bool = False
) -> tuple[Selection, list[tuple[SourceName, RelPath]]]:
    """Of what is wanted: what was there at the point, and what not. Raises NotFoundError if nothing was.

    ``or_before``: what was there earlier counts, too.
    """
    found: Selection = {}
    missing: list[tuple[SourceName, RelPath]] = []
    for name, paths in wanted.items():
        for path in paths:
            versions = catalog.versions(point.profile, name, path)
            if any(_stands(one, point.seq) or (or_before and one.since_seq <= point.seq) for one in versions):
                found.setdefault(name, []).append(path)
            else:
                missing.append((name, path))
    if not found and missing:
        raise NotFoundError(
            f"{_named(missing)} did not exist at restore point {point.run_id}.",
            advice=f"See when there was one: bck versions {point.profile} PATH",
        )
    return found, missing


def _named(paths: Sequence[tuple[SourceName, RelPath]]) -> str:
    shown = [f"{name}/{display(path)}".rstrip("/") for name, path in paths[:MOST_NAMED]]
    return ", ".join(shown) + (f" and {len(paths) - MOST_NAMED} more" if len(paths) > MOST_NAMED else "")
