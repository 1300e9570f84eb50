"""Put one thing into its place, whatever happens there meanwhile.

Between the look at a place and the moment when the thing is ready much time may pass, and people work in
the folder. So nothing but what was looked at gives way; when anything else turns up, it is decided again.
"""

import errno
import os

from bck_adapters.storage_fs.handles import PRIVATE, open_folder
from bck_adapters.storage_fs.naming import give_name, is_still, move_aside
from bck_adapters.storage_fs.placing import Look, Step, look_at
from bckcore.domain.file_version import EntryKind, FileEntry
from bckcore.ports.extraction import Placement

_TRIES = 100
"""Whoever changes a place that often between two system calls does so without end."""
_ACTING = (Step.MAKE, Step.REPLACE, Step.ASIDE)
"""What brings the thing there; the last that was needed is told."""


class _ChangedError(Exception):
    """What stands there is not what was looked at."""


_CHANGED = (_ChangedError, FileExistsError, FileNotFoundError, NotADirectoryError, IsADirectoryError)


class Place:
    """A name in a folder of the target that an entry is to have."""

    def __init__(self, entry: FileEntry, name: bytes, folder: int, placement: Placement) -> None:
        self._entry = entry
        self._name = name
        self._folder = folder
        self._placement = placement

    def look(self) -> Look:
        """What to do with it. Raises OSError."""
        return look_at(self._entry, self._name, self._folder, self._placement.conflict)

    def settle(self, look: Look, temporary: bytes = b"") -> Look:
        """Bring a new folder, or what stands under the temporary name, to its own; what that took.

        A look by which what is there stays is given back, be it the first or one taken anew. The temporary
        name may stay. Raises OSError.
        """
        taken = Step.MAKE
        for left in reversed(range(_TRIES)):
            if look.step not in _ACTING:
                return look
            try:
                taken = max(taken, self._cleared(look), key=_ACTING.index)
                self._put(look, temporary)
            except _CHANGED as exc:
                if not left:
                    raise OSError(errno.EBUSY, os.strerror(errno.EBUSY)) from exc
                look = self.look()
            else:
                return Look(taken)
        raise AssertionError("unreachable")

    def _cleared(self, look: Look) -> Step:
        """Make room. A folder with something in it is never deleted."""
        name, folder, step = self._name, self._folder, look.step
        if step is Step.REPLACE:
            if look.info is None or not is_still(name, folder, look.info):
                raise _ChangedError
            if look.is_folder:
                step = self._removed()
            elif self._entry.kind is EntryKind.FOLDER:
                os.unlink(name, dir_fd=folder)
        if step is Step.ASIDE:
            move_aside(name, self._placement.suffix, folder)
        return step

    def _removed(self) -> Step:
        try:
            os.rmdir(self._name, dir_fd=self._folder)
        except OSError as exc:
            if exc.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            return Step.ASIDE
        return Step.REPLACE

    def _put(self, look: Look, temporary: bytes) -> None:
        name, folder = self._name, self._folder
        if self._entry.kind is EntryKind.FOLDER:
            os.mkdir(name, PRIVATE, dir_fd=folder)
            os.close(open_folder(name, folder, usable=True))  # whatever the umask
        elif look.step is Step.REPLACE and not look.is_folder:
            os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
        else:
            give_name(temporary, name, folder)
