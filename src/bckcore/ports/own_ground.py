"""OwnGround: what of this machine is the installation's own, so that no host may read or write it."""

from pathlib import Path
from typing import Protocol


class OwnGround(Protocol):
    """The backup storage, and the folders and files with keys, passwords and the database."""

    def overlap(self, path: Path, *, writing: bool = False) -> Path | None:
        """What of ours ``path`` lies in, is, or holds, as it stands now; None if it is apart from all.

        Links on the way and a second mount of a folder are seen through; ``path`` need not be there. With
        ``writing`` what may be read and not be changed is ours, too. Never raises.
        """
