"""One push of the memory transport: what rsync does on a PC, done to a tree in memory."""

import os
from collections.abc import Iterator
from dataclasses import replace

from bck_adapters.memory import fake_super
from bck_adapters.memory.hosts import MemoryHost, MemoryTree, Node
from bckcore.domain.file_version import EntryKind
from bckcore.domain.paths import ROOT, RelPath, components, display, is_below, parents
from bckcore.domain.push import Conflict, PushedPath, PushOrder, PushOutcome, PushReport
from bckcore.domain.transfer import PathProblem, Phase, ProblemKind, TransferProgress
from bckcore.errors import JobCancelledError, TransferInterruptedError
from bckcore.ports.transport import Watcher

DISTURBED_NS = 1_800_000_000_000_000_000
"""Time of a folder in which something was made or renamed, until the push sets it again."""


class Push:
    """State of one push; used once. A dry run works on a copy of the tree."""

    def __init__(self, host: MemoryHost, order: PushOrder, watcher: Watcher) -> None:
        self._host = host
        self._order = order
        self._watcher = watcher
        self._head = b""
        self._nodes = self._found()
        self._blocked: list[RelPath] = []
        self._failed: list[RelPath] = []
        self._dressing: dict[RelPath, Node] = {}
        self._alike: dict[RelPath, Node] = {}
        self._paths: list[PushedPath] = []
        self._problems: list[PathProblem] = []
        self._sent = 0

    def carried_out(self) -> PushReport:
        """Do all steps. Raises TransferInterruptedError where the host was told to cut."""
        for path, node in self._staged():
            self._stop_if_cancelled()
            self._step(path, node)
        for path, node in sorted(self._dressing.items(), reverse=True):
            if self._nodes[self._at(path)] != node:
                self._before_change()
                self._nodes[self._at(path)] = node
        return PushReport(paths=tuple(self._paths), problems=tuple(self._problems), bytes_sent=self._sent)

    # --- the two sides ----------------------------------------------------------------------------

    def _found(self) -> dict[RelPath, Node]:
        """The nodes of the tree on the host that holds the target, which stands at ``_head`` in it."""
        target = self._order.target_path
        for root, tree in self._host.sources.items():
            if f"{target}/".startswith(root.rstrip("/") + "/"):
                self._head = os.fsencode(target)[len(os.fsencode(root)) :].strip(b"/")
                return dict(tree.nodes) if self._order.dry_run else tree.nodes
        tree = MemoryTree()
        tree.nodes.clear()
        if not self._order.dry_run:
            self._host.sources[target] = tree
        return tree.nodes

    def _at(self, path: RelPath) -> RelPath:
        return RelPath(b"/".join([*filter(None, [self._head]), *components(path)]) or ROOT)

    def _staged(self) -> Iterator[tuple[RelPath, Node]]:
        """What is to be brought, a folder before what it holds."""
        base = os.fsencode(self._order.origin)
        pending: list[RelPath] = [ROOT]
        while pending:
            path = pending.pop()
            full = os.path.join(base, *components(path))
            stored = fake_super.inspect(full)
            if stored is None:
                raise FileNotFoundError(full)
            is_folder, data = stored.stat.kind is EntryKind.FOLDER, b""
            if is_folder:
                names = sorted(os.listdir(full), reverse=True)
                pending += [RelPath(name if path == ROOT else path + b"/" + name) for name in names]
            elif stored.stat.kind in (EntryKind.FILE, EntryKind.LINK):
                with open(full, "rb") as file:
                    data = file.read()
            meant = stored.stat
            yield (
                path,
                Node(
                    kind=meant.kind,
                    mode=meant.mode,
                    mtime_ns=stored.mtime_ns,
                    uid=meant.uid,
                    gid=meant.gid,
                    data=data,
                ),
            )

    # --- one path ---------------------------------------------------------------------------------

    def _step(self, path: RelPath, node: Node) -> None:
        is_folder = node.kind is EntryKind.FOLDER
        if any(is_below(path, folder) for folder in self._failed):
            self._trouble(path, "its folder could not be made")
            return
        if any(is_below(path, folder) for folder in self._blocked):
            self._note(path, PushOutcome.SKIPPED, is_folder=is_folder)
            return
        there = self._nodes.get(self._at(path))
        if is_folder:
            self._folder(path, node, there)
        elif there is None:
            self._make(path, node, PushOutcome.CREATED)
        elif self._order.conflict is Conflict.SKIP:
            self._note(path, PushOutcome.SKIPPED)
        elif there.kind is node.kind and _looks_same(there, node):
            self._adjust(path, node, there)
        else:
            self._make(path, node, self._way_made())

    def _way_made(self) -> PushOutcome:
        kept = self._order.conflict is Conflict.KEEP_BOTH
        return PushOutcome.KEPT_BOTH if kept else PushOutcome.REPLACED

    def _folder(self, path: RelPath, node: Node, there: Node | None) -> None:
        order = self._order
        if path == ROOT and path in order.frame:
            self._frame_root(there)
        elif there is None:
            self._make(path, node, PushOutcome.CREATED)
        elif there.kind is EntryKind.FOLDER:
            self._existing_folder(path, node, there)
        elif order.conflict is Conflict.SKIP:
            self._blocked.append(path)
            self._note(path, PushOutcome.SKIPPED, is_folder=True)
        else:
            self._make(path, node, self._way_made())

    def _frame_root(self, there: Node | None) -> None:
        if there is None:
            self._before_change()
            self._nodes[self._at(ROOT)] = _new_folder()
            self._note(ROOT, PushOutcome.CREATED, is_folder=True)

    def _existing_folder(self, path: RelPath, node: Node, there: Node) -> None:
        order = self._order
        if path in order.made:
            self._dressing[path] = node
        elif path in order.frame or order.conflict is Conflict.SKIP:
            if there.mode == node.mode:
                self._alike[path] = node
            if path not in order.frame:
                self._note(path, PushOutcome.SKIPPED, is_folder=True)
        else:
            self._dressing[path] = node
            self._note(path, PushOutcome.SAME if node == there else PushOutcome.ADJUSTED, is_folder=True)

    def _adjust(self, path: RelPath, node: Node, there: Node) -> None:
        wanted = replace(node, data=there.data)  # taken for the same, whatever they are
        if wanted != there:
            self._before_change()
            self._nodes[self._at(path)] = wanted
        self._note(path, PushOutcome.SAME if wanted == there else PushOutcome.ADJUSTED)

    def _make(self, path: RelPath, node: Node, outcome: PushOutcome) -> None:
        is_folder = node.kind is EntryKind.FOLDER
        if not self._room_made(path, outcome):
            if is_folder:
                self._failed.append(path)
            return
        self._before_change()
        self._disturb(path)
        if is_folder:
            self._dressing[path] = node
            node = replace(node, mode=node.mode | 0o700, mtime_ns=DISTURBED_NS)
        self._nodes[self._at(path)] = node
        self._sent += len(node.data)
        self._note(path, outcome, is_folder=is_folder)
        self._tell(path)

    def _room_made(self, path: RelPath, outcome: PushOutcome) -> bool:
        """Move or remove what is in the way; False if that cannot be, and then it is told."""
        place = self._at(path)
        for above in list(parents(place)):
            if above not in self._nodes and path == ROOT:
                self._nodes[above] = _new_folder()
        folder = self._nodes.get(next(parents(place), place))
        if (
            folder is not None
            and folder.mode & 0o300 != 0o300
            and not self._opened(next(parents(path), path))
        ):
            self._trouble(path, "Permission denied (13)")
            return False
        there = self._nodes.get(place)
        if there is None:
            return True
        if any(other != place and is_below(other, place) for other in self._nodes):
            self._trouble(path, "a folder that is not empty is in the way")
            return False
        self._before_change()
        if outcome is PushOutcome.KEPT_BOTH and there.kind is not EntryKind.FOLDER:
            self._nodes[RelPath(place + self._order.suffix.encode())] = there
        del self._nodes[place]
        return True

    def _opened(self, folder: RelPath) -> bool:
        """True if a closed folder is open for the time: it gets its attributes at the end."""
        if folder in self._alike:
            self._dressing.setdefault(folder, self._alike[folder])
        return folder in self._dressing

    def _disturb(self, path: RelPath) -> None:
        above = self._at(next(parents(path), path))
        if path != ROOT and above in self._nodes:
            self._nodes[above] = replace(self._nodes[above], mtime_ns=DISTURBED_NS)

    # --- faults and reports -----------------------------------------------------------------------

    def _before_change(self) -> None:
        self._stop_if_cancelled()
        left = None if self._order.dry_run else self._host.cut_after
        if left == 0:
            self._host.cut_after = None
            raise TransferInterruptedError("The connection broke off.", advice="Try again.")
        if left is not None:
            self._host.cut_after = left - 1

    def _stop_if_cancelled(self) -> None:
        if self._watcher.is_cancelled():
            raise JobCancelledError("The transfer was stopped.")

    def _note(self, path: RelPath, outcome: PushOutcome, *, is_folder: bool = False) -> None:
        if not (is_folder and path in self._order.made):
            self._paths.append(PushedPath(path, outcome, is_folder))

    def _trouble(self, path: RelPath, message: str) -> None:
        self._problems.append(
            PathProblem(kind=ProblemKind.NOT_RESTORED, path=path, message=f"{display(path)}: {message}")
        )

    def _tell(self, path: RelPath) -> None:
        self._watcher.progress(
            TransferProgress(
                phase=Phase.TRANSFERRING,
                source=self._order.label,
                files_seen=len(self._paths),
                files_done=len(self._paths),
                bytes_done=self._sent,
                current_file=display(path),
            )
        )


def _new_folder() -> Node:
    return Node(kind=EntryKind.FOLDER, mode=0o755, mtime_ns=DISTURBED_NS)


def _looks_same(there: Node, node: Node) -> bool:
    """What rsync goes by: the size and time of a file, the target of a link."""
    if node.kind is EntryKind.FILE:
        return len(there.data) == len(node.data) and there.mtime_ns == node.mtime_ns
    return there.data == node.data
