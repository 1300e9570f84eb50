"""Verification: what a check may ask of a storage. It only looks."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from bckcore.domain.act import Act
from bckcore.domain.file_version import FileEntry
from bckcore.domain.ids import RunId, SourceName
from bckcore.domain.paths import RelPath
from bckcore.domain.receipt import Receipt
from bckcore.domain.run import ProfileRef


class Shape(StrEnum):
    """What stands at a place, before anything is read into it."""

    PLAIN = "plain"
    FOLDER = "folder"
    STRANGE = "strange"
    """A link, device, pipe or socket: never ours."""
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What stands at one path in one place."""

    run: RunId | None
    """The run whose increment it is; None for ``current``."""
    shape: Shape
    size: int = 0
    mtime_ns: int = 0
    ctime_ns: int = 0
    """When its name or attributes last changed, by the file system's own clock."""
    entry: FileEntry | None = None
    """In ``current``: what it stands for. None where the stored attribute cannot be understood."""
    problem: str = ""
    """In words, for what is unreadable, strange or not understood."""
    blocked_by: RelPath | None = None
    """The folder that cannot be entered, where the path lies below one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """An entry met on a walk through one tree."""

    path: RelPath
    sighting: Sighting


class RecordKind(StrEnum):
    """What a file below ``.receipts`` is by its name."""

    RECEIPT = "receipt"
    MANIFEST = "manifest"
    ACT = "act"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRecord:
    """One file below ``.receipts/<host>/<profile>``."""

    name: bytes
    kind: RecordKind
    number: int = 0
    sha256: str = ""
    ctime_ns: int = 0
    receipt: Receipt | None = None
    act: Act | None = None
    problem: str = ""
    """Why it cannot be read, or is not in the form in which it was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A folder that holds files of one source: in ``current`` or in an increment."""

    run: RunId | None
    name: bytes
    """Of the source, as it stands there."""
    is_folder: bool = True


class OpenedFile(Protocol):
    """Bytes that stay the same whatever happens to the file's name: nothing is ever written in place."""

    def digest(self, tick: Callable[[int], None]) -> bytes:
        """xxh128 of all bytes. ``tick`` is told of every piece; what it raises gets out. Raises
        StorageError when the disk fails."""

    def head(self, size: int) -> bytes:
        """The first bytes. Raises StorageError."""

    def close(self) -> None:
        """Let go of it. Safe to repeat."""


class StoreVerification(Protocol):
    """Part of every Storage. Nothing here changes a file of a backup, and nothing follows a link."""

    def sightings(
        self, ref: ProfileRef, source: SourceName, increments: Sequence[RunId], paths: Iterable[RelPath]
    ) -> Iterator[tuple[RelPath, Sequence[Sighting]]]:
        """What stands at each path, in the order asked: in those ``increments`` that hold it as anything but
        a folder, in their order, then in ``current``. Quick when paths are in order. Raises StorageError
        for a failure of the storage as a whole only."""

    def open_file(
        self, ref: ProfileRef, source: SourceName, run: RunId | None, path: RelPath
    ) -> OpenedFile | None:
        """Open a plain file to read it; None where there is none any more. Raises StorageError when the
        system refuses."""

    def walk(self, ref: ProfileRef, source: SourceName, run: RunId | None) -> Iterator[Standing]:
        """Everything below the source in ``current`` or an increment, the root left out; a folder before
        what it holds. The tree may change meanwhile; a folder that cannot be entered is told once."""

    def parts(self, ref: ProfileRef) -> Sequence[Part]:
        """What stands in the profile's folders in ``current`` and in the increments, ``current`` first."""

    def partials(self, ref: ProfileRef) -> Sequence[bytes]:
        """Names of sources that keep partial files."""

    def records(self, ref: ProfileRef) -> Iterator[StoredRecord]:
        """Every file of the profile below ``.receipts``, by name, read to its end; temporary files of a
        crash left out."""

    def strays(self, known: Collection[ProfileRef]) -> Sequence[bytes]:
        """Paths below the root, in order, of what stands outside the folders of these profiles in the root,
        ``current``, ``.receipts`` and the increments; of a folder only itself. ``.work`` is left out."""

    def runs_aside(self) -> int:
        """How many runs set harmed files aside, where they do no harm and belong to no point."""

    def scratch(self, ref: ProfileRef) -> AbstractContextManager[Path]:
        """A fresh, empty folder below ``.work`` for this use alone; gone afterwards. What a crash left of
        earlier ones goes first; what another one uses stays, also if that has lost its job."""

    def current_folder(self, ref: ProfileRef, source: SourceName) -> Path | None:
        """Where the newest copies of a source lie, for programs that only read; None before the first."""

    def scratch_file(self, folder: Path, path: RelPath) -> tuple[FileEntry, OpenedFile | None] | None:
        """What stands at a path below a scratch folder, in the form of ``current``; None if nothing does."""
