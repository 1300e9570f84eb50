"""FileEntry and FileVersion: what stood at a path, and at which points."""

from dataclasses import dataclass, replace
from enum import StrEnum

from bckcore.domain.ids import SourceName
from bckcore.domain.paths import RelPath


class EntryKind(StrEnum):
    """What a path is."""

    FILE = "f"
    FOLDER = "d"
    LINK = "l"
    FIFO = "p"
    SOCKET = "s"
    CHAR_DEVICE = "c"
    BLOCK_DEVICE = "b"

    @property
    def word(self) -> str:
        """Its name for people and programs; the letter is for manifests."""
        return self.name.lower().replace("_", "-")


@dataclass(frozen=True, slots=True)
class FileEntry:
    """The state of one path: everything restore needs but the bytes of a plain file."""

    path: RelPath
    kind: EntryKind
    mode: int
    """Permission bits including set-id and sticky (``0o7777``)."""
    uid: int
    gid: int
    mtime_ns: int
    size: int
    """Bytes of a plain file; 0 for every other kind."""
    target: bytes = b""
    """Where a link points; for devices ``major,minor``."""
    digest: bytes = b""
    """xxh128 of a plain file's bytes, empty while unknown."""

    def without_digest(self) -> "FileEntry":
        """The same state, digest left out: digests come and go without a change of the file."""
        return replace(self, digest=b"") if self.digest else self

    def same_content(self, other: "FileEntry") -> bool:
        """True if the bytes (or link target, or device) are the same as far as can be known."""
        if self.kind is not other.kind or self.target != other.target or self.size != other.size:
            return False
        if self.kind is not EntryKind.FILE:
            return True
        if self.digest and other.digest:
            return self.digest == other.digest
        return self.mtime_ns == other.mtime_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class FileVersion:
    """One content of one path, valid at points ``since_seq <= seq < until_seq``."""

    source: SourceName
    entry: FileEntry
    since_seq: int
    until_seq: int | None = None
    """None while it is the live one."""
    excluded: bool = False
    """It ended because the run left it out, by a filter or a dropped source: not known to be gone."""
