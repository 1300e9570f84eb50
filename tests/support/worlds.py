"""What a tree looks like, in plain values: the oracle that tests compare restores with."""

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bck_adapters.memory.hosts import MemoryTree
from bckcore.domain.file_version import EntryKind


@dataclass(frozen=True)
class Thing:
    """One path of a tree. Owners are left out: only root can restore them."""

    kind: str
    mode: int
    mtime_ns: int
    data: bytes


World = dict[bytes, Thing]


def world_of_memory(tree: MemoryTree) -> World:
    """What a scripted host holds."""
    return {
        bytes(path): Thing(node.kind.value, node.mode, node.mtime_ns, _content(node.kind, node.data))
        for path, node in tree.nodes.items()
    }


def _content(kind: EntryKind, data: bytes) -> bytes:
    return data if kind in (EntryKind.FILE, EntryKind.LINK) else b""


def world_of_folder(root: Path) -> World:
    """What a real folder holds, read without following any link."""
    found: World = {}
    _read(b".", os.fsencode(root), found)
    return found


def _read(path: bytes, place: bytes, found: World) -> None:
    """Enter a path and what lies beneath; a folder that its mode closes is opened for the moment."""
    status = os.lstat(place)
    found[path] = _thing(place, status)
    if not stat.S_ISDIR(status.st_mode):
        return
    closed = status.st_mode & 0o500 != 0o500
    if closed:
        os.chmod(place, 0o700)
    prefix = b"" if path == b"." else path + b"/"
    for name in os.listdir(place):
        _read(prefix + name, os.path.join(place, name), found)
    if closed:
        os.chmod(place, stat.S_IMODE(status.st_mode))


def _thing(place: bytes, status: os.stat_result) -> Thing:
    mode, data, kind = stat.S_IMODE(status.st_mode), b"", "?"
    if stat.S_ISREG(status.st_mode):
        kind = "f"
        closed = status.st_mode & 0o400 == 0
        if closed:
            os.chmod(place, 0o600)
        with open(place, "rb") as file:
            data = file.read()
        if closed:
            os.chmod(place, mode)
    elif stat.S_ISLNK(status.st_mode):
        kind, data = "l", os.readlink(place)
    elif stat.S_ISDIR(status.st_mode):
        kind = "d"
    elif stat.S_ISFIFO(status.st_mode):
        kind = "p"
    return Thing(kind, mode, status.st_mtime_ns, data)


def differences(expected: World, found: World) -> list[str]:
    """Every difference in words; empty when the trees are the same."""
    lines = [f"missing: {path!r}" for path in sorted(expected.keys() - found.keys())]
    lines += [f"too much: {path!r}" for path in sorted(found.keys() - expected.keys())]
    for path in sorted(expected.keys() & found.keys()):
        if expected[path] != found[path]:
            lines.append(f"differs: {path!r}: expected {expected[path]}, found {found[path]}")
    return lines


class FolderTree:
    """A real folder with the verbs of MemoryTree, for transports that read real files.

    Folders that their mode closes are opened for the moment of a change, as their owner would do.
    """

    def __init__(self, root: Path) -> None:
        self.root = os.fsencode(root)
        os.makedirs(self.root, exist_ok=True)

    def write(self, path: bytes, data: bytes, mtime_ns: int, mode: int = 0o644) -> None:
        """Write a plain file as editors do: a new file under the old name."""
        with self._room_for(path) as place:
            with open(place, "wb") as file:
                file.write(data)
            os.chmod(place, mode)
            os.utime(place, ns=(mtime_ns, mtime_ns))

    def mkdir(self, path: bytes, mtime_ns: int, mode: int = 0o755) -> None:
        """Make a folder, or give the one that is there its mode and time."""
        place = os.path.join(self.root, path)
        if not os.path.isdir(place) or os.path.islink(place):
            with self._room_for(path) as room:
                os.mkdir(room)
        os.chmod(place, mode)
        os.utime(place, ns=(mtime_ns, mtime_ns))

    def symlink(self, path: bytes, target: bytes, mtime_ns: int) -> None:
        """Make a link."""
        with self._room_for(path) as place:
            os.symlink(target, place)
            os.utime(place, ns=(mtime_ns, mtime_ns), follow_symlinks=False)

    def chmod(self, path: bytes, mode: int) -> None:
        """Change the permission bits only."""
        os.chmod(os.path.join(self.root, path), mode)

    def touch(self, path: bytes, mtime_ns: int) -> None:
        """Change the time only."""
        os.utime(os.path.join(self.root, path), ns=(mtime_ns, mtime_ns), follow_symlinks=False)

    def rename(self, old: bytes, new: bytes) -> None:
        """Move a path and everything beneath it; what stood at the new place goes."""
        place = os.path.join(self.root, old)
        with self._opened(os.path.dirname(place)), self._opened(place), self._room_for(new) as room:
            os.rename(place, room)

    def delete(self, path: bytes) -> None:
        """Take a path and everything beneath it away. Safe to repeat."""
        place = os.path.join(self.root, path)
        if not os.path.lexists(place):
            return
        with self._opened(os.path.dirname(place)):
            if os.path.isdir(place) and not os.path.islink(place):
                for folder, _, _ in os.walk(place):
                    os.chmod(folder, 0o700)
                shutil.rmtree(place)
            else:
                os.unlink(place)

    @contextmanager
    def _room_for(self, path: bytes) -> Iterator[bytes]:
        """The free place of that name, its folder made and open."""
        self.delete(path)
        folder = self.root
        for name in path.split(b"/")[:-1]:
            inner = os.path.join(folder, name)
            if os.path.islink(inner) or not os.path.isdir(inner):
                with self._opened(folder):
                    if os.path.lexists(inner):
                        os.unlink(inner)
                    os.mkdir(inner)
            folder = inner
        with self._opened(folder):
            yield os.path.join(self.root, path)

    @contextmanager
    def _opened(self, folder: bytes) -> Iterator[None]:
        if os.path.islink(folder) or not os.path.isdir(folder):
            yield
            return
        mode = stat.S_IMODE(os.lstat(folder).st_mode)
        os.chmod(folder, mode | 0o700)
        try:
            yield
        finally:
            if os.path.isdir(folder):
                os.chmod(folder, mode)
