"""Wire: a network cable between us and a loopback server, which a test can pull in the middle of a stream."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from enum import StrEnum
from types import TracebackType
from typing import Self

_CHUNK = 65_536
_AT_ONCE = struct.pack("ii", 1, 0)
"""SO_LINGER: closing says RST."""
PATIENCE = 60.0


class Cut(StrEnum):
    """What becomes of a connection."""

    DROP = "drop"
    """Nothing is forwarded any more and nobody is told, as when a cable is pulled or a router forgets."""
    RESET = "reset"
    """Both ends are told at once that the connection is gone."""


class Wire:
    """Listens on a port of its own and forwards to ``port``, until it is cut.

    A connection that was dropped stays so; :meth:`mend` lets later ones through. Bytes are counted on their
    way from the server to us.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="wire")
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._how = Cut.DROP
        self._limit: int | None = None
        self._dead: set[int] = set()
        """Which connections were cut, by their numbers."""
        self._number = 0
        self.is_cut = False
        """Whether nothing comes through at the moment."""
        self.carried = 0
        """Bytes from the server, since the wire was made or mended."""
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(PATIENCE)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(PATIENCE)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut_after(self, count: int, how: Cut) -> None:
        """Cut the wire for this and all later connections once so many more bytes have come through."""
        self._how, self._limit = how, self.carried + count

    def mend(self) -> None:
        """Let connections that are made from now on through, and count from zero again."""
        self._limit, self.is_cut, self.carried = None, False, 0

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def _end(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.sleep(0)  # lets the transports close their sockets

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        if self.is_cut:
            if self._how is Cut.RESET:
                _reset(writer)
            return
        with contextlib.suppress(OSError):
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
            self._writers.add(far_writer)
            self._number += 1
            number = self._number
            await asyncio.gather(
                self._forward(reader, far_writer, number, counted=False),
                self._forward(far_reader, writer, number, counted=True),
            )
            if number in self._dead and self._how is Cut.RESET:
                _reset(writer)
                _reset(far_writer)

    async def _forward(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int, *, counted: bool
    ) -> None:
        with contextlib.suppress(OSError):
            while number not in self._dead and (data := await reader.read(_CHUNK)):
                if number in self._dead:
                    return
                writer.write(self._counted(data, number) if counted else data)
                await writer.drain()
        if number not in self._dead:
            writer.close()

    def _counted(self, data: bytes, number: int) -> bytes:
        """What of the data still comes through; what reaches the limit is the last of its connection."""
        if self._limit is not None and self.carried + len(data) >= self._limit:
            data, self.is_cut = data[: self._limit - self.carried], True
            self._dead.add(number)
        self.carried += len(data)
        return data


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close it so that the other side hears RST."""
    with contextlib.suppress(OSError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
    writer.transport.abort()
