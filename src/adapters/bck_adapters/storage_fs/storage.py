"""FsStorage: the Storage port on a POSIX file system."""

import os
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

from bck_adapters.storage_fs import checks, current, locks, scratch, staging, weighing, withdrawing
from bck_adapters.storage_fs.attempts import Attempts
from bck_adapters.storage_fs.content_store import FsContentStore
from bck_adapters.storage_fs.edits import FsHistoryEdits
from bck_adapters.storage_fs.errors import NO_ROOM, foreign_root, translated, unusable_root
from bck_adapters.storage_fs.guides import write_guides
from bck_adapters.storage_fs.handles import make_folder
from bck_adapters.storage_fs.history import History
from bck_adapters.storage_fs.record_store import FsRecordStore
from bck_adapters.storage_fs.records import Records
from bck_adapters.storage_fs.root import AREAS, CURRENT, RECEIPTS, Root
from bck_adapters.storage_fs.syncing import Syncs
from bck_adapters.storage_fs.usage import usage_of
from bck_adapters.storage_fs.verification import FsVerification
from bckcore.domain.act import Act
from bckcore.domain.file_version import FileEntry
from bckcore.domain.ids import HostId, ProfileId, RunId, SourceName, checked_name
from bckcore.domain.manifest import Change, ManifestInfo
from bckcore.domain.paths import RelPath
from bckcore.domain.receipt import Receipt
from bckcore.domain.run import ProfileRef
from bckcore.errors import InvalidInputError
from bckcore.ports.extraction import Wanted
from bckcore.ports.processes import Processes
from bckcore.ports.storage import (
    AttemptDirs,
    FoldReport,
    LockRight,
    ProfileLock,
    StagedBatch,
    StorageFinding,
    StoreSpace,
    StoreUsage,
    Withdrawn,
)

_OF_FILE_SYSTEMS = frozenset({"lost+found"})
"""Visible names that a file system has in its own root."""


