"""Plain files that hosts sent: opened without a look through links, compared byte by byte."""

import errno
import io
import os
import stat

from bck_adapters.digest import CHUNK
from bck_adapters.storage_fs.errors import ABSENT


def open_plain(folder: int, name: bytes) -> int | None:
    """A plain file, opened to be read; None for all else, and where nothing is."""
    try:
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except OSError as exc:
        if exc.errno in (*ABSENT, errno.ENXIO):
            return None
        raise
    if stat.S_ISREG(os.fstat(fd).st_mode):
        return fd
    os.close(fd)
    return None


def same_bytes(folder: int, name: bytes, other: int) -> bool:
    """True if ``name`` is a plain file with the very bytes of the open file ``other``."""
    fd = open_plain(folder, name)
    if fd is None:
        return False
    with io.FileIO(fd, "rb") as one, io.FileIO(other, "rb", closefd=False) as two:
        mine, others = os.fstat(fd), os.fstat(other)
        if os.path.samestat(mine, others) or mine.st_size != others.st_size:
            return os.path.samestat(mine, others)
        two.seek(0)
        while piece := one.read(CHUNK):
            if piece != two.read(CHUNK):
                return False
    return True
