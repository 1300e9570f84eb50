"""Copy the bytes of a file; holes stay holes."""

import errno
import os
from collections.abc import Iterator

_NO_RANGE_COPY = frozenset({errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM})
_PIECE = 1 << 30


def copy_content(origin: int, goal: int) -> None:
    """Copy all of ``origin`` into the empty file ``goal``. Raises OSError."""
    info = os.fstat(origin)
    sparse = info.st_blocks * 512 < info.st_size
    for start, end in _data_ranges(origin, info.st_size) if sparse else ((0, info.st_size),):
        _copy_range(origin, goal, start, end)
    if sparse:
        os.ftruncate(goal, info.st_size)


def _data_ranges(fd: int, size: int) -> Iterator[tuple[int, int]]:
    end = 0
    while end < size:
        try:
            start = os.lseek(fd, end, os.SEEK_DATA)
        except OSError as exc:
            if exc.errno == errno.ENXIO:
                return
            raise
        end = os.lseek(fd, start, os.SEEK_HOLE)
        yield start, end


def _copy_range(origin: int, goal: int, start: int, end: int) -> None:
    by_range = True
    while start < end:
        count = min(_PIECE, end - start)
        if by_range:
            try:
                done = os.copy_file_range(origin, goal, count, start, start)
            except OSError as exc:
                if exc.errno not in _NO_RANGE_COPY:
                    raise
                by_range = False
                continue
        else:
            os.lseek(goal, start, os.SEEK_SET)
            done = os.sendfile(goal, origin, start, count)
        if done == 0:
            raise OSError(errno.EIO, "the stored file became shorter while it was read")
        start += done
