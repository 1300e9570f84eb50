"""Increments: merge one into the next newer, free one."""

import os

from bck_adapters.storage_fs.errors import ABSENT, storage_error, translated
from bck_adapters.storage_fs.handles import Descent, entries, is_folder, remove_tree
from bck_adapters.storage_fs.pour import Pour
from bck_adapters.storage_fs.root import HISTORY, Root, increment_names, profile_names
from bckcore.domain.ids import RunId, is_run_id
from bckcore.domain.run import ProfileRef


class History:
    """What runs displaced, ``.history/<run_id>/<host>/<profile>/<source>/…``."""

    def __init__(self, root: Root) -> None:
        self._root = root

    def merge(self, ref: ProfileRef, older: RunId, newer: RunId) -> None:
        """Pour ``older`` into ``newer``; ``older``'s entries win."""
        if older == newer:
            return
        names = increment_names(ref, older)
        with translated("merging increments", self._root.place(*names)):
            fd = self._root.find(*names, usable=True)
            if fd is not None:
                with Descent(fd, usable=True) as origin:
                    self._merge(origin, names, increment_names(ref, newer))
            self._root.drop_empty(*names)

    def _merge(self, origin: Descent, old: tuple[str, ...], new: tuple[str, ...]) -> None:
        if self._moved_whole(old, new):
            return
        with Descent(self._root.make(*new), usable=True) as goal:
            try:
                Pour(origin, goal, prefix=[], origin_wins=True).run()
            except OSError as exc:
                here = b"/".join([os.fsencode(self._root.place(*old)), *origin.names])
                raise storage_error(exc, "merging increments", here) from exc

    def _moved_whole(self, old: tuple[str, ...], new: tuple[str, ...]) -> bool:
        """Rename the whole increment if the newer one does not exist."""
        name = os.fsencode(old[-1])
        goal = self._root.make(*new[:-1])
        try:
            if is_folder(name, goal) is not None:
                return False
            origin = self._root.find(*old[:-1])
            if origin is None:
                return False
            try:
                os.rename(name, name, src_dir_fd=origin, dst_dir_fd=goal)
            finally:
                os.close(origin)
        finally:
            os.close(goal)
        return True

    def increments(self, ref: ProfileRef) -> list[RunId]:
        """Runs whose increment of the profile stands and holds something, by run id."""
        with translated("listing increments", self._root.place(HISTORY)):
            fd = self._root.find(HISTORY)
            assert fd is not None  # noqa: S101  # find never gives None for an area
            try:
                found = [RunId(name) for name in os.listdir(fd) if _there(fd, ref, name) and is_run_id(name)]
            finally:
                os.close(fd)
            return [run for run in sorted(found) if self._holds(ref, run)]

    def _holds(self, ref: ProfileRef, run: RunId) -> bool:
        fd = self._root.find(*increment_names(ref, run), usable=True)
        if fd is None:
            return False
        try:
            return any(True for _ in entries(fd))
        finally:
            os.close(fd)

    def free(self, ref: ProfileRef, run: RunId) -> None:
        """Delete the increment."""
        names = increment_names(ref, run)
        with translated("freeing an increment", self._root.place(*names)):
            parent = self._root.find(*names[:-1], usable=True)
            if parent is not None:
                try:
                    remove_tree(parent, os.fsencode(names[-1]))
                finally:
                    os.close(parent)
            self._root.drop_empty(*names)


def _there(history: int, ref: ProfileRef, run: str) -> bool:
    """A cheap look, for most run folders are of other profiles; what it finds is opened step by step."""
    try:
        os.stat("/".join((run, *profile_names(ref))), dir_fd=history, follow_symlinks=False)
    except OSError as exc:
        if exc.errno in ABSENT:
            return False
        raise
    return True
