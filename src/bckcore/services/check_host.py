"""Check against the host: some live files are read again from the PC and compared by digest.

They come into a folder below ``.work`` and go again; ``current`` and history are not touched. A file that
changed on the PC since the last run is told as that, not as damage.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from bckcore.domain.check import (
    CURRENT,
    DATABASE,
    HOST_FILES,
    MOST_HOST_FILES,
    Cause,
    CheckCounts,
    CheckRequest,
    Finding,
)
from bckcore.domain.fetch import MOST_FETCHED, FetchOrder
from bckcore.domain.file_version import EntryKind, FileEntry, FileVersion
from bckcore.domain.host import Host
from bckcore.domain.ids import SourceName
from bckcore.domain.paths import RelPath
from bckcore.domain.profile import Profile
from bckcore.domain.secret import Secret
from bckcore.domain.source import Source
from bckcore.ports.storage import Storage
from bckcore.ports.transport import Transport, Watcher
from bckcore.ports.unit_of_work import UnitOfWorkFactory
from bckcore.services.check_access import Access
from bckcore.services.check_findings import Findings
from bckcore.services.credentials import Credentials

BYTES_AT_ONCE = 256 << 20


@dataclass(kw_only=True)
class HostSample:
    """Chooses live files by chance while they pass by: 50, or the share that is asked for."""

    request: CheckRequest
    random: Random
    _seen: int = field(default=0, init=False)
    _chosen: list[FileVersion] = field(default_factory=list, init=False)

    def offer(self, version: FileVersion) -> None:
        """One live file."""
        if not self.request.against_host:
            return
        share, most = self.request.sample, MOST_HOST_FILES if self.request.sample else HOST_FILES
        if share is not None and self.random.random() * 100 >= share:
            return
        self._seen += 1
        if len(self._chosen) < most:
            self._chosen.append(version)
        elif (place := self.random.randrange(self._seen)) < most:
            self._chosen[place] = version

    @property
    def chosen(self) -> list[FileVersion]:
        """In the order of sources and paths."""
        return sorted(self._chosen, key=lambda one: (one.source, one.entry.path))


class HostReader:
    """Reads single files of a host."""

    def __init__(
        self,
        *,
        units: UnitOfWorkFactory,
        credentials: Credentials,
        transport_for: Callable[[Host], Transport],
    ) -> None:
        self._units = units
        self._credentials = credentials
        self._transport_for = transport_for

    def read(
        self,
        profile: Profile,
        source: Source,
        files: Sequence[FileEntry],
        folder: Path,
        watcher: Watcher,
        password: Secret[str] | None = None,
    ) -> FetchOrder:
        """Bring those files, of which there are some, below ``folder``. ``password`` is what came with the
        job. Raises BckError."""
        with self._units(read_only=True) as uow:
            host = uow.hosts.get(profile.host)
        host.require_allowed(source.path)
        order = FetchOrder(
            host=host,
            source=source,
            paths=tuple(file.path for file in files),
            largest=max(file.size for file in files),
            options=profile.options,
            folder=folder,
        )
        credential = self._credentials.of(host, password, purpose="check")
        self._transport_for(host).fetch(order, credential, watcher)
        return order


@dataclass(kw_only=True)
class HostCheck:
    """Compares chosen files with the host's."""

    units: UnitOfWorkFactory
    storage: Storage
    reader: HostReader
    profile: Profile
    access: Access
    findings: Findings
    counts: CheckCounts
    password: Secret[str] | None = None

    def run(self, chosen: Sequence[FileVersion]) -> None:
        """Compare all. Raises BckError."""
        sources = {source.name: source for source in self.profile.sources}
        for name, source in sources.items():
            wanted = [one.entry for one in chosen if one.source == name]
            for batch in _batches(wanted):
                self.access.pause()
                self._compare(source, batch)
                self.access.progress(name, self.counts)
        counts = self.counts
        self.access.watcher.log(
            f"{counts.host_proven} of {counts.host_files} files proven against the PC; "
            f"{counts.host_changed} changed there since the last run."
        )

    def _compare(self, source: Source, batch: Sequence[FileEntry]) -> None:
        paths = [entry.path for entry in batch]
        with self.storage.scratch(self.profile.ref) as folder:
            order = self.reader.read(self.profile, source, batch, folder, self.access.watcher, self.password)
            for path in paths:
                self.counts.host_files += 1
                self._compare_one(source.name, path, order)

    def _compare_one(self, source: SourceName, path: RelPath, order: FetchOrder) -> None:
        found = self.storage.scratch_file(order.destination, path)
        with self.access.held() as moment:
            live = moment.uow.catalog.live(self.profile.id, source, [path]).get(path)
            ours = self.storage.open_file(self.profile.ref, source, None, path)
        try:
            if found is None or found[1] is None or live is None or not _same_look(found[0], live):
                self.counts.host_changed += 1
                return
            theirs = found[1].digest(self._tick)
            mine = ours.digest(self._tick) if ours is not None else b""
            self._judge(source, live, mine, theirs)
        finally:
            for file in (ours, found[1] if found else None):
                if file is not None:
                    file.close()

    def _tick(self, _size: int) -> None:
        self.access.pause()

    def _judge(self, source: SourceName, live: FileEntry, mine: bytes, theirs: bytes) -> None:
        if mine == theirs:
            self.counts.host_proven += 1
            if live.digest and live.digest != mine:
                detail = "its digest is not that of the file, which is the same here and on the PC"
                self._add(Cause.CATALOG_DIFFERS, source, live, DATABASE, detail)
        elif live.digest == theirs:
            cause = Cause.BIT_ROT if mine else Cause.MISSING
            detail = "size and time are right, the bytes are not" if mine else "it is not there"
            self._add(cause, source, live, CURRENT, detail)
        else:
            which = "" if live.digest == mine else "; which of the two is right is not known"
            detail = f"the PC has other bytes of the same size and time{which}"
            self._add(Cause.HOST_DIFFERS, source, live, CURRENT, detail)

    def _add(self, cause: Cause, source: SourceName, live: FileEntry, place: str, detail: str) -> None:
        self.findings.add(
            Finding(
                cause=cause,
                profile=self.profile.id,
                source=source,
                path=live.path,
                place=place,
                detail=detail,
            )
        )


def _same_look(theirs: FileEntry, live: FileEntry) -> bool:
    look = (live.kind, live.size, live.mtime_ns)
    return theirs.kind is EntryKind.FILE and (theirs.kind, theirs.size, theirs.mtime_ns) == look


def _batches(entries: Sequence[FileEntry]) -> Iterator[list[FileEntry]]:
    batch: list[FileEntry] = []
    size = 0
    for entry in entries:
        if batch and (size + entry.size > BYTES_AT_ONCE or len(batch) >= MOST_FETCHED):
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += entry.size
    if batch:
        yield batch
