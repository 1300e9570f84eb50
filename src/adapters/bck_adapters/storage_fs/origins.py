"""The stored bytes of wanted entries, or why they cannot be had."""

import os
import stat

from bck_adapters.storage_fs.content import Content
from bck_adapters.storage_fs.errors import reason_of
from bckcore.domain.file_version import FileEntry
from bckcore.ports.extraction import Wanted


class UnusableError(Exception):
    """Why an entry cannot be had, in words."""


class Origins:
    """Opens the bytes of entries, after a look whether they can be theirs."""

    def __init__(self, content: Content) -> None:
        self._content = content

    def open(self, wanted: Wanted, folder: list[bytes], name: bytes) -> int:
        """A handle to read the bytes of a plain file. Raises UnusableError."""
        if wanted.gone:
            return self._open_gone(wanted, folder, name)
        try:
            fd = self._content.open(folder, name, wanted.passed)
        except FileNotFoundError as exc:
            raise UnusableError("The storage holds no bytes of this file.") from exc
        except OSError as exc:
            raise UnusableError(f"The stored file cannot be opened: {reason_of(exc)}.") from exc
        reason = _unfit(wanted.entry, os.fstat(fd))
        if reason:
            os.close(fd)
            raise UnusableError(reason)
        return fd

    def _open_gone(self, wanted: Wanted, folder: list[bytes], name: bytes) -> int:
        """The first that has size and time of the entry.

        An increment may hold an older content of the same path, merged there from an earlier one for a
        point that is still kept; of what stands at a point this cannot be.
        """
        for fd in self._content.candidates(folder, name, wanted.passed):
            info = os.fstat(fd)
            if not _unfit(wanted.entry, info) and info.st_mtime_ns == wanted.entry.mtime_ns:
                return fd
            os.close(fd)
        raise UnusableError("The storage holds its bytes no more.")


def _unfit(entry: FileEntry, info: os.stat_result) -> str:
    if not stat.S_ISREG(info.st_mode):
        return "What the storage holds at this path is not a plain file."
    if info.st_size != entry.size:
        return f"The stored file has {info.st_size} bytes; it had {entry.size}."
    return ""
