"""RestoreTargets: folders on this server that restores may write into."""

from pathlib import Path
from typing import Protocol


class RestoreTargets(Protocol):
    """Never in or around the backup storage or the installation's own folder, and never a link."""

    def claim(self, path: Path, *, filled: bool = False) -> Path:
        """Make or take a folder and return its full path, links above it resolved.

        Raises ConflictError if it is no folder, or holds anything and may not be ``filled``; RefusedError
        for a link and inside the backup storage; InvalidInputError for what can be no folder.
        What is refused was not made.
        """

    def look(self, path: Path, *, filled: bool = False) -> Path:
        """The same without making anything; the folder need not be there."""
