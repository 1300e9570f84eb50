"""The storage root: its areas, and how each folder below it is reached."""

import errno
import os
from contextlib import suppress
from pathlib import Path

from bck_adapters.storage_fs.errors import ABSENT
from bck_adapters.storage_fs.handles import make_folder, open_folder
from bckcore.domain.ids import RunId, SourceName, checked_name, checked_run_id
from bckcore.domain.run import ProfileRef
from bckcore.errors import StorageError

CURRENT = "current"
HISTORY = ".history"
RECEIPTS = ".receipts"
WORK = ".work"
ATTEMPTS = "a"
PARTIAL = "partial"
STAGING = "r"
ASIDE = "aside"
LOCKS = "locks"
README = "README.txt"
AREAS = ((CURRENT,), (HISTORY,), (RECEIPTS,), (WORK,), (WORK, ATTEMPTS), (WORK, PARTIAL), (WORK, LOCKS))


def profile_names(ref: ProfileRef) -> tuple[str, str]:
    """The folders of a profile inside an area; checked, because they become part of a path."""
    return checked_name(ref.host, "host"), checked_name(ref.profile, "profile")


def source_names(ref: ProfileRef, source: SourceName) -> tuple[str, str, str]:
    """The folders of a source inside an area."""
    return (*profile_names(ref), checked_name(source, "source"))


def increment_names(ref: ProfileRef, run: RunId) -> tuple[str, str, str, str]:
    """The folders of a profile's increment below the root."""
    return (HISTORY, checked_run_id(run), *profile_names(ref))


def aside_names(ref: ProfileRef, run: RunId) -> tuple[str, str, str, str, str]:
    """The folders below the root of what a run of the profile found harmed."""
    return (WORK, ASIDE, *increment_names(ref, run)[1:])


class Root:
    """The folder that holds everything. It may be reached by links; nothing below it may be one."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()

    def place(self, *names: str) -> Path:
        """The full path of a folder or file, for people and for programs we start."""
        return self.path.joinpath(*names)

    def open(self) -> int:
        """A handle of the root. Raises StorageError if it is not there."""
        try:
            return os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as exc:
            if exc.errno not in ABSENT:
                raise
            raise self._unprepared(self.path) from exc

    def _unprepared(self, path: Path) -> StorageError:
        return StorageError(
            f"The backup storage is not ready: {path} is not a folder.",
            meaning="The disk is not mounted, or this storage was never set up.",
            advice="Mount the disk. If it is gone for good, begin anew: `bck init`, with another BCK_HOME.",
        )

    def find(self, *names: str, usable: bool = False) -> int | None:
        """A handle of the folder, None if it is not there. Raises StorageError if its area is missing."""
        fd = self.open()
        for depth, name in enumerate(names):
            try:
                below = open_folder(os.fsencode(name), fd, usable=usable)
            except OSError as exc:
                if exc.errno not in ABSENT:
                    raise
                if depth == 0:
                    raise self._unprepared(self.place(name)) from exc
                return None
            finally:
                os.close(fd)
            fd = below
        return fd

    def make(self, *names: str, durable: bool = False) -> int:
        """A handle of the folder, made with those above it where missing."""
        fd = self.find(names[0])
        assert fd is not None  # noqa: S101  # find never gives None for an area
        for name in names[1:]:
            try:
                below = make_folder(os.fsencode(name), fd)
                if durable:
                    os.fsync(fd)
            finally:
                os.close(fd)
            fd = below
        return fd

    def drop_empty(self, area: str, *names: str) -> None:
        """Remove the folder and those above it, up to the area, as long as they are empty."""
        for depth in range(len(names), 0, -1):
            parent = self.find(area, *names[: depth - 1])
            if parent is None:
                continue
            try:
                with suppress(FileNotFoundError):
                    os.rmdir(names[depth - 1], dir_fd=parent)
            except OSError as exc:
                if exc.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
                return
            finally:
                os.close(parent)
