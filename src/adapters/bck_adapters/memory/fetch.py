"""A fetch of the memory transport: chosen files into a folder, in fake-super form."""

import os

from bck_adapters.memory import fake_super
from bck_adapters.memory.hosts import MemoryTree
from bckcore.domain.fetch import FetchOrder
from bckcore.domain.file_version import EntryKind
from bckcore.domain.paths import RelPath, components, parents
from bckcore.domain.stored_stat import StoredStat
from bckcore.errors import JobCancelledError
from bckcore.ports.transport import Watcher


def fetch(tree: MemoryTree | None, order: FetchOrder, watcher: Watcher) -> None:
    """Write what is there of the order's paths. Raises JobCancelledError, OSError."""
    os.mkdir(order.destination, 0o700)
    for path in order.paths:
        if watcher.is_cancelled():
            raise JobCancelledError("The comparison with the PC was cancelled.")
        if tree is not None and _reached(tree, path) and len(tree.nodes[path].data) <= order.largest:
            _write(tree, path, os.path.join(os.fsencode(order.destination), *components(path)))


def _reached(tree: MemoryTree, path: RelPath) -> bool:
    node = tree.nodes.get(path)
    above = [tree.nodes.get(folder) for folder in parents(path)]
    ways = all(one is not None and one.kind is EntryKind.FOLDER and one.readable for one in above)
    return ways and node is not None and node.readable and node.kind is EntryKind.FILE


def _write(tree: MemoryTree, path: RelPath, place: bytes) -> None:
    node = tree.nodes[path]
    os.makedirs(os.path.dirname(place), mode=0o700, exist_ok=True)
    fake_super.write_file(place, node.data)
    fake_super.set_stat(place, StoredStat(kind=node.kind, mode=node.mode, uid=node.uid, gid=node.gid))
    fake_super.set_mtime(place, node.mtime_ns)
