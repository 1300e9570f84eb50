"""One attempt of the memory transport: the steps rsync takes, in its order, with its habits."""

import errno
import os
from collections.abc import Iterator

from bck_adapters.digest import digest_of
from bck_adapters.memory import fake_super
from bck_adapters.memory.fake_super import Stored
from bck_adapters.memory.hosts import MemoryHost, MemoryTree, Node
from bck_adapters.memory.listing import FileListing
from bckcore.domain.file_version import EntryKind
from bckcore.domain.paths import ROOT, RelPath, components, display, parents
from bckcore.domain.stored_stat import StoredStat
from bckcore.domain.transfer import (
    PathProblem,
    Phase,
    ProblemKind,
    PullOrder,
    Seen,
    TransferProgress,
    TransferStats,
)
from bckcore.errors import JobCancelledError, TransferInterruptedError
from bckcore.ports.transport import PathFilter, PullReport, Watcher

_SECOND_NS = 1_000_000_000
_PROBLEMS_SHOWN = 1000
_TOO_LONG = "rename failed: File name too long (36)"


def _at(folder: os.PathLike[str], path: RelPath) -> bytes:
    return os.path.join(os.fsencode(folder), *components(path))


class Pull:
    """State of one attempt; used once."""

    def __init__(
        self,
        host: MemoryHost,
        order: PullOrder,
        watcher: Watcher,
        rules: PathFilter,
        *,
        whole_seconds: bool,
    ) -> None:
        self._host = host
        self._order = order
        self._watcher = watcher
        self._rules = rules
        self._grain_ns = _SECOND_NS if whole_seconds else 1
        self._tree = host.sources.get(order.source.path)
        self._listed: dict[RelPath, Seen | None] = {}
        self._folder_times: list[tuple[bytes, int]] = []
        self._problems: list[PathProblem] = []
        self._unlisted: set[RelPath] = set()
        self._vanished: set[RelPath] = set()
        self._too_large: list[RelPath] = []
        self._sent: list[int] = []

    def carried_out(self) -> PullReport:
        """Do all steps. Raises TransferInterruptedError where the host was told to cut."""
        tree = self._tree
        if tree is None or tree.missing():
            self._unlisted.add(ROOT)
            self._trouble(ProblemKind.UNLISTED, ROOT, "change_dir failed: No such file or directory (2)")
            return self._report({})
        nodes = dict(self._walk(tree))
        self._host_moves_on(tree)
        for path, node in nodes.items():
            self._stop_if_cancelled()
            if self._is_too_large(node):
                self._too_large.append(path)
                continue
            self._listed[path] = None
            self._step(tree, path, node)
        self._set_folder_times()
        self._host.cut_after = None
        return self._report(nodes)

    # --- what is there ----------------------------------------------------------------------------

    def _walk(self, tree: MemoryTree) -> Iterator[tuple[RelPath, Node]]:
        entered: set[RelPath] = set()
        for path in sorted(tree.nodes, key=components):
            node = tree.nodes[path]
            is_folder = node.kind is EntryKind.FOLDER
            if path != ROOT:
                hidden = next(parents(path)) not in entered
                if hidden or self._rules.excludes(path, is_folder=is_folder):
                    continue
            yield path, node
            if is_folder and not node.readable:
                self._unlisted.add(path)
                self._trouble(ProblemKind.UNLISTED, path, "opendir failed: Permission denied (13)")
            elif is_folder:
                entered.add(path)

    def _host_moves_on(self, tree: MemoryTree) -> None:
        for path in list(tree.vanishing):
            tree.delete(path)
        tree.vanishing.clear()

    def _is_too_large(self, node: Node) -> bool:
        limit = self._order.max_size
        return limit is not None and node.kind is EntryKind.FILE and len(node.data) > limit

    # --- one path ---------------------------------------------------------------------------------

    def _step(self, tree: MemoryTree, path: RelPath, node: Node) -> None:
        place = _at(self._order.destination, path)
        found = fake_super.inspect(place)
        wanted = StoredStat(kind=node.kind, mode=node.mode, uid=node.uid, gid=node.gid)
        if node.kind is EntryKind.FOLDER:
            self._folder(path, node, place, found, wanted)
        elif found is not None and self._looks_same(node, place, found):
            self._attributes(path, node, place, found, wanted)
        elif path not in tree.nodes:
            self._vanished.add(path)
            self._trouble(ProblemKind.VANISHED, path, "file has vanished")
        elif node.kind is EntryKind.FILE and not node.readable:
            self._note(path, node)
            self._trouble(ProblemKind.UNREADABLE, path, "send_files failed to open: Permission denied (13)")
        else:
            self._transfer(tree, path, node, wanted)

    def _looks_same(self, node: Node, place: bytes, found: Stored) -> bool:
        if found.stat.kind is not node.kind:
            return False
        if node.kind is EntryKind.LINK:
            with open(place, "rb") as file:
                return file.read() == node.data
        return node.kind is not EntryKind.FILE or (
            found.size == len(node.data) and self._same_time(found.mtime_ns, node.mtime_ns)
        )

    def _same_time(self, one: int, other: int) -> bool:
        return one // self._grain_ns == other // self._grain_ns

    def _attributes(self, path: RelPath, node: Node, place: bytes, found: Stored, wanted: StoredStat) -> None:
        """Attributes change in place: no copy of the old ones is kept anywhere."""
        if found.stat != wanted or not self._same_time(found.mtime_ns, node.mtime_ns):
            self._before_change()
            fake_super.set_stat(place, wanted)
            fake_super.set_mtime(place, node.mtime_ns)
            self._note(path, node)

    def _folder(
        self, path: RelPath, node: Node, place: bytes, found: Stored | None, wanted: StoredStat
    ) -> None:
        if found is not None and found.stat.kind is not EntryKind.FOLDER:
            self._before_change()
            fake_super.move_aside(place, _at(self._order.displaced_dir, path))
            found = None
        if found is None:
            self._before_change()
            os.mkdir(place)
        if found is None or found.stat != wanted:
            self._before_change()
            fake_super.set_stat(place, wanted)
        if found is None or found.stat != wanted or found.mtime_ns != node.mtime_ns:
            self._note(path, node)
        self._folder_times.append((place, node.mtime_ns))

    def _set_folder_times(self) -> None:
        """Last of all, and not at all when the attempt is cut."""
        for place, mtime_ns in reversed(self._folder_times):
            if os.lstat(place).st_mtime_ns != mtime_ns:
                self._before_change()
                fake_super.set_mtime(place, mtime_ns)

    # --- new content ------------------------------------------------------------------------------

    def _transfer(self, tree: MemoryTree, path: RelPath, node: Node, wanted: StoredStat) -> None:
        is_file = node.kind is EntryKind.FILE
        data = tree.changes_while_read.pop(path, node.data) if is_file else node.data
        self._note(path, node, digest_of(data) if is_file else b"")
        if path in tree.not_installed:
            self._trouble(ProblemKind.NOT_STORED, path, _TOO_LONG)
            return
        partial = os.path.join(os.fsencode(self._order.partial_dir), components(path)[-1])
        self._before_change(partial if is_file else None, data)
        try:
            self._install(path, node, wanted, data)
        except OSError as exc:
            if exc.errno != errno.ENAMETOOLONG:
                raise
            self._trouble(ProblemKind.NOT_STORED, path, _TOO_LONG)
            return
        if os.path.lexists(partial):
            os.unlink(partial)
        self._sent.append(len(data) if is_file else 0)
        self._tell()

    def _install(self, path: RelPath, node: Node, wanted: StoredStat, data: bytes) -> None:
        temp = os.path.join(os.fsencode(self._order.temp_dir), b"t%d" % len(self._sent))
        place = _at(self._order.destination, path)
        fake_super.write_file(temp, data)
        fake_super.set_stat(temp, wanted)
        fake_super.set_mtime(temp, node.mtime_ns)
        try:
            self._displace(path, place, node.kind)
            self._before_change()
        except BaseException:
            os.unlink(temp)
            raise
        os.rename(temp, place)

    def _displace(self, path: RelPath, place: bytes, kind: EntryKind) -> None:
        found = fake_super.inspect(place)
        aside = _at(self._order.displaced_dir, path)
        if found is None:
            return
        self._before_change()
        if found.stat.kind is EntryKind.FOLDER:
            self._empty_folder(place, aside)
        elif found.stat.kind is kind:
            fake_super.link_aside(place, aside)
        else:
            fake_super.move_aside(place, aside)

    def _empty_folder(self, place: bytes, aside: bytes) -> None:
        """Its files go aside; folders that are empty then, and what was known about them, are lost."""
        for name in sorted(os.listdir(place)):
            inner, inner_aside = os.path.join(place, name), os.path.join(aside, name)
            if os.path.isdir(inner):
                self._empty_folder(inner, inner_aside)
            else:
                self._before_change()
                fake_super.move_aside(inner, inner_aside)
        self._before_change()
        os.rmdir(place)

    # --- faults and reports -----------------------------------------------------------------------

    def _before_change(self, partial: bytes | None = None, data: bytes = b"") -> None:
        self._stop_if_cancelled()
        left = self._host.cut_after
        if left == 0:
            self._host.cut_after = None
            if partial is not None and self._host.cut_mid_file:
                fake_super.write_file(partial, data[: len(data) // 2])
            raise TransferInterruptedError(
                "The connection broke off.", meaning="What was sent stays.", advice="Try again."
            )
        if left is not None:
            self._host.cut_after = left - 1

    def _stop_if_cancelled(self) -> None:
        if self._watcher.is_cancelled():
            raise JobCancelledError("The transfer was stopped.")

    def _note(self, path: RelPath, node: Node, digest: bytes = b"") -> None:
        """A line with a change in the listing; size and time are those of the listing."""
        size = len(node.data) if node.kind is EntryKind.FILE else 0
        self._listed[path] = Seen(path, node.kind, size, node.mtime_ns // _SECOND_NS, digest)

    def _trouble(self, kind: ProblemKind, path: RelPath, message: str) -> None:
        self._problems.append(PathProblem(kind=kind, path=path, message=f"{display(path)}: {message}"))

    def _tell(self) -> None:
        self._watcher.progress(
            TransferProgress(
                phase=Phase.TRANSFERRING,
                source=self._order.source.name,
                files_seen=len(self._listed),
                files_done=len(self._sent),
                bytes_done=sum(self._sent),
            )
        )

    def _report(self, nodes: dict[RelPath, Node]) -> PullReport:
        listing = FileListing(self._order.work_dir / "listing")
        listing.save(self._listed.items())
        files = [node for node in nodes.values() if node.kind is not EntryKind.FOLDER]
        return PullReport(
            listing=listing,
            stats=TransferStats(
                files_seen=len(files),
                files_sent=len(self._sent),
                bytes_seen=sum(len(node.data) for node in files if node.kind is EntryKind.FILE),
                bytes_sent=sum(self._sent),
            ),
            problems=tuple(self._problems[:_PROBLEMS_SHOWN]),
            problem_count=len(self._problems),
            unlisted=frozenset(self._unlisted),
            vanished=frozenset(self._vanished),
            too_large=tuple(self._too_large),
        )
