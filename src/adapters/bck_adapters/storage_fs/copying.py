"""Copy the bytes of a file; holes stay holes."""

import errno
import os
from collections.abc import Callable, Iterable, Iterator

_NO_RANGE_COPY = frozenset({errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM})
_PIECE = 16 << 20
"""Small enough that whoever wants to stop a copy waits for at most about a second."""


def _nobody(_count: int) -> None:
    pass


def copy_content(origin: int, goal: int, moved: Callable[[int], None] = _nobody) -> None:
    """Copy all of ``origin`` into the empty file ``goal``. Raises OSError.

    ``moved`` hears of every piece; what it raises ends the copy.
    """
    info = os.fstat(origin)
    for start, end in data_ranges(origin, info):
        _copy_range(origin, goal, start, end, moved)
    if is_sparse(info):
        os.ftruncate(goal, info.st_size)


def is_sparse(info: os.stat_result) -> bool:
    """True if the file has holes."""
    return info.st_blocks * 512 < info.st_size


def data_ranges(fd: int, info: os.stat_result) -> Iterable[tuple[int, int]]:
    """Where the file holds data, in order. Raises OSError."""
    return _data_ranges(fd, info.st_size) if is_sparse(info) else ((0, info.st_size),)


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


def _copy_range(origin: int, goal: int, start: int, end: int, moved: Callable[[int], None]) -> None:
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
        moved(done)
