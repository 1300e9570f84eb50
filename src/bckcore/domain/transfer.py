"""Transfer: what a transport is asked for, and what it reports."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from bckcore.domain.file_version import EntryKind
from bckcore.domain.host import Host
from bckcore.domain.ids import RunId
from bckcore.domain.paths import RelPath
from bckcore.domain.source import Source
from bckcore.errors import InvalidInputError

FASTEST = 1 << 40
LONGEST_CONNECT = 3_600
LONGEST_IDLE = 86_400
LONGEST_TOTAL = 31 * 86_400
MOST_ATTEMPTS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferOptions:
    """How a profile's files travel. Times are seconds."""

    compress: bool = False
    bandwidth_limit: int | None = None
    """Bytes per second; None for no limit."""
    connect_timeout: int = 20
    """Until the host answers."""
    idle_timeout: int = 300
    """Longest time in which nothing arrives, once it has answered."""
    total_timeout: int | None = None
    """Of a whole run, or restore to the host, with folders, retries and waits between; None for no limit."""
    attempts: int = 3
    """How often a source is tried in one run when the error may pass."""

    def __post_init__(self) -> None:
        if self.bandwidth_limit is not None and not 1024 <= self.bandwidth_limit <= FASTEST:
            raise InvalidInputError(f"A bandwidth limit is 1024 to {FASTEST} bytes per second.")
        total = 1 if self.total_timeout is None else self.total_timeout
        limits = (
            ("A timeout for connecting", "seconds", self.connect_timeout, LONGEST_CONNECT),
            ("An idle timeout", "seconds", self.idle_timeout, LONGEST_IDLE),
            ("A timeout of a whole run", "seconds", total, LONGEST_TOTAL),
            ("The number of attempts", "", self.attempts, MOST_ATTEMPTS),
        )
        for what, unit, value, most in limits:
            if not 1 <= value <= most:
                raise InvalidInputError(f"{what} is 1 to {most} {unit}".rstrip() + f", not {value}.")


def _nobody(_: int) -> None:
    """For orders whose groups nobody asks about; a name, so that an order can be sent to a process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PullOrder:
    """One attempt at one source. All folders exist, lie on one file system, and belong to this attempt."""

    run: RunId
    attempt: int
    host: Host
    source: Source
    filters: tuple[str, ...]
    """gitignore rules, first to last; on a platform that ignores case they fit names in either case."""
    options: TransferOptions
    destination: Path
    """``current/<host>/<profile>/<source>``; only the PC's files ever lie there."""
    displaced_dir: Path
    """Empty at the start; whatever is overwritten or removed goes there under its relative path."""
    partial_dir: Path
    """Kept between attempts, so that a cut transfer goes on where it stopped."""
    temp_dir: Path
    work_dir: Path
    """Private to the attempt: logs, control files."""
    max_size: int | None = None
    """Files of more bytes are left out; those the storage has of them stay as they are."""
    inherit_fds: tuple[int, ...] = ()
    """Open locks that every process of the transfer must hold as long as it lives."""
    on_group: Callable[[int], None] = field(default=_nobody, compare=False)
    """To be told the number of each process group that holds them, as soon as it is there."""


class Phase(StrEnum):
    """What a job of ours is at. A transport of somebody else may name others."""

    WAITING = "waiting"
    """For other work on the profile's storage."""
    CONNECTING = "connecting"
    FILTERS = "filters"
    """Reads the rules that lie on the PC."""
    LISTING = "listing"
    """Nothing had to be sent yet."""
    TRANSFERRING = "transferring"
    CATALOGUING = "cataloguing"
    FOLDING = "folding"
    RESTORING = "restoring"
    """Writes: what is there from then on may be the job's own."""
    PRUNING = "pruning"
    UNDOING = "undoing"
    CHECKING = "checking"
    PREVIEWING = "previewing"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferProgress:
    """How far a job is. Sizes are bytes; None means honestly unknown."""

    phase: str = ""
    """A :class:`Phase`, or another word of a transport; empty before anything is known."""
    source: str = ""
    source_number: int = 0
    """Which of the run's sources that is, from 1; 0 where that means nothing."""
    source_count: int = 0
    files_seen: int = 0
    """Paths of the source looked at so far, folders too."""
    files_total: int | None = None
    """Paths the source holds: as the transport says, else as the last run saw."""
    files_done: int = 0
    """Files that were sent."""
    bytes_done: int = 0
    bytes_per_second: int | None = None
    percent: int | None = None
    """Of all sources; it never falls within a phase."""
    eta_seconds: int | None = None
    estimated: bool = False
    """True where total, percent or remaining time rest on what the last run saw."""
    current_file: str = ""
    """For display, already escaped."""

    def finished(self, *, whole: bool) -> "TransferProgress":
        """What is left to say at the end; ``whole`` tells that the work went through."""
        return replace(
            self,
            phase=Phase.FINISHED,
            source="",
            source_number=0,
            source_count=0,
            files_total=None,
            bytes_per_second=None,
            percent=100 if whole else None,
            eta_seconds=None,
            estimated=False,
            current_file="",
        )


class ProblemKind(StrEnum):
    """Why a path is not as it should be."""

    UNLISTED = "unlisted"
    """A folder could not be listed: all beneath keeps its last state."""
    UNREADABLE = "unreadable"
    """Present, not readable: the version before carries on, stale."""
    VANISHED = "vanished"
    """Disappeared while the run read it; decided by the next run."""
    NOT_STORED = "not-stored"
    """The storage could not take it: name too long, for instance."""
    HARMED = "harmed"
    """The stored copy was no longer what had been backed up; the host's took its place."""
    FORGED = "forged"
    """The host sent, unasked, other bytes that looks cannot tell from those before; both are kept."""
    NOT_RESTORED = "not-restored"
    """A restore could not write it."""
    FILTER = "filter"
    """A rule in a .bckignore file could not be used, or the file could not; nothing is left out by it."""
    UNKNOWN = "unknown"
    """A message that is not understood; the whole listing counts as incomplete."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PathProblem:
    """One path that needs a person's attention."""

    kind: ProblemKind
    path: bytes
    """Relative to the source where known, else as the transport named it."""
    message: str
    """The program's own words, escaped for display."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A path whose line in the transport's listing says that something about it may have changed."""

    path: RelPath
    kind: EntryKind
    size: int | None
    mtime: int | None
    """Whole seconds; hints only, the store is asked for the truth."""
    digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferStats:
    """What one attempt read and moved."""

    files_seen: int = 0
    files_sent: int = 0
    bytes_seen: int = 0
    bytes_sent: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFacts:
    """What probing a host found."""

    rsync_version: str
    host_key: str = ""
    """As pinned; empty for transports without one."""
    latency_ms: int = 0
    sources: tuple[tuple[str, bool], ...] = ()
    """Each asked path and whether it could be listed."""
    gate: str = ""
    """The version of the gate that guards the host; empty where there is none that answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportCapabilities:
    """What a transport can do."""

    digests: bool
    """Listings carry xxh128 digests of what was sent."""
    compresses: bool
    remote: bool
    """Needs an address and a key."""
    platforms: frozenset[str] = field(default_factory=lambda: frozenset({"posix"}))
