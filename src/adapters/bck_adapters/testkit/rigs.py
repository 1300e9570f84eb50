"""What a transport must be given to be tried: a host with a tree one can edit, and a place to store it."""

import itertools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from bckcore.domain.credential import Credential
from bckcore.domain.host import Host
from bckcore.domain.ids import RunId
from bckcore.domain.source import Source
from bckcore.domain.transfer import PullOrder, TransferOptions, TransferProgress
from bckcore.ports.transport import PullReport, Transport

MTIME_NS = 1_700_000_000_123_456_789
"""Time of everything that is made without one."""

RUN = RunId("20260102T030405Z-0badcafe")


class Tree(Protocol):
    """A source folder on the host, edited by paths relative to it; ``.`` is the folder itself."""

    def write(self, path: bytes, data: bytes, mtime_ns: int = MTIME_NS, mode: int = 0o644) -> None:
        """Write a plain file; folders above it are made, and what stood there goes."""

    def mkdir(self, path: bytes, mtime_ns: int = MTIME_NS, mode: int = 0o755) -> None:
        """Make a folder, or give the one that is there its mode and time."""

    def symlink(self, path: bytes, target: bytes, mtime_ns: int = MTIME_NS) -> None:
        """Make a link."""

    def fifo(self, path: bytes, mtime_ns: int = MTIME_NS, mode: int = 0o644) -> None:
        """Make a named pipe."""

    def chmod(self, path: bytes, mode: int) -> None:
        """Change the permission bits only."""

    def touch(self, path: bytes, mtime_ns: int) -> None:
        """Change the time only."""

    def rename(self, old: bytes, new: bytes) -> None:
        """Move a path and everything beneath it."""

    def delete(self, path: bytes) -> None:
        """Take a path and everything beneath it away. Safe to repeat."""


@dataclass(slots=True)
class RigWatcher:
    """Remembers what it was told; cancels when ``stop`` says so."""

    stop: Callable[[], bool] = lambda: False
    on_progress: Callable[[TransferProgress], None] = lambda _: None
    lines: list[str] = field(default_factory=list)
    last: TransferProgress = field(default_factory=TransferProgress)

    def progress(self, progress: TransferProgress) -> None:
        """Take note, then call the hook."""
        self.last = progress
        self.on_progress(progress)

    def log(self, line: str, *, level: str = "info") -> None:
        """Take note."""
        self.lines.append(f"{level}: {line}")

    def is_cancelled(self) -> bool:
        """Ask the test."""
        return self.stop()


@dataclass(slots=True)
class TransportRig:
    """A transport, the host it reaches, and a store of its own.

    ``permissions_matter`` is false where the host's account reads everything (tests run as root):
    then the promises about unreadable files cannot be tried.
    """

    transport: Transport
    host: Host
    credential: Credential | None
    source: Source
    tree: Tree
    store: Path
    """Empty folder on a file system that takes user attributes."""
    permissions_matter: bool = True
    options: TransferOptions = field(default_factory=TransferOptions)
    filters: tuple[str, ...] = ()
    max_size: int | None = None
    watcher: RigWatcher = field(default_factory=RigWatcher)
    cancel_after: int = 3
    """How often the watcher says no before it says stop; fewer for a transport that asks seldom."""
    inherit_fds: tuple[int, ...] = ()
    _attempts: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def destination(self) -> Path:
        """Where the pulled files stand."""
        return self.store / "current" / "pc1" / "docs" / self.source.name

    def order(self) -> PullOrder:
        """A fresh attempt; destination and partial folder are the same each time."""
        number = next(self._attempts)
        work = self.store / ".work"
        folders = {name: work / f"{number}" / name for name in ("displaced", "temp", "work")}
        partial = work / "partial"
        for folder in (self.destination, partial, *folders.values()):
            folder.mkdir(parents=True, exist_ok=True)
        return PullOrder(
            run=RUN,
            attempt=number,
            host=self.host,
            source=self.source,
            filters=self.filters,
            max_size=self.max_size,
            options=self.options,
            destination=self.destination,
            displaced_dir=folders["displaced"],
            partial_dir=partial,
            temp_dir=folders["temp"],
            work_dir=folders["work"],
            inherit_fds=self.inherit_fds,
        )

    def pull(self) -> "Pulled":
        """One attempt that comes to its end."""
        order = self.order()
        return Pulled(order=order, report=self.transport.pull(order, self.credential, self.watcher))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """One attempt and what it reported."""

    order: PullOrder
    report: PullReport

    @property
    def paths(self) -> set[bytes]:
        """What the listing names."""
        return set(self.report.listing.paths())

    @property
    def changed(self) -> set[bytes]:
        """What the listing says may have changed."""
        return {seen.path for seen in self.report.listing.changes()}

    @property
    def displaced(self) -> set[bytes]:
        """Every file and folder in the displaced folder, by relative path."""
        base = os.fsencode(self.order.displaced_dir)
        return {
            os.path.relpath(os.path.join(folder, name), base)
            for folder, folders, files in os.walk(base)
            for name in (*folders, *files)
        }
