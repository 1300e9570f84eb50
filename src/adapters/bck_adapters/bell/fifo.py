"""FifoBell: a named pipe that whoever asks for a job writes one byte to."""

import logging
import os
import select
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Thread

_RING = b"."
_ENOUGH = 65_536
"""What a pipe holds by default: one read takes all rings so far."""

_logger = logging.getLogger(__name__)


class FifoBell:
    """Bell. The pipe lies in a folder of the service's own; it needs no process, and its path may be long.

    Whoever listens sleeps in the kernel. A full pipe is a ring that was heard: nothing is added to it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def ring(self) -> None:
        """See the port."""
        # Nobody listens (ENXIO), nobody ever did (ENOENT), or the pipe is full (EAGAIN): all is well.
        with suppress(OSError):
            fd = os.open(self._path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                if stat.S_ISFIFO(os.fstat(fd).st_mode):
                    os.write(fd, _RING)
            finally:
                os.close(fd)

    @contextmanager
    def listening(self, wake: Callable[[], None]) -> Iterator[None]:
        """See the port."""
        with ExitStack() as stack:
            try:
                rings = self._opened()
            except OSError as exc:
                _logger.warning("%s cannot be listened at: %s; the queue is only polled", self._path, exc)
            else:
                stack.callback(os.close, rings)
                end, ending = os.pipe2(os.O_CLOEXEC)
                stack.callback(os.close, end)
                thread = Thread(target=_listen, args=(rings, end, wake), name="bell")
                thread.start()
                stack.callback(thread.join)
                stack.callback(os.close, ending)
            yield

    def _opened(self) -> int:
        """The pipe's end that hears. It also counts as one that rings, so that the last real one may go."""
        try:
            os.mkfifo(self._path, 0o600)
        except FileExistsError:
            if not stat.S_ISFIFO(self._path.lstat().st_mode):
                self._path.unlink()
                os.mkfifo(self._path, 0o600)
        return os.open(self._path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)


def _listen(rings: int, end: int, wake: Callable[[], None]) -> None:
    """Call ``wake`` for rings until the other end of ``end`` is closed."""
    poll = select.poll()
    poll.register(rings, select.POLLIN)
    poll.register(end, select.POLLIN)
    while True:
        ready = {fd for fd, _ in poll.poll()}
        if rings in ready:
            os.read(rings, _ENOUGH)
            wake()
        if end in ready:
            return
