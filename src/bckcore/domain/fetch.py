"""Fetch: single files that are read again from a host, beside and not into the storage."""

from dataclasses import dataclass
from pathlib import Path

from bckcore.domain.host import Host
from bckcore.domain.paths import RelPath
from bckcore.domain.source import Source
from bckcore.domain.transfer import TransferOptions

MOST_FETCHED = 200
"""Files of one order at most."""
FETCHED = "files"


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchOrder:
    """Some files of one source."""

    host: Host
    source: Source
    paths: tuple[RelPath, ...]
    """At most 200, of plain files."""
    largest: int
    """Bytes of the largest of them, as the storage knows it; what has more has changed and is left out."""
    options: TransferOptions
    folder: Path
    """Fresh, empty and of this order only; the files come into its folder ``files``."""
    inherit_fds: tuple[int, ...] = ()
    """Open locks that every process of the transfer must hold as long as it lives."""

    @property
    def destination(self) -> Path:
        """Where the files come."""
        return self.folder / FETCHED
