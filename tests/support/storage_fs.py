"""Stores on disk for tests: planting trees, reading them back, cutting a step short at any system call."""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bck_adapters.storage_fs import FsStorage
from bckcore.domain.file_version import FileEntry
from bckcore.domain.ids import HostId, ProfileId, RunId, SourceName
from bckcore.domain.paths import RelPath
from bckcore.domain.run import ProfileRef
from bckcore.domain.stored_stat import kind_of
from bckcore.domain.transfer import PathProblem
from bckcore.ports.extraction import Placed, Placement, Wanted

REF = ProfileRef(host=HostId("pc1"), profile=ProfileId("docs"))
SOURCE = SourceName("home")


@dataclass(frozen=True)
class Link:
    """A symbolic link, as planted or found."""

    target: bytes


Content = bytes | Link
Tree = Mapping[bytes, Content]


def run_id(number: int) -> RunId:
    """Run ids that sort by number."""
    return RunId(f"20250101T000000Z-{number:08x}")


def new_store(folder: Path) -> FsStorage:
    """A prepared storage below ``folder``."""
    storage = FsStorage(folder / "store")
    storage.prepare()
    return storage


def plant(folder: Path, tree: Tree, *, mtime_ns: int | None = None) -> None:
    """Write files and links below ``folder``, one component at a time: paths may be of any length."""
    folder.mkdir(parents=True, exist_ok=True)
    for path, content in tree.items():
        *parents, name = path.split(b"/")
        fd = os.open(folder, os.O_RDONLY)
        for parent in parents:
            with suppress(FileExistsError):
                os.mkdir(parent, dir_fd=fd)
            fd, above = os.open(parent, os.O_RDONLY, dir_fd=fd), fd
            os.close(above)
        if isinstance(content, Link):
            os.symlink(content.target, name, dir_fd=fd)
        else:
            with os.fdopen(
                os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=fd), "wb"
            ) as file:
                file.write(content)
            if mtime_ns is not None:
                os.utime(name, ns=(mtime_ns, mtime_ns), dir_fd=fd)
        os.close(fd)


def found(folder: Path) -> dict[bytes, Content]:
    """Everything below ``folder`` that is no folder, by path; empty if there is no such folder."""
    return {path: content for path, content in _walked(folder) if content is not None}


def folders(folder: Path) -> set[bytes]:
    """Every folder below ``folder``."""
    return {path for path, content in _walked(folder) if content is None}


def _walked(folder: Path) -> Iterator[tuple[bytes, Content | None]]:
    """Each path below, with None for folders; by handles, as paths may be of any length."""
    try:
        todo = [(b"", os.open(folder, os.O_RDONLY))]
    except FileNotFoundError:
        return
    while todo:
        above, fd = todo.pop()
        for name in map(os.fsencode, os.listdir(fd)):
            path = above + name
            try:
                below = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=fd)
            except OSError as exc:
                if exc.errno != errno.ELOOP:
                    raise
                yield path, Link(os.readlink(name, dir_fd=fd))
                continue
            if os.path.isdir(below):
                yield path, None
                todo.append((path + b"/", below))
            else:
                with os.fdopen(below, "rb") as file:
                    yield path, file.read()
        os.close(fd)


def increment(storage_root: Path, run: RunId, source: SourceName = SOURCE) -> Path:
    """Where a run's increment of a source lies."""
    return storage_root / ".history" / run / REF.host / REF.profile / source


# --- restores ---------------------------------------------------------------------------------------


@dataclass
class Placings:
    """An ExtractWatcher that remembers, or does what the test wants at each word."""

    found: list[Placed] = field(default_factory=list)
    copied: int = 0
    on_placed: Callable[[Placed], None] = lambda _placed: None
    on_moved: Callable[[int], None] = lambda _count: None

    def placed(self, placed: Placed) -> None:
        """Remember it."""
        self.found.append(placed)
        self.on_placed(placed)

    def moved(self, count: int) -> None:
        """Count it."""
        self.copied += count
        self.on_moved(count)

    @property
    def problems(self) -> dict[bytes, PathProblem]:
        """By path."""
        return {one.entry.path: one.problem for one in self.found if one.problem}

    @property
    def outcomes(self) -> dict[bytes, str]:
        """What became of each path; ``failed`` for a problem."""
        return {one.entry.path: one.outcome.value if one.outcome else "failed" for one in self.found}


SUFFIX = "~20261123T101500Z"


def placement(folder: Path, **changes: Any) -> Placement:
    """Into the folder itself, which is empty."""
    values = {"folder": folder, "suffix": SUFFIX, **changes}
    return Placement(**values)


