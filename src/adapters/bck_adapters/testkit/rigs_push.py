"""What a transport must be given to be tried as the way back: a host one can look at, and an origin."""

import itertools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bck_adapters.testkit.rigs import MTIME_NS, RigWatcher, Tree
from bckcore.domain.credential import Credential
from bckcore.domain.file_version import EntryKind
from bckcore.domain.host import Host
from bckcore.domain.paths import RelPath
from bckcore.domain.push import Conflict, PushOrder, PushOutcome, PushReport
from bckcore.domain.stored_stat import XATTR_NAME, StoredStat, encoded, kind_of
from bckcore.domain.transfer import TransferOptions
from bckcore.ports.transport import Transport

SUFFIX = "~20260102T030405Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostEntry:
    """What stands at a path on the host. Owners are left out: only root can set them."""

    kind: EntryKind
    mode: int
    mtime_ns: int
    data: bytes = b""
    """Bytes of a file, target of a link; empty for all else."""


Seen = dict[bytes, HostEntry]


def seen_in_folder(root: Path) -> Seen:
    """Everything at and below a folder of this machine, which plays the host; never through a link."""
    base = os.fsencode(root)
    if not os.path.lexists(base):
        return {}
    found: Seen = {b".": _seen(base)}
    pending = [b""]
    while pending:
        folder = pending.pop()
        with os.scandir(os.path.join(base, folder)) as entries:
            for entry in entries:
                path = folder + b"/" + entry.name if folder else entry.name
                found[path] = _seen(entry.path)
                if entry.is_dir(follow_symlinks=False):
                    pending.append(path)
    return found


def _seen(full: bytes) -> HostEntry:
    info = os.lstat(full)
    kind, data = kind_of(info.st_mode), b""
    if kind is EntryKind.LINK:
        data = os.readlink(full)
    elif kind is EntryKind.FILE:
        with open(full, "rb") as stream:
            data = stream.read()
    return HostEntry(kind=kind, mode=info.st_mode & 0o7777, mtime_ns=info.st_mtime_ns, data=data)


@dataclass(frozen=True, slots=True)
class Origin:
    """A folder of ours, filled in the form of :mod:`bckcore.domain.stored_stat`; a Tree but for renames."""

    root: Path

    def write(self, path: bytes, data: bytes, mtime_ns: int = MTIME_NS, mode: int = 0o644) -> None:
        """Stage a plain file; folders above it are made."""
        self._put(path, data, _meant(EntryKind.FILE, mode), mtime_ns)

    def symlink(self, path: bytes, target: bytes, mtime_ns: int = MTIME_NS) -> None:
        """Stage a link."""
        self._put(path, target, _meant(EntryKind.LINK, 0o777), mtime_ns)

    def fifo(self, path: bytes, mtime_ns: int = MTIME_NS, mode: int = 0o644) -> None:
        """Stage a named pipe."""
        self._put(path, b"", _meant(EntryKind.FIFO, mode), mtime_ns)

    def device(self, path: bytes, mtime_ns: int = MTIME_NS) -> None:
        """Stage a device file, which only root can make."""
        self._put(path, b"", _meant(EntryKind.CHAR_DEVICE, 0o600, (1, 3)), mtime_ns)

    def mkdir(self, path: bytes, mtime_ns: int = MTIME_NS, mode: int = 0o755) -> None:
        """Stage a folder, or give the one that is there its attributes."""
        full = self._at(path)
        os.makedirs(full, exist_ok=True)
        os.setxattr(full, XATTR_NAME, encoded(_meant(EntryKind.FOLDER, mode)))
        os.utime(full, ns=(mtime_ns, mtime_ns))

    def _put(self, path: bytes, data: bytes, meant: StoredStat, mtime_ns: int) -> None:
        full = self._at(path)
        above = os.path.dirname(path)
        while above and not os.path.isdir(self._at(above)):
            self.mkdir(above)
            above = os.path.dirname(above)
        with open(full, "wb") as stream:
            stream.write(data)
        os.setxattr(full, XATTR_NAME, encoded(meant))
        os.utime(full, ns=(mtime_ns, mtime_ns))

    def settle(self) -> None:
        """Give folders back the time they had been given, which writing in them has changed."""
        for folder, folders, _ in os.walk(os.fsencode(self.root), topdown=False):
            for name in folders:
                os.utime(os.path.join(folder, name), ns=(MTIME_NS, MTIME_NS))

    def _at(self, path: bytes) -> bytes:
        base = os.fsencode(self.root)
        return base if path == b"." else os.path.join(base, path)


def _meant(kind: EntryKind, mode: int, rdev: tuple[int, int] = (0, 0)) -> StoredStat:
    return StoredStat(kind=kind, mode=mode, uid=os.geteuid(), gid=os.getegid(), rdev=rdev)


@dataclass(slots=True)
class PushRig:
    """A transport, and a folder on the host it reaches that can be edited and looked at."""

    transport: Transport
    host: Host
    credential: Credential | None
    target_path: str
    tree: Tree
    """What stands at ``target_path``; an empty folder at first."""
    look: Callable[[], Seen]
    store: Path
    """Empty folder on a file system that takes user attributes."""
    permissions_matter: bool = True
    options: TransferOptions = field(default_factory=TransferOptions)
    watcher: RigWatcher = field(default_factory=RigWatcher)
    cancel_after: int = 4
    """How often the watcher says no before it says stop."""
    cancel_midway: int = 12
    """The same for a stop in the middle of 2 MiB at 256 KiB a second."""
    inherit_fds: tuple[int, ...] = ()
    groups: list[int] = field(default_factory=list)
    """The process groups that the transport told of."""
    _orders: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def origin(self) -> Origin:
        """What is to be pushed; the same folder each time."""
        root = self.store / "origin"
        if not root.exists():
            root.mkdir(parents=True)
            Origin(root).mkdir(b".")
        return Origin(root)

    def order(
        self,
        conflict: Conflict = Conflict.OVERWRITE,
        *,
        dry_run: bool = False,
        frame: frozenset[bytes] = frozenset(),
        made: frozenset[bytes] = frozenset(),
    ) -> PushOrder:
        """One order for what is staged now."""
        work = self.store / f"work-{next(self._orders)}"
        work.mkdir()
        return PushOrder(
            host=self.host,
            target_path=self.target_path,
            label="docs",
            origin=self.origin.root,
            work_dir=work,
            conflict=conflict,
            suffix=SUFFIX,
            options=self.options,
            dry_run=dry_run,
            frame=frozenset(map(RelPath, frame)),
            made=frozenset(map(RelPath, made)),
            inherit_fds=self.inherit_fds,
            on_group=self.groups.append,
        )

    def push(self, conflict: Conflict = Conflict.OVERWRITE, **more: object) -> PushReport:
        """One push that comes to its end."""
        order = self.order(conflict, **more)  # type: ignore[arg-type]  # the same keywords
        return self.transport.push(order, self.credential, self.watcher)


def outcomes(report: PushReport) -> dict[bytes, PushOutcome]:
    """What became of each path."""
    return {bytes(one.path): one.outcome for one in report.paths}


def refused(report: PushReport) -> set[bytes]:
    """The paths that are problems."""
    return {problem.path for problem in report.problems}
