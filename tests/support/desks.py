"""A PC with one folder and the house that backs it up: the short form for tests of single rules."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from bck_adapters.memory.hosts import MemoryHost, MemoryTree
from bck_adapters.memory.transport import MemoryTransport
from bck_adapters.rsync.filters import GitIgnoreFilter
from bckcore.domain.credential import Credential
from bckcore.domain.file_version import FileEntry
from bckcore.domain.ids import SourceName
from bckcore.domain.manifest import Change
from bckcore.domain.restore_point import RestorePoint
from bckcore.domain.run import Run
from bckcore.domain.source import parsed_sources
from bckcore.domain.transfer import PullOrder
from bckcore.ports.transport import PullReport, Transport, Watcher
from tests.support.house import DOCS, PC, House
from tests.support.worlds import World, differences, world_of_folder, world_of_memory

DOCS_PATH = "/home/u/docs"
SECOND = 1_000_000_000
T = 1_700_000_000 * SECOND


class Desk:
    """One PC called pc1 and its house. Every path of ``docs`` begins with a file ``a``."""

    def __init__(
        self,
        folder: Path,
        *,
        sources: tuple[str, ...] = (DOCS_PATH,),
        wrapped: Callable[[Transport], Transport] = lambda transport: transport,
        **kwargs: Any,
    ) -> None:
        self.folder = folder
        self.host = MemoryHost()
        self.docs = self.tree(DOCS_PATH)
        transport = wrapped(MemoryTransport({PC: self.host}, filters=GitIgnoreFilter))
        self.house = House(folder / "store", transport, sources=sources, filters=GitIgnoreFilter, **kwargs)
        self._restores = 0

    def tree(self, path: str) -> MemoryTree:
        """The folder of that path on the PC."""
        return self.host.source(path)

    def write(self, *names: str, data: bytes = b"data", mtime_ns: int = T) -> None:
        """Write files into ``docs``."""
        for name in names:
            self.docs.write(name.encode(), data, mtime_ns)

    def many(self, count: int, folder: str = "many") -> None:
        """Write many files into a folder of ``docs``."""
        self.write(*(f"{folder}/{number:04d}" for number in range(count)))

    def world(self, path: str = DOCS_PATH) -> World:
        """What a folder of the PC holds now."""
        return world_of_memory(self.host.sources[path])

    def use(self, *sources: str) -> None:
        """Give the profile other sources."""
        self.house.change_profile(sources=parsed_sources(sources))

    # --- runs and what they left ------------------------------------------------------------------------

    def back_up(self, *, accept_missing: bool = False) -> Run:
        """One run, an hour later."""
        self.house.watcher.lines.clear()
        return self.house.back_up(accept_missing=accept_missing)

    @property
    def log(self) -> str:
        """What the newest run told."""
        return "\n".join(self.house.watcher.lines)

    def newest(self) -> RestorePoint:
        """The newest point."""
        return self.house.points()[-1]

    def changes(self, seq: int) -> Mapping[str, str]:
        """What the manifest of a run says, ``source/path`` to operation; folders left out."""
        found: list[Change] = list(self.house.storage.read_manifest(self.newest_ref, seq))
        return {
            f"{change.source}/{change.entry.path.decode()}": change.op.value
            for change in found
            if change.entry.kind.value != "d"
        }

    @property
    def newest_ref(self) -> Any:
        """Where the profile lies in storage."""
        with self.house.database.units(read_only=True) as uow:
            return uow.profiles.get(DOCS).ref

    def entries(self, seq: int, source: str = "docs") -> dict[bytes, FileEntry]:
        """The catalog's state of a source at a point."""
        with self.house.database.units(read_only=True) as uow:
            found = uow.catalog.entries(DOCS, seq, SourceName(source))
            return {bytes(entry.path): entry for entry in found}

    def restored(self, point: RestorePoint | None = None, *paths: bytes) -> Path:
        """The folder that a point was restored to."""
        self._restores += 1
        return self.house.restore(point or self.newest(), self.folder / f"r{self._restores}", paths)

    def assert_restores(self, expected: World, seq: int | None = None, source: str = "docs") -> None:
        """A point (the newest) holds exactly that."""
        points = {point.seq: point for point in self.house.points()}
        target = self.restored(points[seq] if seq is not None else None)
        assert differences(expected, world_of_folder(target / source)) == []


class Spoiled:
    """A transport whose report, or whose work on disk, a test alters afterwards."""

    def __init__(self, inner: Transport, spoil: Callable[[PullOrder, PullReport], PullReport]) -> None:
        self._inner = inner
        self.spoil = spoil

    def pull(self, order: PullOrder, credential: Credential | None, watcher: Watcher) -> PullReport:
        """See the port."""
        return self.spoil(order, self._inner.pull(order, credential, watcher))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def half_blind(folder: Path) -> tuple[Desk, list[int]]:
    """A desk of 20 files, backed up once, and how many paths its next runs cannot read."""
    unreadable = [0]

    def spoilt(_order: PullOrder, report: PullReport) -> PullReport:
        return replace(report, problem_count=report.problem_count + unreadable[0])

    desk = Desk(folder, wrapped=lambda inner: cast("Transport", Spoiled(inner, spoilt)))
    desk.many(20)
    desk.back_up()
    return desk, unreadable
