"""Gather: the few small files of a source that have a say about its backup, looked for before it begins."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bckcore.domain.host import Host
from bckcore.domain.paths import RelPath
from bckcore.domain.source import Source
from bckcore.domain.transfer import TransferOptions

MOST_GATHERED = 1000
"""Files of one order at most; each costs time for every path that is read after it."""
LARGEST_GATHERED = 16 << 10
"""Bytes of one file at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatherOrder:
    """Every plain file of these names, wherever it stands in the source."""

    host: Host
    source: Source
    names: tuple[bytes, ...]
    """Plain names; in either case where the host ignores case."""
    filters: tuple[str, ...]
    """gitignore rules; folders that they hide are not looked into."""
    options: TransferOptions
    folder: Path
    """Does not exist yet, and is of this order only; its parent is private."""
    inherit_fds: tuple[int, ...] = ()
    """Open locks that every process of the transfer must hold as long as it lives."""
    on_group: Callable[[int], None] = field(default=lambda _: None, compare=False)
    """To be told the number of each process group that holds them, as soon as it is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """What was found. Nobody vouches for it: it is the host's."""

    files: tuple[tuple[RelPath, bytes], ...] = ()
    """Path and content, by path; at most 1,000, of at most 16 KiB."""
    too_large: tuple[RelPath, ...] = ()
    """Those of more than 16 KiB; the first 1,000."""
    no_files: tuple[RelPath, ...] = ()
    """Links, pipes and the like of those names: passed over, whatever they lead to; the first 1,000."""
    more: bool = False
    """True if there may be files that are in none of these."""
