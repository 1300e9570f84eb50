"""MemoryHost: a scripted PC. Its folders live in memory, and it misbehaves exactly as it is told to."""

import os
import stat
from collections import deque
from dataclasses import dataclass, field, replace

from bckcore.domain.file_version import EntryKind
from bckcore.domain.paths import ROOT, RelPath, display, is_below, parents, rel_path
from bckcore.errors import BckError, InvalidInputError

DEFAULT_OWNER = 1000
DEFAULT_MTIME_NS = 1_700_000_000_123_456_789


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One thing in the tree of a host."""

    kind: EntryKind
    mode: int
    mtime_ns: int
    uid: int = DEFAULT_OWNER
    gid: int = DEFAULT_OWNER
    data: bytes = b""
    """Bytes of a file, target of a link."""

    @property
    def readable(self) -> bool:
        """True if the backup account (the owner, not root) may read it; a folder: list it and enter it."""
        needed = stat.S_IRUSR | (stat.S_IXUSR if self.kind is EntryKind.FOLDER else 0)
        return self.mode & needed == needed


class MemoryTree:
    """One source folder of a MemoryHost: what stands in it, and which of its paths play tricks."""

    def __init__(self) -> None:
        root = Node(kind=EntryKind.FOLDER, mode=0o755, mtime_ns=DEFAULT_MTIME_NS)
        self.nodes: dict[RelPath, Node] = {ROOT: root}
        self.vanishing: set[RelPath] = set()
        """Listed, and gone when it is to be read. Taken out of the tree at that moment."""
        self.not_installed: set[RelPath] = set()
        """Sent and listed as changed, but the storage does not take it."""
        self.changes_while_read: dict[RelPath, bytes] = {}
        """New bytes that are there once the listing is made: the hints about the path are stale."""

    def write(self, path: bytes, data: bytes, mtime_ns: int = DEFAULT_MTIME_NS, mode: int = 0o644) -> None:
        """Write a plain file; folders above it are made, and what stood there goes."""
        self._put(path, Node(kind=EntryKind.FILE, mode=mode, mtime_ns=mtime_ns, data=data))

    def mkdir(self, path: bytes, mtime_ns: int = DEFAULT_MTIME_NS, mode: int = 0o755) -> None:
        """Make a folder, or give the one that is there its mode and time."""
        node = Node(kind=EntryKind.FOLDER, mode=mode, mtime_ns=mtime_ns)
        checked = rel_path(path)
        if checked in self.nodes and self.nodes[checked].kind is EntryKind.FOLDER:
            self.nodes[checked] = node
        else:
            self._put(path, node)

    def symlink(self, path: bytes, target: bytes, mtime_ns: int = DEFAULT_MTIME_NS) -> None:
        """Make a link."""
        self._put(path, Node(kind=EntryKind.LINK, mode=0o777, mtime_ns=mtime_ns, data=target))

    def fifo(self, path: bytes, mtime_ns: int = DEFAULT_MTIME_NS, mode: int = 0o644) -> None:
        """Make a named pipe."""
        self._put(path, Node(kind=EntryKind.FIFO, mode=mode, mtime_ns=mtime_ns))

    def chmod(self, path: bytes, mode: int) -> None:
        """Change the permission bits only."""
        self._change(path, mode=mode)

    def chown(self, path: bytes, uid: int, gid: int) -> None:
        """Change the owner only."""
        self._change(path, uid=uid, gid=gid)

    def touch(self, path: bytes, mtime_ns: int) -> None:
        """Change the time only."""
        self._change(path, mtime_ns=mtime_ns)

    def rename(self, old: bytes, new: bytes) -> None:
        """Move a path and everything beneath it; what stood at the new place goes."""
        source, target = rel_path(old), rel_path(new)
        if is_below(target, source):
            raise InvalidInputError("A path cannot move into itself.")
        moved = {path: node for path, node in self.nodes.items() if is_below(path, source)}
        if not moved:
            raise InvalidInputError(f"Nothing stands at {old!r}.")
        self.delete(old)
        self._put(new, moved.pop(source))
        self.nodes.update({RelPath(target + path[len(source) :]): node for path, node in moved.items()})

    def delete(self, path: bytes) -> None:
        """Take a path and everything beneath it away. Safe to repeat."""
        gone = rel_path(path)
        self.nodes = {other: node for other, node in self.nodes.items() if not is_below(other, gone)}

    def missing(self) -> bool:
        """True once the source folder itself was deleted; ``mkdir(b".")`` brings it back."""
        return ROOT not in self.nodes

    def _put(self, path: bytes, node: Node) -> None:
        checked = rel_path(path)
        self.delete(path)
        for folder in parents(checked):
            if folder not in self.nodes or self.nodes[folder].kind is not EntryKind.FOLDER:
                self.mkdir(folder)
        self.nodes[checked] = node

    def _change(self, path: bytes, **changes: int) -> None:
        checked = rel_path(path)
        if checked not in self.nodes:
            raise InvalidInputError(f"Nothing stands at {path!r}.")
        self.nodes[checked] = replace(self.nodes[checked], **changes)  # type: ignore[arg-type]  # ints only


@dataclass(slots=True, kw_only=True)
class MemoryHost:
    """A PC that answers MemoryTransport. Change its fields to script its faults."""

    sources: dict[str, MemoryTree] = field(default_factory=dict)
    """By full path on the host."""
    host_keys: tuple[str, ...] = ()
    """What it shows; with any, the host must have one of them pinned."""
    key: str | None = None
    """The private key it takes; None takes any or none."""
    password: str | None = None
    """The password that lets in where it takes no key; None takes any or none."""
    errors: deque[BckError] = field(default_factory=deque)
    """Raised one by one: each pull takes the first and raises it before anything is touched."""
    cut_after: int | None = None
    """How many changes to the storage the next pull gets through before it is cut; then None again.
    Pushes count their changes to the host together."""
    cut_mid_file: bool = False
    """A cut that meets a file leaves half of it in the partial folder."""

    def link_at(self, path: str) -> str | None:
        """The target, for display, of the link that stands at a full path; None if none does."""
        for root, tree in self.sources.items():
            head = root.rstrip("/") + "/"
            if f"{path}/".startswith(head):
                raw = os.fsencode(path)[len(os.fsencode(head)) :]
                node = tree.nodes.get(RelPath(raw) if raw else ROOT)
                if node is not None and node.kind is EntryKind.LINK:
                    return display(node.data)
        return None

    def source(self, path: str) -> MemoryTree:
        """The source folder at that full path, made if there is none."""
        return self.sources.setdefault(path, MemoryTree())
