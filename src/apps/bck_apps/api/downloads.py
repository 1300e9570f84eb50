"""Answers that are streamed while something is held for them: a storage lock, an open file."""

import string
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from urllib.parse import quote

import anyio
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from bck_apps.api.deps import StillMay
from bck_apps.api.permits import Permit
from bck_apps.wiring import logs

log = logs.get_logger("bck.api")

_SAFE = frozenset(string.ascii_letters + string.digits + " .,;:!?@#$&()[]{}+-=_~'")
READS_AT_ONCE = 8
"""Pieces of all downloads together; each takes long where it is compressed or the disk is slow."""
STALL_SECONDS = 120.0
"""A client that takes nothing for so long is left: backups may be waiting for it."""


class HeldStream(StreamingResponse):
    """Streams ``pieces``, read in one of ``threads``; closes ``held`` at the end, whatever the end is.

    What goes wrong after the beginning, and that who asked may no more, break the connection off: so a client
    can tell that it has not got everything.
    """

    def __init__(
        self,
        pieces: Iterator[bytes],
        held: ExitStack,
        *,
        still_may: StillMay,
        name: bytes,
        media_type: str,
        threads: anyio.CapacityLimiter,
        length: int | None = None,
        stall_seconds: float = STALL_SECONDS,
    ) -> None:
        headers = {"Content-Disposition": disposition(name)}
        if length is not None:
            headers["Content-Length"] = str(length)
        super().__init__(_read(pieces, threads), media_type=media_type, headers=headers)
        self._held = held
        self._still_may = still_may
        self._stall_seconds = stall_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            with anyio.CancelScope(shield=True):
                await run_in_threadpool(self._held.close)

    async def stream_response(self, send: Send) -> None:
        """As always, but with an end to the patience, and to the right to it."""
        permit = Permit(self._still_may)

        async def permitted(message: dict[str, object]) -> None:
            if not await permit.holds():
                raise _OverError
            with anyio.fail_after(self._stall_seconds):
                await send(message)

        try:
            await super().stream_response(permitted)  # type: ignore[arg-type]  # a message is a mapping of these
        except _OverError:  # an answer without its end: the server hangs up
            log.warning("a download was broken off: who asked for it may no more")


class _OverError(Exception):
    """The right to it has ended."""


async def _read(pieces: Iterator[bytes], threads: anyio.CapacityLimiter) -> AsyncIterator[bytes]:
    while (piece := await anyio.to_thread.run_sync(next, pieces, None, limiter=threads)) is not None:
        yield piece


def disposition(name: bytes) -> str:
    """``attachment`` under that name, after RFC 6266: whatever the name, it stays one header."""
    text = name.decode("utf-8", "replace")
    plain = "".join(char if char in _SAFE else "_" for char in text)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(text, safe='')}"
