"""What browsing finds, as JSON documents; the same shapes as the HTTP API's. Pure."""

from bck_apps.cli.documents import Document
from bck_apps.cli.units import time_json
from bckcore.domain.difference import Difference
from bckcore.domain.file_version import FileEntry, FileVersion
from bckcore.domain.ids import SourceName
from bckcore.domain.paths import RelPath, display, percent_encoded
from bckcore.services.browsed import Comparison, Deleted, Found, KnownVersion, exact_time, full_path


def kind_text(entry: FileEntry) -> str:
    """``file``, ``folder``, ``link``, ``fifo``, ``socket``, ``char-device``, ``block-device``."""
    return entry.kind.name.lower().replace("_", "-")


def place_document(source: SourceName, path: RelPath) -> Document:
    """A path for people, and exactly."""
    whole = full_path(source, path)
    return {"path": display(whole), "path_bytes": percent_encoded(whole), "source": source}


def state_document(entry: FileEntry) -> Document:
    """What stood at a path."""
    return {
        "kind": kind_text(entry),
        "size": entry.size,
        "mtime": exact_time(entry.mtime_ns),
        "mode": f"{entry.mode:04o}",
        "uid": entry.uid,
        "gid": entry.gid,
        "target": display(entry.target),
        "digest": entry.digest.hex(),
    }


def entry_document(version: FileVersion) -> Document:
    """One path of a folder."""
    return {
        **place_document(version.source, version.entry.path),
        **state_document(version.entry),
        "since_seq": version.since_seq,
    }


def version_document(known: KnownVersion) -> Document:
    """One version and the points that have it."""
    return {
        **entry_document(known.version),
        "until_seq": known.version.until_seq,
        "excluded": known.version.excluded,
        "standing": known.standing.value,
        "first_point": known.first.run_id if known.first else None,
        "last_point": known.last.run_id if known.last else None,
    }


def found_document(found: Found) -> Document:
    """A path that was sought."""
    return {**version_document(found.newest), "versions": found.versions}


def deleted_document(deleted: Deleted) -> Document:
    """A path that the PC has no more."""
    run = deleted.run
    return {
        **version_document(deleted.newest),
        "gone_run": run.id,
        "gone_at": time_json(run.finished),
        "left_out_now": deleted.left_out_now,
    }


def difference_document(one: Difference) -> Document:
    """One path that differs."""
    return {
        "change": one.kind.value,
        **place_document(one.source, one.path),
        "old": state_document(one.old) if one.old else None,
        "new": state_document(one.new) if one.new else None,
    }


def comparison_document(found: Comparison) -> Document:
    """What differs, with the counts of the whole."""
    counts = found.counts
    return {
        "old_point": found.old.run_id if found.old else None,
        "new_point": found.new.run_id if found.new else None,
        "run_id": found.run.id if found.run else None,
        "counts": None if counts is None else {kind.value: count for kind, count in sorted(counts.items())},
        "items": [difference_document(one) for one in found.page.items],
        "next": found.page.next,
    }
