"""Check files: every version that a kept point or the present needs, against what stands in the storage.

Batch by batch. The storage lock is held while a batch is looked at, never while bytes are read: a file that
is open keeps its bytes, because rsync and we replace files and never write into them. So no backup waits
for a check longer than a batch takes, and every batch sees catalog and storage in one state.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import groupby
from random import Random

from bckcore.domain.check import Cause, CheckCounts, Finding
from bckcore.domain.file_version import EntryKind, FileVersion
from bckcore.domain.ids import SourceName
from bckcore.domain.paths import RelPath
from bckcore.domain.run import ProfileRef
from bckcore.errors import StorageError
from bckcore.ports.storage import Storage
from bckcore.ports.unit_of_work import UnitOfWorkFactory
from bckcore.ports.verification import OpenedFile
from bckcore.services.check_access import Access
from bckcore.services.check_findings import REMEMBERED, Doubt, Findings
from bckcore.services.check_judge import Verdict, judged, known_digests

VERSIONS_AT_ONCE = 2000
OPEN_AT_ONCE = 128

Reading = tuple[OpenedFile, list[Verdict], Sequence[FileVersion]]
"""What is read, what it is read for, and all versions of its path."""


@dataclass(kw_only=True)
class FileCheck:
    """One pass over the files of a profile. Create, :meth:`run` for each source, read :attr:`doubts`."""

    storage: Storage
    units: UnitOfWorkFactory
    access: Access
    ref: ProfileRef
    share: float
    """Of the files whose bytes are read."""
    random: Random
    findings: Findings
    counts: CheckCounts
    on_live: Callable[[FileVersion], None]
    """Told of every live file."""

    def __post_init__(self) -> None:
        self.doubts: list[Doubt] = []

    def run(self, source: SourceName) -> None:
        """Check one source. Raises JobCancelledError, StorageError."""
        after: RelPath | None = None
        while True:
            with ExitStack() as opened:
                batch = self._looked_at(source, after, opened)
                if batch is None:
                    return
                after, readings = batch
                learned = [version for reading in readings for version in self._read(reading)]
            if learned:
                with self.units() as uow:
                    self.counts.digests_learned += uow.catalog.learn(self.ref.profile, learned)
                    uow.commit()

    def _looked_at(
        self, source: SourceName, after: RelPath | None, opened: ExitStack
    ) -> tuple[RelPath, list[Reading]] | None:
        """Look at the next batch under the lock, and open what is to be read; None at the end."""
        readings: list[Reading] = []
        with self.access.held() as moment:
            history = moment.uow.catalog.history(
                self.ref.profile, source, after=after, limit=self._versions_at_once
            )
            by_path = {path: list(group) for path, group in groupby(history, lambda one: one.entry.path)}
            view = moment.view(source)
            sightings = self.storage.sightings(self.ref, source, list(view.increments), by_path)
            for path, seen in sightings:
                after = path
                readings += self._judged(by_path[path], list(judged(by_path[path], seen, view)), opened)
                if len(readings) >= OPEN_AT_ONCE:
                    break
        if not by_path or after is None:
            return None
        self.access.progress(source, self.counts)
        return after, readings

    @property
    def _versions_at_once(self) -> int:
        """So many that about as many files are opened as may be open."""
        return min(VERSIONS_AT_ONCE, int(OPEN_AT_ONCE / self.share)) if self.share else VERSIONS_AT_ONCE

    def _judged(
        self, versions: Sequence[FileVersion], verdicts: list[Verdict], opened: ExitStack
    ) -> Iterator[Reading]:
        if versions[-1].until_seq is None and versions[-1].entry.kind is EntryKind.FILE:
            self.on_live(versions[-1])
        for verdict in verdicts:
            self.counts.files += verdict.version.entry.kind is not EntryKind.FOLDER
            self.counts.bytes += verdict.version.entry.size
            if verdict.cause is not None and not verdict.doubtful:
                self._doubt(verdict)
        for run in dict.fromkeys(verdict.run for verdict in verdicts if verdict.readable):
            wanted = [one for one in verdicts if one.readable and one.run == run]
            chosen = self.share and self.random.random() < self.share
            if chosen or any(one.must_read for one in wanted):
                reading = self._opened(wanted)
                if reading is not None:
                    opened.callback(reading.close)
                    yield reading, wanted, versions

    def _opened(self, wanted: list[Verdict]) -> OpenedFile | None:
        version = wanted[0].version
        try:
            return self.storage.open_file(self.ref, version.source, wanted[0].run, version.entry.path)
        except StorageError as error:
            for verdict in wanted:
                self._doubt(replace(verdict, cause=Cause.UNREADABLE, detail=error.what.rstrip(".")))
            return None

    # --- bytes --------------------------------------------------------------------------------------

    def _read(self, reading: Reading) -> Iterator[FileVersion]:
        """Compare the bytes with what each version says; give versions whose digest was not known."""
        file, verdicts, versions = reading
        links = [one for one in verdicts if one.version.entry.kind is EntryKind.LINK]
        files = [one for one in verdicts if one.version.entry.kind is EntryKind.FILE]
        try:
            for verdict in links:
                self._compare_target(verdict, file)
            if files:
                yield from self._compared(files, file.digest(self._tick), versions)
        except StorageError as error:
            for verdict in verdicts:
                self._doubt(replace(verdict, cause=Cause.UNREADABLE, detail=error.what.rstrip(".")))

    def _tick(self, size: int) -> None:
        self.counts.bytes_read += size
        self.access.pause()

    def _compare_target(self, verdict: Verdict, file: OpenedFile) -> None:
        entry = verdict.version.entry
        if file.head(len(entry.target) + 1) != entry.target:
            detail = "the stored link leads elsewhere"
            self._doubt(replace(verdict, cause=Cause.BIT_ROT, detail=detail))

    def _compared(
        self, verdicts: list[Verdict], digest: bytes, versions: Sequence[FileVersion]
    ) -> Iterator[FileVersion]:
        self.counts.files_read += 1
        told = [(one, known_digests(one.version, versions)) for one in verdicts]
        known = [one for one, digests in told if digests]
        harmed = [one for one, digests in told if digests and digest not in digests]
        for verdict in harmed:
            cause = Cause.CHANGED if verdict.doubtful else Cause.BIT_ROT
            self._doubt(replace(verdict, cause=cause, detail=_OTHER_BYTES[cause]), digest)
        self.counts.files_proven += bool(known) and not harmed
        for verdict in verdicts:
            version = verdict.version
            if verdict in known and verdict not in harmed and verdict.doubtful and _is_present(verdict):
                self._doubt(replace(verdict, cause=Cause.ATTRIBUTES_CHANGED, detail="other time"), digest)
            unknown = not version.entry.digest and verdict not in harmed
            if unknown and _is_present(verdict) and verdict.cause is None:
                yield replace(version, entry=replace(version.entry, digest=digest))

    def _doubt(self, verdict: Verdict, digest: bytes = b"") -> None:
        if verdict.cause is None:
            return
        blocked = verdict.sighting.blocked_by if verdict.sighting else None
        finding = Finding(
            cause=verdict.cause,
            profile=self.ref.profile,
            source=verdict.version.source,
            path=blocked or verdict.version.entry.path,
            place=verdict.told_place,
            points=verdict.points,
            newest=verdict.newest,
            detail=verdict.detail,
        )
        if blocked is None and len(self.doubts) < REMEMBERED:
            self.doubts.append(Doubt(finding=finding, version=verdict.version, digest=digest))
        else:
            self.findings.add(finding)


_OTHER_BYTES = {
    Cause.BIT_ROT: "size and time are right, the bytes are not",
    Cause.CHANGED: "time of change and bytes are others",
}


def _is_present(verdict: Verdict) -> bool:
    return verdict.run is None and verdict.version.until_seq is None
