"""RestoreTargets: folders on this server that restores may write into."""

from pathlib import Path
from typing import Protocol, Self


class ClaimedTarget(Protocol):
    """One folder, held from the claim to the end of the ``with`` block."""

    @property
    def path(self) -> Path:
        """Where it was when it was claimed, full, links above it resolved."""

    @property
    def handle(self) -> int:
        """The open folder itself: it stays the same one, whatever is moved or swapped on its path."""

    def __enter__(self) -> Self:
        """Itself."""

    def __exit__(self, *_exc: object) -> None:
        """Let go of it; nothing in it changes."""


class RestoreTargets(Protocol):
    """Never in or around the backup storage or the installation's own folder, and never a link."""

    def claim(self, path: Path, *, filled: bool = False) -> ClaimedTarget:
        """Make or take a folder and hold it; one call serves a whole restore.

        Raises ConflictError if it is no folder, or holds anything and may not be ``filled``; RefusedError
        for a link and inside the backup storage, also where a link is put on its way meanwhile;
        InvalidInputError for what can be no folder. What is refused was not made.
        """

    def look(self, path: Path, *, filled: bool = False) -> Path:
        """The full path of the same, without making or holding anything; the folder need not be there."""

    def require_apart(self, file: Path) -> None:
        """Raise RefusedError if a file of that name would lie in the storage or the installation's folder."""
