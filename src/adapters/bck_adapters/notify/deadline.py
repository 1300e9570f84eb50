"""Deadline: however slowly the other side goes on, at some time it is over."""

import ipaddress
import socket
from contextlib import suppress
from threading import Lock, Timer
from types import TracebackType
from typing import Self


class Deadline:
    """A context in which a connection is cut after so many seconds, in whatever call its owner sits.

    Time limits of sockets are per call: who sends a byte now and then would keep us for ever.
    """

    def __init__(self, seconds: float) -> None:
        self._timer = Timer(seconds, self._cut)
        self._timer.daemon = True
        self._lock = Lock()
        self._watched: socket.socket | None = None
        self.over = False
        """Whether the time is over."""

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        with self._lock:
            if self._watched is not None:
                self._watched.close()

    def watch(self, connection: socket.socket) -> None:
        """Cut this one. Raises TimeoutError if it is too late already."""
        with self._lock:
            if self.over:
                raise TimeoutError("timed out")
            # A second handle to the same connection: the owner's may be wrapped in TLS, or closed, meanwhile.
            self._watched = connection.dup()

    def _cut(self) -> None:
        with self._lock:
            self.over = True
            if self._watched is not None:
                with suppress(OSError):
                    self._watched.shutdown(socket.SHUT_RDWR)


def connected(host: str, port: int, *, seconds: float, deadline: Deadline) -> socket.socket:
    """A connection, watched by the deadline. Raises OSError."""
    opened = socket.create_connection((host, port), timeout=seconds)
    try:
        deadline.watch(opened)
    except BaseException:
        opened.close()
        raise
    return opened


def leads_to_this_machine(connection: socket.socket) -> bool:
    """Whether the other end is this machine, by its address: a name can say anything."""
    try:
        return ipaddress.ip_address(str(connection.getpeername()[0]).partition("%")[0]).is_loopback
    except (OSError, ValueError):
        return False
