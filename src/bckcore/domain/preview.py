"""Preview: what a pull of a source would do now, found out without changing anything."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from bckcore.domain.file_version import EntryKind
from bckcore.domain.host import Host
from bckcore.domain.paths import RelPath
from bckcore.domain.source import Source
from bckcore.domain.transfer import PathProblem, TransferOptions, TransferStats


class Coming(StrEnum):
    """What a pull would do with a path."""

    NEW = "new"
    CHANGED = "changed"
    """Other content, or another kind of thing."""
    ATTRIBUTES = "attributes"
    """Time, mode or owner only."""


@dataclass(frozen=True, slots=True)
class Foreseen:
    """One path that a pull would touch."""

    path: RelPath
    kind: EntryKind
    coming: Coming
    size: int
    """Bytes of a file; of what changed in part, less may be sent."""


@dataclass(frozen=True, slots=True)
class Hidden:
    """A path that a rule hides, or the topmost folder of many; nobody looked into it."""

    path: RelPath
    is_folder: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewOrder:
    """A look at one source."""

    host: Host
    source: Source
    filters: tuple[str, ...]
    """As those of a PullOrder."""
    max_size: int | None = None
    options: TransferOptions
    destination: Path
    """What a pull would compare with and write to; only read."""
    work_dir: Path
    """Private, empty, and of this order only: for lists that are too long for memory."""
    inherit_fds: tuple[int, ...] = ()
    """Open locks that every process of the transfer must hold as long as it lives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewReport:
    """What was found. The lists may be walked several times, as long as the work folder stands."""

    paths: Iterable[RelPath]
    """Every path that a pull would see, the root included."""
    foreseen: Iterable[Foreseen]
    """Those it would touch."""
    hidden: Iterable[Hidden] = ()
    too_large: Iterable[RelPath] = ()
    stats: TransferStats = field(default_factory=TransferStats)
    """``files_sent`` and ``bytes_sent`` say nothing here."""
    problems: tuple[PathProblem, ...] = ()
    """The first 1,000 of what a pull could not read."""
    problem_count: int = 0
    unlisted: frozenset[RelPath] = frozenset()
    vanished: frozenset[RelPath] = frozenset()
