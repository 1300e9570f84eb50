"""Read stored bytes as a stream, one file at a time."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from bck_adapters.storage_fs.origins import Origins, UnusableError
from bck_adapters.storage_fs.whole import SMALL, whole
from bckcore.domain.paths import components, display
from bckcore.errors import NotFoundError
from bckcore.ports.extraction import Wanted


class Reader:
    """The ContentReader of a storage on disk."""

    def __init__(self, origins: Origins) -> None:
        self._origins = origins

    @contextmanager
    def open(self, wanted: Wanted) -> Iterator[BinaryIO]:
        """The bytes of a plain file, unbuffered."""
        *folder, name = components(wanted.entry.path)
        try:
            fd = self._origins.open(wanted, folder, name)
        except UnusableError as exc:
            raise _not_to_be_had(wanted, str(exc)) from exc
        with io.FileIO(fd, closefd=True) as file:
            if wanted.entry.size <= SMALL:
                yield io.BytesIO(_compared(wanted, fd))
                return
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_SEQUENTIAL)
            yield cast("BinaryIO", file)


def _compared(wanted: Wanted, fd: int) -> bytes:
    try:
        return whole(wanted.entry, fd)
    except UnusableError as exc:
        raise _not_to_be_had(wanted, str(exc)) from exc
    except OSError as exc:
        raise _not_to_be_had(wanted, exc.strerror or str(exc)) from exc


def _not_to_be_had(wanted: Wanted, reason: str) -> NotFoundError:
    return NotFoundError(
        f"{display(wanted.entry.path)} cannot be read from the storage: {reason}",
        advice="Look at the storage with 'bck check'; another restore point may have the file.",
    )