class FsStorage(FsVerification, FsRecordStore, FsHistoryEdits, FsContentStore):
    """Backups below one root; the port's docstrings hold."""

    batch_room = staging.ROOM
    batch_entries = staging.ENTRIES

    let_go_seconds = locks.LET_GO_SECONDS

    def __init__(self, root: Path, *, processes: Processes | None = None) -> None:
        """``processes``: tells who holds a lock, and ends what is left of a holder that is gone."""
        self._root = Root(root)
        self._processes = processes
        self._attempts = Attempts(self._root)
        self._history = History(self._root)
        self._syncs = Syncs(self._root)
        self._records = Records(self._root, self._syncs)

    # --- the root ----------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Make folders, README and restore.sh, try what is needed, tidy up what attempts left."""
        with translated("setting up", self._root.path):
            top = self._made_top()
            try:
                with locks.setting_up(self._root):
                    write_guides(top)
                    checks.require_able(self._root)
                    self._attempts.sweep()
                    staging.sweep(self._root)
                    scratch.sweep(self._root)
            finally:
                os.close(top)

    def _made_top(self) -> int:
        """A handle of the root with all its areas."""
        try:
            self._root.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            top = self._root.open()
            try:
                _require_ours(top, self._root.path)
                for area in AREAS:
                    _make_area(top, area)
            except BaseException:
                os.close(top)
                raise
        except OSError as exc:
            if exc.errno in NO_ROOM:
                raise
            raise unusable_root(exc, self._root.path) from exc
        return top

    def inspect(self) -> Sequence[StorageFinding]:
        """Look at the root without changing it."""
        return checks.findings(self._root)

    def space(self) -> StoreSpace:
        """Room left."""
        with translated("asking for the room left", self._root.path):
            return checks.space(self._root)

    def usage(self, host: HostId) -> StoreUsage:
        """What everything of that host takes now."""
        return usage_of(self._root, self._attempts, host)

    @contextmanager
    def lock(
        self, ref: ProfileRef, *, wait_seconds: float | None = None, right: LockRight | None = None
    ) -> Iterator[ProfileLock]:
        """Hold the profile's lock."""
        held = locks.held(
            self._root,
            ref,
            wait_seconds=wait_seconds,
            processes=self._processes,
            right=right,
            let_go_seconds=self.let_go_seconds,
        )
        with held as lock, self._syncs.heard(ref):
            yield lock

    def profiles(self) -> Sequence[ProfileRef]:
        """Every profile that has receipts or files."""
        with translated("listing profiles", self._root.path):
            found = {
                ref
                for area in (CURRENT, RECEIPTS)
                for ref in self._profiles_in(area)
                if self._holds_something(area, ref)
            }
        return sorted(found, key=lambda ref: (ref.host, ref.profile))

    def _profiles_in(self, area: str) -> Iterator[ProfileRef]:
        for host in self._names_in(area):
            for profile in self._names_in(area, host):
                yield ProfileRef(host=HostId(host), profile=ProfileId(profile))

    def _holds_something(self, area: str, ref: ProfileRef) -> bool:
        names = (area, ref.host, ref.profile)
        if area == RECEIPTS:
            return any(name.endswith(".json") for name in self._listed(*names))
        return any(self._listed(*names, source) for source in self._names_in(*names))

    def _names_in(self, *folder: str) -> list[str]:
        return [name for name in self._listed(*folder) if _is_name(name)]

    def _listed(self, *folder: str) -> list[str]:
        fd = self._root.find(*folder)
        if fd is None:
            return []
        try:
            return os.listdir(fd)
        finally:
            os.close(fd)

    # --- attempts ----------------------------------------------------------------------------------

    def begin_attempt(self, ref: ProfileRef, run: RunId, source: SourceName) -> AttemptDirs:
        """Make fresh folders for one attempt."""
        return self._attempts.begin(ref, run, source)

    def fold(self, attempt: AttemptDirs, *, gives_back: bool = False) -> FoldReport:
        """Put what the attempt displaced into the run's increment; remove the attempt's folders."""
        self._attempts.clear(attempt)  # first: in a full storage it makes the room that keeping takes
        report = self._attempts.keep_displaced(attempt, gives_back=gives_back)
        self._attempts.remove(attempt)
        return report

    def keep_displaced(self, attempt: AttemptDirs) -> FoldReport:
        """The first half of :meth:`fold`."""
        return self._attempts.keep_displaced(attempt)

    def unfolded(self, ref: ProfileRef) -> Sequence[AttemptDirs]:
        """Attempts that a crash left, oldest first."""
        return self._attempts.unfolded(ref)

    def free_attempt_space(self, ref: ProfileRef, source: SourceName) -> None:
        """Remove partial files that a finished source no longer needs."""
        self._attempts.free_space(ref, source)

    # --- files -------------------------------------------------------------------------------------

    def stat(
        self, ref: ProfileRef, source: SourceName, paths: Iterable[RelPath]
    ) -> Iterator[tuple[RelPath, FileEntry | None]]:
        """What stands in ``current`` at each path."""
        return current.stat_paths(self._root, ref, source, paths)

    def stage(
        self,
        ref: ProfileRef,
        source: SourceName,
        wanted: Iterable[Wanted],
        increments: Sequence[RunId],
        moved: Callable[[int], None],
        *,
        verify: bool = False,
    ) -> AbstractContextManager[Iterator[StagedBatch]]:
        """Get what is wanted ready for a push, batch by batch."""

        def batches() -> Generator[StagedBatch, None, None]:
            with self._origins(ref, source, increments, moved) as origins:
                limits = staging.Limits(room=self.batch_room, entries=self.batch_entries)
                work = staging.Staging(self._root, ref, origins, moved, limits, verify=verify)
                yield from work.batches(wanted)

        return closing(batches())

    def merge(self, ref: ProfileRef, older: RunId, newer: RunId) -> None:
        """Move every entry of ``older``'s increment into ``newer``'s."""
        self._history.merge(ref, older, newer)

    def withdraw(
        self, ref: ProfileRef, run: RunId, source: SourceName, taken: Sequence[FileEntry]
    ) -> Withdrawn:
        """Of what the run displaced, move out of all history what had been harmed."""
        return withdrawing.withdraw(self._root, ref, run, source, taken) if taken else Withdrawn()

    def drop_aside(self, ref: ProfileRef, before: RunId) -> int:
        """Remove what runs before that one set aside."""
        return withdrawing.drop_aside(self._root, ref, before)

    def free(self, ref: ProfileRef, run: RunId) -> None:
        """Delete the run's increment."""
        self._history.free(ref, run)

    def weigh(self, ref: ProfileRef, steps: Sequence[tuple[RunId, RunId | None]]) -> int:
        """Bytes that freeing and merging would give back."""
        return weighing.weigh(self._root, ref, steps)

    # --- records -----------------------------------------------------------------------------------

    def write_manifest(
        self, ref: ProfileRef, *, seq: int, base: int | None, changes: Iterable[Change]
    ) -> ManifestInfo:
        """Write the manifest of run ``seq`` durably, streaming."""
        return self._records.write_manifest(ref, seq=seq, base=base, changes=changes)

    def read_manifest(self, ref: ProfileRef, seq: int) -> Iterator[Change]:
        """The changes of a manifest in written order."""
        return self._records.read_manifest(ref, seq)

    def settle(self, ref: ProfileRef) -> None:
        """Make everything written so far durable."""
        self._records.settle(ref)

    def write_receipt(self, receipt: Receipt, *, settled: bool = False) -> str:
        """Make everything durable, then the receipt; return its digest."""
        return self._records.write_receipt(receipt, settled=settled)

    def receipts(self, ref: ProfileRef, *, after_seq: int = 0) -> Iterator[tuple[Receipt, str]]:
        """Receipts with their digests, by number."""
        return self._records.receipts(ref, after_seq=after_seq)

    def write_act(self, act: Act) -> str:
        """Write the act durably; return its digest."""
        return self._records.write_act(act)

    def acts(self, ref: ProfileRef, *, after: int = 0) -> Iterator[tuple[Act, str]]:
        """Acts with their digests, by number."""
        return self._records.acts(ref, after=after)


def _is_name(text: str) -> bool:
    try:
        checked_name(text, "folder")
    except InvalidInputError:
        return False
    return True


def _require_ours(top: int, path: Path) -> None:
    """Raises StorageError for a folder of somebody else's files: ours would stand among them."""
    names = sorted(os.listdir(top))
    if not {area[0] for area in AREAS}.intersection(names):
        others = [name for name in names if not name.startswith(".") and name not in _OF_FILE_SYSTEMS]
        if others:
            raise foreign_root(path, others)


def _make_area(top: int, area: tuple[str, ...]) -> None:
    fd = os.dup(top)
    for name in area:
        try:
            below = make_folder(os.fsencode(name), fd)
        finally:
            os.close(fd)
        fd = below
    os.close(fd)
