"""From what browsing finds to response bodies. Pure."""

from typing import Any

from bck_apps.api import schemas_browse as schemas
from bckcore.domain.difference import Difference
from bckcore.domain.file_version import FileEntry, FileVersion
from bckcore.domain.ids import SourceName
from bckcore.domain.paths import RelPath, display, percent_decoded, percent_encoded
from bckcore.errors import InvalidInputError
from bckcore.services.browsed import (
    Comparison,
    Deleted,
    FolderPage,
    Found,
    KnownVersion,
    exact_time,
    full_path,
)


def asked_path(path: str, path_bytes: str) -> bytes:
    """The path of a request. Raises InvalidInputError if it is given twice."""
    if path and path_bytes:
        raise InvalidInputError("Give either a path or its bytes.")
    return percent_decoded(path_bytes) if path_bytes else path.encode("utf-8")


def _place(source: SourceName, path: RelPath) -> dict[str, Any]:
    whole = full_path(source, path)
    return {"path": display(whole), "path_bytes": percent_encoded(whole), "source": source}


def _state(entry: FileEntry) -> dict[str, Any]:
    return {
        "kind": entry.kind.word,
        "size": entry.size,
        "mtime": exact_time(entry.mtime_ns),
        "mode": f"{entry.mode:04o}",
        "uid": entry.uid,
        "gid": entry.gid,
        "target": display(entry.target),
        "digest": entry.digest.hex(),
    }


def _entry(version: FileVersion) -> dict[str, Any]:
    place = _place(version.source, version.entry.path)
    return {**place, **_state(version.entry), "since_seq": version.since_seq}


def _known(known: KnownVersion) -> dict[str, Any]:
    return {
        **_entry(known.version),
        "until_seq": known.version.until_seq,
        "excluded": known.version.excluded,
        "standing": known.standing.value,
        "first_point": known.first.run_id if known.first else None,
        "last_point": known.last.run_id if known.last else None,
    }


def folder_view(found: FolderPage) -> schemas.FolderView:
    """A folder for callers."""
    return schemas.FolderView(
        point=found.point.run_id,
        seq=found.point.seq,
        items=[schemas.FolderEntryView(**_entry(one), stale=found.is_stale(one)) for one in found.page.items],
        unnamed_problems=found.unnamed,
        next=found.page.next,
    )


def version_view(known: KnownVersion) -> schemas.VersionView:
    """A version for callers."""
    return schemas.VersionView(**_known(known))


def found_view(found: Found) -> schemas.FoundView:
    """A find for callers."""
    return schemas.FoundView(**_known(found.newest), versions=found.versions)


def deleted_view(deleted: Deleted) -> schemas.DeletedView:
    """A path that is gone, for callers."""
    return schemas.DeletedView(
        **_known(deleted.newest),
        gone_run=deleted.run.id,
        gone_at=deleted.run.finished,
        left_out_now=deleted.left_out_now,
    )


def comparison_view(found: Comparison) -> schemas.ComparisonView:
    """A comparison for callers."""
    counts = found.counts
    return schemas.ComparisonView(
        old_point=found.old.run_id if found.old else None,
        new_point=found.new.run_id if found.new else None,
        run_id=found.run.id if found.run else None,
        counts=None if counts is None else {kind.value: count for kind, count in sorted(counts.items())},
        items=[_difference(one) for one in found.page.items],
        next=found.page.next,
    )


def _difference(one: Difference) -> schemas.DifferenceView:
    return schemas.DifferenceView(
        change=one.kind.value,
        **_place(one.source, one.path),
        old=schemas.StateView(**_state(one.old)) if one.old else None,
        new=schemas.StateView(**_state(one.new)) if one.new else None,
    )
