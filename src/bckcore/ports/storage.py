"""Storage: current, history and receipts below one root."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bckcore.domain.act import Act
from bckcore.domain.file_version import FileEntry
from bckcore.domain.ids import HostId, JobId, RunId, SourceName
from bckcore.domain.manifest import Change, ManifestInfo
from bckcore.domain.paths import RelPath
from bckcore.domain.receipt import Receipt
from bckcore.domain.run import ProfileRef
from bckcore.domain.transfer import PathProblem
from bckcore.ports.extraction import ContentStore, Wanted
from bckcore.ports.put_back import HistoryEdits
from bckcore.ports.records import RecordStore
from bckcore.ports.verification import StoreVerification


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptDirs:
    """The folders of one attempt; see PullOrder for what each is for."""

    number: int
    """Unique in the storage root."""
    ref: ProfileRef
    run: RunId
    source: SourceName
    destination: Path
    displaced_dir: Path
    partial_dir: Path
    temp_dir: Path
    work_dir: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedBatch:
    """Entries of a point, ready to be sent to a host; see PushOrder. Gone when the next one is made."""

    origin: Path
    """Holds them in the form of :mod:`bckcore.domain.stored_stat`, with the folders above them."""
    work_dir: Path
    """Empty; for lists and logs of the one who sends them."""
    folders: frozenset[RelPath]
    """Every folder in ``origin`` that carries its attributes."""
    last: RelPath
    """The last of the entries in their order; those to come sort behind it."""
    files: int
    """All entries but folders."""
    bytes: int
    problems: tuple[PathProblem, ...] = ()
    """Entries whose bytes cannot be had; they are not in ``origin``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldReport:
    """What a fold did; counts are files."""

    moved: int = 0
    freed: int = 0
    """Entries that lost against an older one of the same run, or were the same inode as current."""
    given_back: int = 0
    """Entries that went back into ``current``, where nothing stood in their place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn:
    """What became of copies that were taken for harmed."""

    aside: Sequence[RelPath] = ()
    """Harmed indeed: they left the increment, and belong to no point."""
    forged: Sequence[RelPath] = ()
    """What was backed up, every byte of it, while ``current`` has got other bytes: they stay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSpace:
    """Room in the storage; inodes are None where the file system has no fixed number."""

    bytes_total: int
    bytes_free: int
    inodes_free: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreUsage:
    """What all that is stored of a host takes."""

    bytes: int
    """On the disk; holes take nothing."""
    inodes: int
    """Files and folders."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageFinding:
    """One thing ``doctor`` looked at."""

    name: str
    ok: bool
    detail: str
    remark: bool = False
    """True for what is not as good as it could be and may have to stay so: it is told and fails nothing."""

    @property
    def level(self) -> str:
        """``ok``, ``remark`` or ``bad``."""
        return ("remark" if self.remark else "ok") if self.ok else "bad"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileLock:
    """A held storage lock. Processes that inherit ``fd`` keep it held as long as they live."""

    ref: ProfileRef
    fd: int
    note_group: Callable[[int], None] = lambda _: None
    """To be told the number of each process group that inherits ``fd``, as soon as it is there."""


LOCK_WAIT_SECONDS = 30.0
"""How long a person who asked for something waits for a storage lock; a job waits longer."""


class LockRight(Protocol):
    """On whose behalf a storage lock is taken, and what it knows of whoever holds it already."""

    @property
    def job(self) -> JobId:
        """The job that takes it; empty where none does."""

    @property
    def token(self) -> str:
        """The token of that job's claim."""

    def is_over(self, job: JobId, token: str) -> bool:
        """True if that claim surely holds no longer, or its lease has ended: its owner must not go on."""

    def tell(self, sentence: str) -> None:
        """Something a person who waits should know."""

    def wait(self, sentence: str) -> None:
        """The lock is not free, and whoever takes it waits; told once."""

    def is_cancelled(self) -> bool:
        """True if whoever waits for the lock is to stop waiting."""


