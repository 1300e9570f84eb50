"""Pour one tree of displaced files into another, so that the older entry of a path wins whole.

Both fold and merge are this walk. It may be cut before or after any of its steps and repeated: a
winner is moved by one rename, a loser is unlinked, and what is left to do is what is left in the
origin. Folders mean nothing by themselves: they are made when the first file needs them, and an empty
one never stands in the way of a file.
"""

import os
from dataclasses import dataclass

from bck_adapters.storage_fs.errors import ABSENT
from bck_adapters.storage_fs.handles import (
    Descent,
    entries,
    is_folder,
    open_folder,
    remove_if_hollow,
    remove_tree,
)


@dataclass(kw_only=True)
class Counts:
    """How many files were moved, how many lost and were freed, how many went back to the twin."""

    moved: int = 0
    freed: int = 0
    given_back: int = 0


class Pour:
    """One walk. ``origin`` is emptied; ``goal`` stands at the tree's top or at a folder above it.

    ``prefix`` names the folders from the goal's start down to the tree. With ``origin_wins`` the origin
    is the older of the two, else the goal is. An entry of the origin that is the same inode as ``twin``'s
    at the same path is dropped. With ``gives_back``, one that the twin lacks, while having its folder, goes
    there. Renaming whole folders is allowed where no twin must be compared.
    """

    def __init__(
        self,
        origin: Descent,
        goal: Descent,
        *,
        prefix: list[bytes],
        origin_wins: bool,
        twin: Descent | None = None,
        gives_back: bool = False,
    ) -> None:
        self._origin = origin
        self._goal = goal
        self._prefix = prefix
        self._origin_wins = origin_wins
        self._twin = twin
        self._gives_back = gives_back
        self.counts = Counts()

    def run(self) -> Counts:
        """Empty the origin; its own folder stays."""
        self._goal.reach(self._prefix)
        waiting = [self._move_files()]
        while waiting:
            if waiting[-1]:
                if self._enter(waiting[-1].pop()):
                    waiting.append(self._move_files())
                continue
            waiting.pop()
            if waiting:
                self._leave()
        return self.counts

    @property
    def _level(self) -> bool:
        """True if the goal has the folder that the origin stands in, and stands in it."""
        return self._goal.depth == len(self._prefix) + self._origin.depth

    def _enter(self, name: bytes) -> bool:
        """Go down into the origin's folder ``name``; False if it is dealt with already."""
        if self._level:
            try:
                self._goal.enter(name)
            except FileNotFoundError:
                if self._twin is None:
                    # A folder that its owner may not write cannot be moved: its `..` changes.
                    os.close(open_folder(name, self._origin.fd, usable=True))
                    _move(name, self._origin, self._goal)
                    return False
            except OSError as exc:
                if exc.errno not in ABSENT:
                    raise
                if not self._origin_wins:
                    self.counts.freed += remove_tree(self._origin.fd, name)
                    return False
        self._origin.enter(name)
        return True

    def _leave(self) -> None:
        if self._level:
            self._goal.leave()
        os.rmdir(self._origin.leave(), dir_fd=self._origin.fd)

    def _move_files(self) -> list[bytes]:
        """Deal with everything here that is no folder; return the folders."""
        folders = []
        for entry in entries(self._origin.fd):
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.name)
            else:
                self._move_file(entry.name)
        return folders

    def _move_file(self, name: bytes) -> None:
        if self._gives_back and self._twin is not None and self._given_back(name, self._twin):
            self.counts.given_back += 1
            return
        if self._is_twin(name) or (self._level and not self._make_way(name)):
            os.unlink(name, dir_fd=self._origin.fd)
            self.counts.freed += 1
            return
        self._make_folders()
        _move(name, self._origin, self._goal)
        self.counts.moved += 1

    def _make_way(self, name: bytes) -> bool:
        """Free the goal's entry if it loses; False if it wins."""
        kind = is_folder(name, self._goal.fd)
        if kind is None:
            return True
        if self._origin_wins:
            self.counts.freed += remove_tree(self._goal.fd, name)
            return True
        return kind and remove_if_hollow(self._goal.fd, name)

    def _make_folders(self) -> None:
        """Make the folders that the goal lacks; a file in the way of the first one has lost."""
        for name in [*self._prefix, *self._origin.names][self._goal.depth :]:
            loses = self._origin_wins and self._goal.depth >= len(self._prefix)
            if loses and is_folder(name, self._goal.fd) is False:
                os.unlink(name, dir_fd=self._goal.fd)
                self.counts.freed += 1
            self._goal.make(name)

    def _given_back(self, name: bytes, twin: Descent) -> bool:
        """Move it to the twin if that has its folder and nothing of its name; False if it has."""
        try:
            if not twin.reach(self._origin.names) or is_folder(name, twin.fd) is not None:
                return False
            _move(name, self._origin, twin)
        except PermissionError:
            return False  # a closed folder: the increment takes it
        return True

    def _is_twin(self, name: bytes) -> bool:
        if self._twin is None:
            return False
        mine = os.stat(name, dir_fd=self._origin.fd, follow_symlinks=False)
        if mine.st_nlink < 2:
            return False
        try:
            if not self._twin.reach(self._origin.names):
                return False
            other = os.stat(name, dir_fd=self._twin.fd, follow_symlinks=False)
        except (FileNotFoundError, PermissionError):
            return False  # keeping a second name of the same file is harmless
        return (mine.st_dev, mine.st_ino) == (other.st_dev, other.st_ino)


def _move(name: bytes, origin: Descent, goal: Descent) -> None:
    os.rename(name, name, src_dir_fd=origin.fd, dst_dir_fd=goal.fd)
