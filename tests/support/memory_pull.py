"""Folders and orders for pulls by the memory transport, and what stands in them afterwards."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from bck_adapters.memory.transport import MemoryHost, MemoryTransport, MemoryTree
from bckcore.domain import stored_stat
from bckcore.domain.file_version import EntryKind
from bckcore.domain.host import Host
from bckcore.domain.ids import HostId, RunId, SourceName
from bckcore.domain.source import Source
from bckcore.domain.stored_stat import XATTR_NAME, StoredStat
from bckcore.domain.transfer import PullOrder, TransferOptions, TransferProgress
from bckcore.ports.transport import PullReport

PC = HostId("pc1")
DOCS = "/home/u/docs"


@dataclass
class QuietWatcher:
    """Watcher that can be told to cancel."""

    cancelled: bool = False
    seen: list[TransferProgress] = field(default_factory=list)

    def progress(self, progress: TransferProgress) -> None:
        self.seen.append(progress)

    def log(self, line: str, *, level: str = "info") -> None:
        pass

    def is_cancelled(self) -> bool:
        return self.cancelled


class PullBench:
    """One host, one source, and folders for as many attempts as a test needs."""

    def __init__(self, root: Path, *, whole_seconds: bool = False) -> None:
        self.root = root
        self.host = MemoryHost()
        self.tree: MemoryTree = self.host.source(DOCS)
        self.transport = MemoryTransport({PC: self.host}, whole_seconds=whole_seconds)
        self.watcher = QuietWatcher()
        self.current = root / "current"
        self.current.mkdir(parents=True)
        (root / "partial").mkdir()
        self.attempts = 0

    @property
    def displaced(self) -> Path:
        return self.root / f"displaced{self.attempts}"

    def order(self) -> PullOrder:
        self.attempts += 1
        places = {name: self.root / f"{name}{self.attempts}" for name in ("displaced", "temp", "work")}
        for place in places.values():
            place.mkdir()
        return PullOrder(
            run=RunId("20260105T120000Z-00000001"),
            attempt=self.attempts,
            host=Host(id=PC, address="pc1"),
            source=Source(name=SourceName("docs"), path=DOCS),
            filters=(),
            options=TransferOptions(),
            destination=self.current,
            displaced_dir=places["displaced"],
            partial_dir=self.root / "partial",
            temp_dir=places["temp"],
            work_dir=places["work"],
        )

    def pull(self) -> PullReport:
        return self.transport.pull(self.order(), None, self.watcher)


def stored(root: Path) -> dict[bytes, tuple[StoredStat, bytes, int]]:
    """What each path below ``root`` stands for: meaning, bytes, mtime_ns. Read without our adapters."""
    found = {}
    base = os.fsencode(root)
    for folder, folders, files in os.walk(base):
        for name in [b"", *folders, *files] if folder == base else [*folders, *files]:
            place = os.path.join(folder, name) if name else base
            real = os.lstat(place)
            data = b"" if os.path.isdir(place) else Path(os.fsdecode(place)).read_bytes()
            found[os.path.relpath(place, base)] = (_meaning(place, real), data, real.st_mtime_ns)
    return found


def _meaning(place: bytes, real: os.stat_result) -> StoredStat:
    try:
        return stored_stat.decoded(os.getxattr(place, XATTR_NAME))
    except OSError:
        kind = stored_stat.kind_of(real.st_mode)
        return StoredStat(kind=kind, mode=real.st_mode & 0o7777, uid=real.st_uid, gid=real.st_gid)


def expected(tree: MemoryTree) -> dict[bytes, tuple[StoredStat, bytes, int]]:
    """What a pull that met no fault must leave, provided that nothing was ever deleted on the host."""
    return {
        bytes(path): (
            StoredStat(kind=node.kind, mode=node.mode, uid=node.uid, gid=node.gid),
            node.data,
            node.mtime_ns,
        )
        for path, node in tree.nodes.items()
    }


def contents(root: Path) -> dict[bytes, bytes]:
    """Bytes of every plain file below ``root``."""
    return {
        path: data
        for path, (meaning, data, _) in stored(root).items()
        if meaning.kind is not EntryKind.FOLDER
    }
