"""Manifest: what one run changed against an earlier manifest, a line per path.

A line is TAB-separated ASCII, so that a POSIX shell with awk can read it::

    op  source  path  kind  mode  uid  gid  mtime_ns  size  digest  target

Paths and link targets are percent-encoded, mode is octal, digest is hex. ``=`` lines appear in full
manifests only; a full manifest therefore holds every live path, a delta one just the differences.
"""

from dataclasses import dataclass
from enum import StrEnum

from bckcore.domain.file_version import EntryKind, FileEntry
from bckcore.domain.ids import SourceName, checked_name
from bckcore.domain.paths import percent_decoded, percent_encoded, rel_path
from bckcore.errors import InvalidInputError, StorageError

FULL_EVERY = 20
"""A full manifest at least every so many manifests."""


class ChangeOp(StrEnum):
    """What happened to a path between two manifests."""

    ADDED = "+"
    CONTENT = "M"
    ATTRIBUTES = "A"
    GONE = "-"
    EXCLUDED = "X"
    """Hidden by a filter that changed; not known to be gone."""
    SAME = "="
    MISSING = "?"
    """Not there, and neither was anything below it, in a suspect run: its state carries on until a
    person accepts that it is gone."""

    @property
    def ends(self) -> bool:
        """True if the path is no longer part of the state."""
        return self in (ChangeOp.GONE, ChangeOp.EXCLUDED)

    @property
    def carries_on(self) -> bool:
        """True if the path's state stays what it was."""
        return self in (ChangeOp.SAME, ChangeOp.MISSING)


@dataclass(frozen=True, slots=True)
class Change:
    """One path's change; ``entry`` is the new state, or the last known one when it ended."""

    source: SourceName
    op: ChangeOp
    entry: FileEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestInfo:
    """A manifest as its receipt names it."""

    seq: int
    base: int | None
    """Sequence number of the manifest it is a change against; None for a full one."""
    sha256: str
    """Of the compressed file."""
    lines: int


def encoded_line(change: Change) -> str:
    """The change as one line with its newline."""
    entry = change.entry
    return (
        f"{change.op.value}\t{change.source}\t{percent_encoded(entry.path)}\t{entry.kind.value}"
        f"\t{entry.mode:o}\t{entry.uid}\t{entry.gid}\t{entry.mtime_ns}\t{entry.size}"
        f"\t{entry.digest.hex()}\t{percent_encoded(entry.target)}\n"
    )


def decoded_line(line: str) -> Change:
    """Read one line back. Raises StorageError when it is not one of ours."""
    try:
        op, source, path, kind, mode, uid, gid, mtime, size, digest, target = line.rstrip("\n").split("\t")
        entry = FileEntry(
            path=rel_path(percent_decoded(path)),
            kind=EntryKind(kind),
            mode=int(mode, 8),
            uid=int(uid),
            gid=int(gid),
            mtime_ns=int(mtime),
            size=int(size),
            target=percent_decoded(target),
            digest=bytes.fromhex(digest),
        )
        return Change(SourceName(checked_name(source, "source")), ChangeOp(op), entry)
    except (ValueError, InvalidInputError) as exc:
        raise StorageError(f"A manifest line cannot be read: {line[:200]!r}.") from exc
