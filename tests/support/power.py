"""The power goes: what no sync of the storage has made durable is undone, and the database keeps its commits.

The worst that a disk may do: every file and every rename since the last sync is lost. Records are synced one
by one, and stay.
"""

import subprocess
from pathlib import Path

from bck_adapters.storage_fs import FsStorage
from bckcore.domain.run import ProfileRef

AREAS = ("current", ".history", ".work")
"""All but ``.receipts``."""


class Power:
    """What the disk of a storage holds for sure. Says so only from when it is made."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._disk = root.with_name(root.name + ".disk")
        self._disk.mkdir(exist_ok=True)
        self.synced()

    def synced(self) -> None:
        """The whole storage has been synced."""
        _replaced(self._root, self._disk)

    def cut(self) -> None:
        """Nobody works in the storage; leave what the disk holds."""
        _replaced(self._disk, self._root)


class MainsStorage(FsStorage):
    """The storage on disk, whose power can be cut where ``power`` is set."""

    power: Power | None = None

    def settle(self, ref: ProfileRef) -> None:
        """See the port."""
        super().settle(ref)
        if self.power is not None:
            self.power.synced()


def _replaced(origin: Path, goal: Path) -> None:
    """By programs of their own: a planted crash at a system call must not hit the disk."""
    subprocess.run(["rm", "-rf", "--", *(goal / area for area in AREAS)], check=True)
    subprocess.run(["cp", "-a", "--", *(origin / area for area in AREAS), goal], check=True)
