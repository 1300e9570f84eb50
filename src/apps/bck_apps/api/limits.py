"""What one client may keep of the server: seconds for a request, and connections."""

import asyncio
import socket
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from resource import RLIM_INFINITY, RLIMIT_NOFILE, getrlimit
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from bck_apps.api.middleware import LONGEST_BODY_SECONDS, SAFE_HEADERS
from bck_apps.wiring import logs
from bckcore.domain.throttle import address_of, network_of

_SHARE = 4
"""One open file in so many may be a connection, and one address has as small a share of those."""

log = logs.get_logger("bck.api")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """For every client, signed in or not. What is being answered may take as long as it is read."""

    handshake_seconds: float = 10
    head_seconds: float = 10
    """From the first byte that may be sent to the end of the header."""
    body_seconds: float = LONGEST_BODY_SECONDS
    connections: int = 2000
    per_address: int = 200
    per_network: int = 1000
    """From one network of 64 bits of IPv6, all of whose addresses one machine may have."""

    def fitting(self, open_files: int) -> "Limits":
        """With so few connections that this many open files are enough for them and for the backups."""
        connections = max(_SHARE, min(self.connections, open_files // _SHARE))
        return replace(
            self,
            connections=connections,
            per_address=max(1, min(self.per_address, connections // _SHARE)),
            per_network=max(1, min(self.per_network, connections // 2)),
        )


USUAL = Limits()


def open_files() -> int:
    """How many this process may have open at once."""
    soft, _hard = getrlimit(RLIMIT_NOFILE)
    return 2**31 if soft == RLIM_INFINITY else soft


class Threshold(socket.socket):
    """A listening socket that hangs up at once on connections above the limits, before TLS begins."""

    def __init__(self, listener: socket.socket, limits: Limits) -> None:
        """Takes the place of ``listener``, which is closed."""
        super().__init__(fileno=listener.detach())
        self._limits = limits
        self._inside: Counter[str] = Counter()
        self._networks: Counter[str] = Counter()
        self._told: set[str] = set()
        self._told_all = False

    def accept(self) -> tuple[socket.socket, Any]:
        """The next connection. Raises ConnectionAbortedError after it was refused."""
        connection, where = super().accept()
        address, network = address_of(str(where[0])), network_of(str(where[0]))
        if self._is_full(address, network):
            connection.close()
            raise ConnectionAbortedError(f"no more connections from {address}")
        self._inside[address] += 1
        self._networks[network] += 1
        return _Guest(connection, lambda: self._left(address, network)), where

    def _is_full(self, address: str, network: str) -> bool:
        """True if there is no room for it. Logged once for each time that somebody, or all, used it up."""
        for whose, inside, most in (
            (address, self._inside[address], self._limits.per_address),
            (network, self._networks[network], self._limits.per_network),
        ):
            if inside >= most:
                if whose not in self._told:
                    self._told.add(whose)
                    log.warning("connections were refused: too many are open", client=whose)
                return True
        if self._inside.total() >= self._limits.connections:
            if not self._told_all:
                self._told_all = True
                log.warning("connections were refused: too many are open", client="all together")
            return True
        return False

    def _left(self, address: str, network: str) -> None:
        self._inside[address] -= 1
        self._networks[network] -= 1
        if self._inside.total() <= self._limits.connections // 2:
            self._told_all = False
        for whose, inside in ((address, self._inside), (network, self._networks)):
            if not inside[whose]:
                del inside[whose]
                self._told.discard(whose)


class _Guest(socket.socket):
    """A connection that is counted until it is closed."""

    def __init__(self, connection: socket.socket, leave: Callable[[], None]) -> None:
        super().__init__(connection.family, connection.type, connection.proto, fileno=connection.detach())
        self._leave: Callable[[], None] | None = leave

    def close(self) -> None:
        super().close()
        leave, self._leave = self._leave, None
        if leave is not None:
            leave()


class Patient(H11Protocol):
    """HTTP that waits for a whole header only so long, however the bytes come in."""

    head_seconds = USUAL.head_seconds
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn
        super().connection_made(transport)
        self._watch_head()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._stop_watching()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch_head()

    def send_400_response(self, msg: str) -> None:
        """The answer to what is no HTTP, with the safe headers that every other one has."""
        plain = {"Content-Type": "text/plain; charset=utf-8", "Connection": "close", **SAFE_HEADERS}
        headers = [(name.lower().encode("ascii"), value.encode("ascii")) for name, value in plain.items()]
        for event in (
            h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
            h11.Data(data=msg.encode("ascii")),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event))
        self.transport.close()

    def _watch_head(self) -> None:
        """Between two requests uvicorn's own limit counts, until the next one begins."""
        if self.conn.their_state is not h11.IDLE:
            self._stop_watching()
        elif self._late is None:
            self._late = self.loop.call_later(self.head_seconds, self.transport.abort)

    def _stop_watching(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None
