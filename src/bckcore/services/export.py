"""Export: paths of a point as one stream, an archive or a single file."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from typing import BinaryIO

from bckcore.domain.file_version import EntryKind, FileEntry
from bckcore.domain.ids import ProfileId, SourceName
from bckcore.domain.paths import ROOT, RelPath, components, display
from bckcore.domain.restore_point import RestorePoint
from bckcore.errors import InvalidInputError, NotFoundError, StoreBusyError
from bckcore.ports.archives import ArchiveFormat, Archives, Member, Remark
from bckcore.ports.clock import Clock
from bckcore.ports.extraction import ContentReader, Wanted
from bckcore.ports.storage import Storage
from bckcore.ports.unit_of_work import UnitOfWorkFactory
from bckcore.services.recovery import Recovery
from bckcore.services.restorable import HeldPoint, Restorable
from bckcore.services.selection import entry_at

MOST_LEFT_OUT = 1000
LONGEST_SECONDS = 6 * 3600.0
"""An export keeps backups of its profile waiting; so long at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """An export that has begun. Its storage stays locked until the context ends."""

    point: RestorePoint
    pieces: Iterator[bytes]
    missing: Sequence[tuple[SourceName, RelPath]]
    """Asked for, and not there."""
    left_out: list[bytes]
    """Paths that were there and are not in the archive: their bytes are lost, or the format has no place for
    them. Grows while the pieces are taken, to 1,000."""
    altered: list[tuple[bytes, str]]
    """Paths whose name or time the format has no place for, and how they stand there; grows likewise."""
    damaged: list[bytes]
    """Paths whose bytes in the archive are not those that were backed up; grows likewise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedFile:
    """A file of a point, open for reading. Nothing is locked any more."""

    name: bytes
    entry: FileEntry
    content: BinaryIO


class ExportService:
    """Gives out what points hold. Thread-safe."""

    def __init__(
        self,
        *,
        units: UnitOfWorkFactory,
        storage: Storage,
        recovery: Recovery,
        archives: Archives,
        clock: Clock,
    ) -> None:
        self._storage = storage
        self._restorable = Restorable(units=units, storage=storage, recovery=recovery)
        self._units = units
        self._archives = archives
        self._clock = clock

    @contextmanager
    def exported(
        self,
        profile: ProfileId,
        *,
        point: str,
        paths: Sequence[bytes],
        form: ArchiveFormat,
        include_deleted: bool = False,
        wait_seconds: float | None = None,
    ) -> Iterator[Exported]:
        """The chosen paths of a point (none: all) as an archive; members begin with their source.

        Raises NotFoundError, InvalidInputError, StoreBusyError before anything is given; while it is given,
        StorageError for what cannot be read and StoreBusyError after six hours: what was given until then
        is no whole archive.
        """
        with (
            self._restorable.held(
                profile, point, paths, include_deleted=include_deleted, wait_seconds=wait_seconds
            ) as held,
            ExitStack() as open_sources,
        ):
            remarks = _Remarks()
            archive = self._archives.stream(form, self._members(held, open_sources), remarks.take)
            with closing(self._in_time(archive, self._clock.monotonic() + LONGEST_SECONDS)) as pieces:
                yield Exported(
                    point=held.point,
                    pieces=pieces,
                    missing=held.missing,
                    left_out=remarks.left_out,
                    altered=remarks.altered,
                    damaged=remarks.damaged,
                )

    def _members(self, held: HeldPoint, open_sources: ExitStack) -> Iterator[Member]:
        for name in held.selection:
            reader = open_sources.enter_context(
                self._storage.reading(held.profile.ref, name, held.increments)
            )
            top = name.encode("ascii")
            for wanted in held.wanted(name, _pass_over):
                yield _member(top, wanted, reader)

    def _in_time(self, pieces: Iterator[bytes], end: float) -> Generator[bytes, None, None]:
        for piece in pieces:
            if self._clock.monotonic() > end:
                raise StoreBusyError(
                    "The export took longer than six hours and was broken off.",
                    meaning="Backups of this profile had to wait. What was given is no whole archive.",
                    advice="Export fewer paths at a time, or restore into a folder on the server.",
                )
            yield piece

    @contextmanager
    def opened(self, profile: ProfileId, *, point: str, path: bytes) -> Iterator[OpenedFile]:
        """One plain file of a point. What a backup or a prune then moves does not disturb the reading.

        Raises NotFoundError, InvalidInputError (a folder, or what has no bytes), StoreBusyError.
        """
        with ExitStack() as stack:
            with self._restorable.held(profile, point, [path]) as held:
                [(name, [rel])] = held.selection.items()
                wanted = self._the_file(held, name, rel)
                reader = stack.enter_context(self._storage.reading(held.profile.ref, name, held.increments))
                content = stack.enter_context(reader.open(wanted))
            file = components(rel)[-1]
            yield OpenedFile(name=file, entry=wanted.entry, content=content)

    def _the_file(self, held: HeldPoint, name: SourceName, rel: RelPath) -> Wanted:
        with self._units(read_only=True) as uow:
            entry = entry_at(uow.catalog, held.point, name, rel)
            states = [one.entry for one in uow.catalog.versions(held.profile.id, name, rel)]
        if entry is None:
            raise NotFoundError(f"{display(rel)} was not there at restore point {held.point.run_id}.")
        if entry.kind is not EntryKind.FILE:
            raise InvalidInputError(
                f"{name}/{display(rel)} is a {entry.kind.name.lower().replace('_', ' ')}, not a file.",
                advice="Export it as an archive instead.",
            )
        return Wanted(entry, states_of=lambda _path: states)


def _pass_over(_path: RelPath) -> None:
    """A deleted path without a place: an archive has no log to name it in."""


def _member(top: bytes, wanted: Wanted, reader: ContentReader) -> Member:
    entry = wanted.entry
    path = top if entry.path == ROOT else top + b"/" + entry.path
    content: AbstractContextManager[BinaryIO] | None = None
    if entry.kind is EntryKind.FILE:
        content = reader.open(wanted)
    return Member(path, entry, content)


@dataclass(slots=True)
class _Remarks:
    """What the archive says of its members, the first 1,000 of each kind."""

    left_out: list[bytes] = field(default_factory=list)
    altered: list[tuple[bytes, str]] = field(default_factory=list)
    damaged: list[bytes] = field(default_factory=list)

    def take(self, remark: Remark, path: bytes, why: str) -> None:
        """One more."""
        if remark is Remark.ALTERED:
            if len(self.altered) < MOST_LEFT_OUT:
                self.altered.append((path, why))
            return
        paths = self.left_out if remark is Remark.LEFT_OUT else self.damaged
        if len(paths) < MOST_LEFT_OUT:
            paths.append(path)
