"""A gather of the memory transport: files of some names and their content."""

from collections.abc import Iterator

from bck_adapters.memory.hosts import MemoryTree, Node
from bckcore.domain.file_version import EntryKind
from bckcore.domain.gather import LARGEST_GATHERED, MOST_GATHERED, Gathered, GatherOrder
from bckcore.domain.paths import ROOT, RelPath, components, parents
from bckcore.errors import JobCancelledError
from bckcore.ports.transport import PathFilter, Watcher


def gather(tree: MemoryTree | None, order: GatherOrder, rules: PathFilter, watcher: Watcher) -> Gathered:
    """What is there. Raises JobCancelledError."""
    files: list[tuple[RelPath, bytes]] = []
    too_large: list[RelPath] = []
    no_files: list[RelPath] = []
    for path, node in _reached(tree, rules) if tree is not None else ():
        if watcher.is_cancelled():
            raise JobCancelledError("The look for filter files was cancelled.")
        if not _is_wanted(order, path, node):
            continue
        if node.kind is not EntryKind.FILE:
            no_files.append(path)
        elif len(node.data) > LARGEST_GATHERED:
            too_large.append(path)
        else:
            files.append((path, node.data))
    files.sort()
    return Gathered(
        files=tuple(files[:MOST_GATHERED]),
        too_large=tuple(too_large[:MOST_GATHERED]),
        no_files=tuple(no_files[:MOST_GATHERED]),
        more=len(files) > MOST_GATHERED,
    )


def _is_wanted(order: GatherOrder, path: RelPath, node: Node) -> bool:
    name, names = path.rpartition(b"/")[2], order.names
    if order.host.platform.ignores_case:
        name, names = name.lower(), tuple(one.lower() for one in names)
    return node.kind is not EntryKind.FOLDER and node.readable and name in names


def _reached(tree: MemoryTree, rules: PathFilter) -> Iterator[tuple[RelPath, Node]]:
    """What stands in folders that can be entered and are not hidden."""
    entered: set[RelPath] = set()
    for path in sorted(tree.nodes, key=components):
        node = tree.nodes[path]
        if path != ROOT and next(parents(path)) not in entered:
            continue
        if node.kind is EntryKind.FOLDER and node.readable:
            if path == ROOT or not rules.excludes(path, is_folder=True):
                entered.add(path)
        else:
            yield path, node
