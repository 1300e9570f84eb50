"""Target: where restore points are kept."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A backup storage root: one folder on one file system of this server."""

    root: Path
