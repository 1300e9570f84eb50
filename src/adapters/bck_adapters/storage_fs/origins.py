"""The stored bytes of wanted entries, or why they cannot be had."""

import io
import os
import stat
from collections.abc import Callable

from bck_adapters.digest import digest_of_file
from bck_adapters.storage_fs.content import Content
from bck_adapters.storage_fs.errors import reason_of
from bckcore.domain.file_version import FileEntry
from bckcore.domain.likeness import Likeness, digests_of, likeness
from bckcore.ports.extraction import Wanted

OTHER_DIGEST = "The stored bytes are not those that were backed up: their digest differs."


class UnusableError(Exception):
    """Why an entry cannot be had, in words."""


class Origins:
    """Opens the bytes of entries, after a look whether they can be theirs."""

    def __init__(self, content: Content, tick: Callable[[int], None] = lambda _: None) -> None:
        """``tick`` is told, with 0, of every piece of a file that must be read to know it."""
        self._content = content
        self._tick = tick

    def open(self, wanted: Wanted, folder: list[bytes], name: bytes) -> int:
        """A handle to read the bytes of a plain file from the start. Raises UnusableError."""
        if wanted.gone:
            return self._open_gone(wanted, folder, name)
        try:
            fd = self._content.open(folder, name, wanted.passed)
        except FileNotFoundError as exc:
            raise UnusableError("The storage holds no bytes of this file.") from exc
        except OSError as exc:
            raise UnusableError(f"The stored file cannot be opened: {reason_of(exc)}.") from exc
        try:
            self._require_content(wanted, fd)
        except BaseException:
            os.close(fd)
            raise
        return fd

    def displaced(self, folder: list[bytes], name: bytes) -> bool:
        """True if an increment holds the path, so that its bytes are not those in ``current``."""
        return self._content.displaced(folder, name)

    def _require_content(self, wanted: Wanted, fd: int) -> None:
        """Where what was displaced has been lost, what stands there now is no stand-in."""
        entry, info = wanted.entry, os.fstat(fd)
        reason = _unfit(entry, info)
        if reason:
            raise UnusableError(reason)
        found = _likeness(wanted, info)
        if found in (Likeness.OWN, Likeness.KIN):
            return
        if found is Likeness.OTHER:
            raise UnusableError("Its bytes are gone; another version stands in their place.")
        digests = digests_of(entry, wanted.states_of(entry.path))
        if not digests:
            raise UnusableError("The stored file has another time of change, and no digest tells its bytes.")
        with io.FileIO(fd, closefd=False) as file:
            digest = digest_of_file(file, lambda _count: self._tick(0))
        os.lseek(fd, 0, os.SEEK_SET)
        if digest not in digests:
            raise UnusableError(OTHER_DIGEST)

    def _open_gone(self, wanted: Wanted, folder: list[bytes], name: bytes) -> int:
        """The first that has size and time of the entry, or of its content.

        An increment may hold an older content of the same path, merged there from an earlier one for a
        point that is still kept; of what stands at a point this cannot be.
        """
        for fd in self._content.candidates(folder, name, wanted.passed):
            info = os.fstat(fd)
            if not _unfit(wanted.entry, info) and _likeness(wanted, info) in (Likeness.OWN, Likeness.KIN):
                return fd
            os.close(fd)
        raise UnusableError("The storage holds its bytes no more.")


def _likeness(wanted: Wanted, info: os.stat_result) -> Likeness:
    entry = wanted.entry
    states = () if info.st_mtime_ns == entry.mtime_ns else wanted.states_of(entry.path)
    return likeness(entry, info.st_size, info.st_mtime_ns, states)


def _unfit(entry: FileEntry, info: os.stat_result) -> str:
    if not stat.S_ISREG(info.st_mode):
        return "What the storage holds at this path is not a plain file."
    if info.st_size != entry.size:
        return f"The stored file has {info.st_size} bytes; it had {entry.size}."
    return ""
