"""Push: what a transport is asked to bring back to a host, and what it reports."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from bckcore.domain.host import Host
from bckcore.domain.paths import RelPath
from bckcore.domain.transfer import PathProblem, TransferOptions
from bckcore.errors import InvalidInputError

MOST_STAGED = 10_000
"""Entries of one push at most, so that whoever carries it out may hold their names."""


class Conflict(StrEnum):
    """What happens to a file that stands where another one is to be restored."""

    OVERWRITE = "overwrite"
    """It goes; the restored one takes its place."""
    KEEP_BOTH = "keep-both"
    """It stays beside the restored one, under its name with a time behind it."""
    SKIP = "skip"
    """It stays, and nothing is restored there."""


class PushOutcome(StrEnum):
    """What became, or in a dry run would become, of one path on the host."""

    CREATED = "created"
    """Nothing stood there."""
    REPLACED = "replaced"
    """What stood there is gone."""
    KEPT_BOTH = "kept-both"
    """What stood there has the order's suffix behind its name now."""
    ADJUSTED = "adjusted"
    """The bytes were there; times, mode or owner were set. No copy is kept of what they were."""
    SKIPPED = "skipped"
    """Something stood there and was left as it is."""
    SAME = "same"
    """It stood there exactly so."""


def suffix_at(now: datetime) -> str:
    """What a file that is kept beside a restored one gets behind its name."""
    return f"~{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PushOrder:
    """One batch of a restore to a host."""

    host: Host
    target_path: str
    """Folder on the host, full and normal; made, with those above it, where it is missing."""
    label: str
    """What progress calls it: the source's name."""
    origin: Path
    """Folder of ours with at most 10,000 entries, as :mod:`bckcore.domain.stored_stat` describes them."""
    work_dir: Path
    """Private to this order: lists, logs."""
    conflict: Conflict
    suffix: str
    """Put behind the name of what is kept beside a restored file; see :func:`suffix_at`."""
    options: TransferOptions
    dry_run: bool = False
    frame: frozenset[RelPath] = frozenset()
    """Folders that only lead to what is restored: made where missing, else left as they are."""
    made: frozenset[RelPath] = frozenset()
    """Folders that earlier orders of the same restore made: their attributes are set, whatever
    ``conflict`` says."""
    inherit_fds: tuple[int, ...] = ()
    """Open locks that every process of the transfer must hold as long as it lives."""
    on_group: Callable[[int], None] = field(default=lambda _: None, compare=False)
    """To be told the number of each process group that holds them, as soon as it is there."""
    about_to_write: Callable[[str], None] = field(default=lambda _: None, compare=False)
    """For transports that write on this machine: called with the real path of the folder that the files go
    into, once it is held so that nobody can lead them elsewhere. Raises PathNotAllowedError for a place
    that is the installation's own."""

    def __post_init__(self) -> None:
        if (
            not self.suffix
            or "/" in self.suffix
            or not self.suffix.isascii()
            or not self.suffix.isprintable()
        ):
            raise InvalidInputError(f"{self.suffix!r} cannot stand behind a file name.")


@dataclass(frozen=True, slots=True)
class PushedPath:
    """One path of an order and what became of it."""

    path: RelPath
    outcome: PushOutcome
    is_folder: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PushReport:
    """What a push that came to its end did."""

    paths: tuple[PushedPath, ...]
    """Every path of the origin that is no problem, each once, in any order; without the folders of
    ``frame`` that were there already and those of ``made``."""
    problems: tuple[PathProblem, ...] = ()
    """Paths that could not be written as they should be; never more than the origin has."""
    bytes_sent: int = 0
    sets_owners: bool = True
    """False where the account on the host may not give files away: what it writes belongs to it."""