def extract(
    storage: FsStorage,
    entries: Iterable[FileEntry],
    increments: Sequence[RunId],
    into: Placement | Path,
    watcher: Placings | None = None,
) -> Placings:
    """Restore entries of the one source; what became of them."""
    watcher = watcher or Placings()
    place = into if isinstance(into, Placement) else placement(into)
    storage.extract(REF, SOURCE, [Wanted(entry) for entry in entries], increments, place, watcher)
    return watcher


# --- cuts -------------------------------------------------------------------------------------------


class Cut(BaseException):
    """The process ended here, as far as the store is concerned."""


_CHANGES = frozenset({"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.chmod", "os.link", "os.symlink"})
_watcher: Callable[[str], None] | None = None


def _audit(event: str, args: tuple[object, ...]) -> None:
    if _watcher is not None and (event in _CHANGES or (event == "open" and _writes(args))):
        _watcher(event)


def _writes(args: tuple[object, ...]) -> bool:
    flags = args[2]
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


# The interpreter announces each of these calls before it makes them; a hook cannot be taken back, so
# it lies dormant between tests.
sys.addaudithook(_audit)


@contextmanager
def cut_at(number: int) -> Iterator[list[str]]:
    """End the block before its ``number``-th change of the file system; nothing more is changed after.

    Gives the list of changes that were begun. The block is left quietly, cut or not.
    """
    global _watcher  # noqa: PLW0603  # hooks are global by nature
    seen: list[str] = []

    def watch(event: str) -> None:
        seen.append(event)
        if len(seen) >= number:
            raise Cut

    _watcher = watch
    try:
        yield seen
    except Cut:
        pass
    finally:
        _watcher = None


def cut_everywhere(scene: Callable[[], Callable[[], None]], check: Callable[[], None]) -> int:
    """For every k: set the scene, cut its step at change k, do it again, check. Returns the cuts made."""
    number = 0
    while True:
        number += 1
        step = scene()
        with cut_at(number) as seen:
            step()
        if len(seen) < number:
            check()
            return number - 1
        step()
        check()


# --- what fold and merge must do, in the simplest words ---------------------------------------------


def conflicts(path: bytes, other: bytes) -> bool:
    """True if the two cannot both be there."""
    return path == other or path.startswith(other + b"/") or other.startswith(path + b"/")


def poured(winner: Tree, loser: Tree) -> dict[bytes, Content]:
    """The winner whole, and what of the loser does not conflict with it."""
    kept = {path: content for path, content in loser.items() if not any(conflicts(path, w) for w in winner)}
    return {**winner, **kept}


# --- everything about a tree ------------------------------------------------------------------------


@dataclass(frozen=True)
class Seen:
    """All that a restore must bring back of one path; owners aside, they need root."""

    mode: int
    mtime_ns: int
    content: bytes = b""


def seen(folder: Path) -> dict[bytes, Seen]:
    """Every path below ``folder`` and ``.`` itself. Opens what has no rights, after noting its mode."""
    top = os.open(folder, os.O_PATH)
    todo, result = [(b"", top)], {b".": _seen(top, b".")}
    while todo:
        above, handle = todo.pop()
        fd = _readable(handle)
        for name in map(os.fsencode, os.listdir(fd)):
            result[above + name] = _seen(fd, name)
            if stat.S_ISDIR(result[above + name].mode):
                todo.append((above + name + b"/", os.open(name, os.O_PATH | os.O_NOFOLLOW, dir_fd=fd)))
        os.close(fd)
    return result


def _seen(folder: int, name: bytes) -> Seen:
    info = os.stat(name, dir_fd=folder, follow_symlinks=False)
    content = b""
    if stat.S_ISLNK(info.st_mode):
        content = os.readlink(name, dir_fd=folder)
    elif stat.S_ISREG(info.st_mode):
        with os.fdopen(_readable(os.open(name, os.O_PATH | os.O_NOFOLLOW, dir_fd=folder)), "rb") as file:
            content = file.read()
    return Seen(info.st_mode, info.st_mtime_ns, content)


def _readable(handle: int) -> int:
    place = f"/proc/self/fd/{handle}"
    os.chmod(place, os.fstat(handle).st_mode | 0o700)
    fd = os.open(place, os.O_RDONLY)
    os.close(handle)
    return fd


def entries_of(tree: Mapping[bytes, Seen]) -> list[FileEntry]:
    """The catalog's view of what :func:`seen` gave, in the order the port asks for."""
    return [
        FileEntry(
            path=RelPath(path),
            kind=kind_of(one.mode),
            mode=stat.S_IMODE(one.mode),
            uid=os.getuid(),
            gid=os.getgid(),
            mtime_ns=one.mtime_ns,
            size=len(one.content) if stat.S_ISREG(one.mode) else 0,
            target=one.content if stat.S_ISLNK(one.mode) else b"",
        )
        for path, one in sorted(tree.items())
    ]
