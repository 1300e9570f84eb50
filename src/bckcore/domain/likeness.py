"""Likeness: what size and time of change of stored bytes tell of the state they are meant to be of. Pure.

A file's size and time of change tell its content from every other content of that path: by them rsync
decides what is new, and whatever a run displaces keeps them.
"""

from collections.abc import Iterable
from enum import Enum, auto

from bckcore.domain.file_version import EntryKind, FileEntry


class Likeness(Enum):
    """What stands in a place, seen from the state that should have its bytes there."""

    OWN = auto()
    """It has size and time of that state."""
    KIN = auto()
    """It has those of another state of the path with the same content."""
    OTHER = auto()
    """It has those of another content of the path: the bytes that should be there are gone."""
    UNKNOWN = auto()
    """No known state has size and time of it, or states of either sort have: only its bytes can tell."""


def likeness(entry: FileEntry, size: int, mtime_ns: int, states: Iterable[FileEntry]) -> Likeness:
    """What something stored of this size and time is to ``entry``; ``states``: all known ones of its path."""
    if (size, mtime_ns) == (stored_size(entry), entry.mtime_ns):
        return Likeness.OWN
    alike = [one for one in states if (stored_size(one), one.mtime_ns) == (size, mtime_ns)]
    kin = [one.same_content(entry) for one in alike]
    if not kin or (any(kin) and not all(kin)):
        return Likeness.UNKNOWN
    return Likeness.KIN if all(kin) else Likeness.OTHER


def digests_of(entry: FileEntry, states: Iterable[FileEntry]) -> frozenset[bytes]:
    """What the digest of an entry's bytes must be one of; empty while nothing is known.

    One without a digest of its own has that of a state of its path with the same size and time.
    """
    if entry.digest:
        return frozenset((entry.digest,))
    return frozenset(other.digest for other in states if other.digest and other.same_content(entry))


def stored_size(entry: FileEntry) -> int:
    """Bytes that stand for the entry in the storage: a link is kept as a small file of its target."""
    return len(entry.target) if entry.kind is EntryKind.LINK else entry.size
