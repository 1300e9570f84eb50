"""Read stored bytes as a stream, one file at a time."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from bck_adapters.storage_fs.origins import Origins, UnusableError
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
            raise NotFoundError(
                f"{display(wanted.entry.path)} cannot be read from the storage: {exc}",
                advice="Look at the storage with 'bck doctor'; another restore point may have the file.",
            ) from exc
        with io.FileIO(fd, closefd=True) as file:
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_SEQUENTIAL)
            yield cast("BinaryIO", file)
