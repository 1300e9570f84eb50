"""A preview of the memory transport: the comparison of a pull, without its changes."""

import os

from bck_adapters.memory import fake_super
from bck_adapters.memory.fake_super import Stored
from bck_adapters.memory.hosts import MemoryTree, Node
from bckcore.domain.file_version import EntryKind
from bckcore.domain.paths import ROOT, RelPath, components, display, parents
from bckcore.domain.preview import Coming, Foreseen, Hidden, PreviewOrder, PreviewReport
from bckcore.domain.stored_stat import StoredStat
from bckcore.domain.transfer import PathProblem, ProblemKind, TransferStats
from bckcore.errors import JobCancelledError
from bckcore.ports.transport import PathFilter, Watcher


def preview(
    tree: MemoryTree | None, order: PreviewOrder, rules: PathFilter, watcher: Watcher
) -> PreviewReport:
    """What a pull would do. Raises JobCancelledError, OSError."""
    look = _Look(order, rules)
    if tree is None or tree.missing():
        look.trouble(ProblemKind.UNLISTED, ROOT, "change_dir failed: No such file or directory (2)")
        return look.report()
    for path in sorted(tree.nodes, key=components):
        if watcher.is_cancelled():
            raise JobCancelledError("The preview was cancelled.", meaning="It had changed nothing.")
        if path == ROOT or next(parents(path)) in look.entered:
            look.at(path, tree.nodes[path])
    return look.report()


class _Look:
    def __init__(self, order: PreviewOrder, rules: PathFilter) -> None:
        self._order = order
        self._rules = rules
        self.entered: set[RelPath] = set()
        self._paths: list[RelPath] = []
        self._foreseen: list[Foreseen] = []
        self._hidden: list[Hidden] = []
        self._too_large: list[RelPath] = []
        self._problems: list[PathProblem] = []
        self._bytes = self._files = 0

    def trouble(self, kind: ProblemKind, path: RelPath, message: str) -> None:
        self._problems.append(PathProblem(kind=kind, path=path, message=f"{display(path)}: {message}"))

    def at(self, path: RelPath, node: Node) -> None:
        is_folder = node.kind is EntryKind.FOLDER
        limit = self._order.max_size
        if path != ROOT and self._rules.excludes(path, is_folder=is_folder):
            self._hidden.append(Hidden(path, is_folder))
        elif node.kind is EntryKind.FILE and limit is not None and len(node.data) > limit:
            self._too_large.append(path)
        else:
            self._seen(path, node)

    def _seen(self, path: RelPath, node: Node) -> None:
        is_folder = node.kind is EntryKind.FOLDER
        self._paths.append(path)
        if is_folder and node.readable:
            self.entered.add(path)
        elif is_folder:
            self.trouble(ProblemKind.UNLISTED, path, "opendir failed: Permission denied (13)")
        size = len(node.data) if node.kind is EntryKind.FILE else 0
        self._files += not is_folder
        self._bytes += size
        coming = self._coming(path, node)
        if coming is not None:
            self._foreseen.append(Foreseen(path, node.kind, coming, size))

    def _coming(self, path: RelPath, node: Node) -> Coming | None:
        place = os.path.join(os.fsencode(self._order.destination), *components(path))
        found = fake_super.inspect(place)
        if found is None:
            return Coming.NEW
        if not _same_content(node, place, found):
            return Coming.CHANGED
        wanted = StoredStat(kind=node.kind, mode=node.mode, uid=node.uid, gid=node.gid)
        same = found.stat == wanted and found.mtime_ns == node.mtime_ns
        return None if same else Coming.ATTRIBUTES

    def report(self) -> PreviewReport:
        unlisted = {RelPath(one.path) for one in self._problems if one.kind is ProblemKind.UNLISTED}
        return PreviewReport(
            paths=tuple(self._paths),
            foreseen=tuple(self._foreseen),
            hidden=tuple(self._hidden),
            too_large=tuple(self._too_large),
            stats=TransferStats(files_seen=self._files, bytes_seen=self._bytes),
            problems=tuple(self._problems),
            problem_count=len(self._problems),
            unlisted=frozenset(unlisted),
        )


def _same_content(node: Node, place: bytes, found: Stored) -> bool:
    if found.stat.kind is not node.kind:
        return False
    if node.kind is EntryKind.LINK:
        with open(place, "rb") as file:
            return file.read() == node.data
    return node.kind is not EntryKind.FILE or (
        found.size == len(node.data) and found.mtime_ns == node.mtime_ns
    )