class Storage(StoreVerification, RecordStore, HistoryEdits, ContentStore, Protocol):
    """Files of all profiles below one root, on one file system.

    Every move, merge and delete walks by directory handles, one component at a time, and never goes
    through a link. Methods that change a profile's files are called with its lock held. Raises
    StorageError for damage, StoreFullError when no room is left; other OSErrors never get out.
    """

    def prepare(self) -> None:
        """Make the root usable: folders, README. Safe to repeat.

        Raises StorageError if the file system cannot do what is needed (user xattrs, one file system).
        """

    def inspect(self) -> Sequence[StorageFinding]:
        """Look at the root without changing it, for ``doctor``. Never raises."""

    def space(self) -> StoreSpace:
        """Room left."""

    def usage(self, host: HostId) -> StoreUsage:
        """What everything of that host takes now: current, history, records, half-sent files, attempts, and
        what was set aside.

        Costs a walk over all of it; zero for a host of which nothing is stored.
        """

    def lock(
        self, ref: ProfileRef, *, wait_seconds: float | None = None, right: LockRight | None = None
    ) -> AbstractContextManager[ProfileLock]:
        """Hold the profile's lock. Raises StoreBusyError when it is still held after the wait, and
        JobCancelledError when ``right`` says meanwhile that nobody wants it any more.

        Without ``wait_seconds`` a job waits as long as it is wanted, and ``right`` is told; whoever is no
        job waits LOCK_WAIT_SECONDS.

        Who holds it is written down beside it. A holder that is dead, or whose claim ``right`` says is over
        and that does not let go by itself, is ended with all its process groups, if it is one of this
        machine's; on another machine it is waited for, and ``right`` is told. A holder whose claim
        holds is never touched.
        """

    def begin_attempt(self, ref: ProfileRef, run: RunId, source: SourceName) -> AttemptDirs:
        """Make fresh, empty folders for one attempt, durable enough that recovery finds them."""

    def fold(self, attempt: AttemptDirs, *, gives_back: bool = False) -> FoldReport:
        """Put what the attempt displaced into the run's increment and remove the attempt's folders.

        The oldest entry of a run wins whole, also where types conflict at or above a path. May be cut
        anywhere and repeated. The listing in ``work_dir`` and all temporary files go first, for in a full
        storage there would be no room to keep anything: read it before, or use :meth:`keep_displaced`.
        With ``gives_back``, for an attempt that was cut: a file in whose place nothing came, its folder
        still there, goes back into ``current``, so that a next run that does not see it can carry it on.
        """

    def keep_displaced(self, attempt: AttemptDirs) -> FoldReport:
        """The first half of :meth:`fold`: empty ``displaced_dir`` into the increment, keep ``work_dir``."""

    def unfolded(self, ref: ProfileRef) -> Sequence[AttemptDirs]:
        """Attempts that a crash left, oldest first."""

    def stat(
        self, ref: ProfileRef, source: SourceName, paths: Iterable[RelPath]
    ) -> Iterator[tuple[RelPath, FileEntry | None]]:
        """What stands in ``current`` at each path, in the order asked; None where nothing does."""

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
        """Get ``wanted`` ready for a push, in batches, one at a time; the end of the context removes all.

        Order of ``wanted`` and origin of the bytes as in :meth:`extract`; files up to 256 KiB, with
        ``verify`` larger ones, too, are compared with their digest, and what cannot be had is among the
        problems of its batch. A folder stands in each batch
        that holds something of it, so that its time can be set again after each. A batch has at most
        10,000 entries and takes at most about 1 GiB of the storage, a single larger file excepted. ``moved``
        hears of bytes that are copied, at least every 16 MiB; what it raises ends the work. Raises
        StoreFullError when there is no room for one; what a crash left goes with :meth:`prepare` and with
        the next call.
        """

    def merge(self, ref: ProfileRef, older: RunId, newer: RunId) -> None:
        """Move every entry of ``older``'s increment into ``newer``'s; ``older``'s entry wins whole.

        May be cut anywhere and repeated. A missing increment is an empty one.
        """

    def withdraw(
        self, ref: ProfileRef, run: RunId, source: SourceName, taken: Sequence[FileEntry]
    ) -> Withdrawn:
        """Of what the run displaced, move to ``.work/aside`` what had been harmed in ``current`` before.

        No point must find that. ``taken``: the live state of plain files that were sent though nothing had
        changed, so that what they displaced is taken for harmed. It is read before it is believed: what has
        the size and the known digest - or, while that is unknown, size and time - of the live state is what
        was backed up, and stays in the increment for the points before. May be repeated.
        """

    def drop_aside(self, ref: ProfileRef, before: RunId) -> int:
        """Remove what runs before that one set aside; return how many files. Safe to repeat."""

    def free(self, ref: ProfileRef, run: RunId) -> None:
        """Delete the run's increment. Safe to repeat."""

    def weigh(self, ref: ProfileRef, steps: Sequence[tuple[RunId, RunId | None]]) -> int:
        """Bytes of disk that these steps, done in order, would give back; moves and deletes nothing.

        ``(older, newer)`` stands for :meth:`merge`, ``(run, None)`` for :meth:`free`. Counted is what
        the files take up on the disk, content with several names when its last one goes; not folders.
        Without the lock the answer may be off by what others change meanwhile.
        """

    def write_manifest(
        self, ref: ProfileRef, *, seq: int, base: int | None, changes: Iterable[Change]
    ) -> ManifestInfo:
        """Write the manifest of run ``seq`` durably, streaming. An earlier one of that run is replaced."""

    def read_manifest(self, ref: ProfileRef, seq: int) -> Iterator[Change]:
        """The changes of a manifest in written order. Raises NotFoundError, StorageError."""

    def settle(self, ref: ProfileRef) -> None:
        """Make everything written so far durable (syncfs). May take long where much was written.

        Called with the profile's lock held. Raises StorageError also for what the disk has failed to write
        since the lock was taken, whoever heard of that before. Until it returns, a power cut may undo every
        move, merge and delete: no database is told before that they are done.
        """

    def write_receipt(self, receipt: Receipt, *, settled: bool = False) -> str:
        """Make everything written so far durable (syncfs), then the receipt; return its digest.

        ``settled``: the caller has just called :meth:`settle`; only the receipt is left to be made durable.
        By temp file, fsync, rename. Raises ConflictError if another receipt of that number exists.
        """

    def receipts(self, ref: ProfileRef, *, after_seq: int = 0) -> Iterator[tuple[Receipt, str]]:
        """Receipts with their digests, by number."""

    def write_act(self, act: Act) -> str:
        """Write the act durably and return its digest. The same act again changes nothing.

        By temp file, fsync, rename. Raises ConflictError if another act of that number exists.
        """

    def acts(self, ref: ProfileRef, *, after: int = 0) -> Iterator[tuple[Act, str]]:
        """Acts with their digests, by number. Raises StorageError for one that is damaged."""

    def profiles(self) -> Sequence[ProfileRef]:
        """Every profile that has receipts or files here, by name."""

    def free_attempt_space(self, ref: ProfileRef, source: SourceName) -> None:
        """Remove partial files that a finished source no longer needs."""
