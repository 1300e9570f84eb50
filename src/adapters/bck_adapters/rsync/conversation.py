"""A conversation that ends in time, whatever the other side does.

A library that talks to a host waits without limit in places: paramiko for the answer to ``exec``, and each
of its other limits can be drawn out by a host that says a little now and then. So the socket is watched from
beside: when the time is over, or the work is to stop, it is shut, and whoever waits on it wakes.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from bckcore.errors import BckError, HostUnreachableError

_LOOK = 0.25
PATIENCE = 60.0


def nobody_stops() -> None:
    """For a conversation that nobody stops."""


class Conversation:
    """While the context lasts. What cut it short is raised at its end, in place of what came of that.

    Raises HostUnreachableError when :data:`PATIENCE` is used up, and what ``stop`` raises, which is
    asked several times a second from a thread of its own.
    """

    def __init__(self, host: str, *, stop: Callable[[], None]) -> None:
        self._host = host
        self._stop = stop
        self._patience = PATIENCE
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._cut: BckError | None = None
        self._over = threading.Event()
        self._watching = threading.Thread(target=self._watch, name=f"talking to {host}", daemon=True)

    def __enter__(self) -> Self:
        self._watching.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._watching.join()
        if self._cut is not None and (error is None or isinstance(error, Exception)):
            raise self._cut from error

    def dialled(self, address: str, port: int, timeout: float) -> socket.socket:
        """A connection to the first place of that name that takes one. Raises OSError or UnicodeError."""
        refused: OSError = OSError("the name has no address")
        for family, kind, protocol, _, place in socket.getaddrinfo(address, port, type=socket.SOCK_STREAM):
            try:
                sock = self._held(socket.socket(family, kind, protocol))
            except OSError as exc:  # this machine has no such family
                refused = exc
                continue
            try:
                sock.settimeout(timeout)
                sock.connect(place)
            except OSError as exc:
                sock.close()
                refused = exc
            else:
                return sock
        raise refused

    def _held(self, sock: socket.socket) -> socket.socket:
        with self._lock:
            self._socket = sock
        return sock

    def _watch(self) -> None:
        until = time.monotonic() + self._patience
        try:
            while not self._over.wait(_LOOK):
                self._stop()
                if time.monotonic() >= until:
                    raise _silent(self._host, self._patience)
        except BckError as error:
            self._cut = error
        finally:
            self._hang_up()
            while not self._over.wait(_LOOK):  # another socket may have come meanwhile
                self._hang_up()

    def _hang_up(self) -> None:
        with self._lock:
            if self._socket is not None:
                with contextlib.suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)


def _silent(host: str, seconds: float) -> HostUnreachableError:
    return HostUnreachableError(
        f"{host} does not answer: it took the connection, and was not done with our questions after "
        f"{seconds:.0f} s.",
        meaning="Nothing was read or changed.",
        advice="See that the PC is awake and not overloaded, and what answers there on the SSH port; "
        "then try again.",
    )
