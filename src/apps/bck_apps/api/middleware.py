"""Around every request: limits on size and time, an access line, safe headers, no insides in an answer."""

import asyncio
import time

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bck_apps.api import errors
from bck_apps.wiring import logs
from bckcore.domain.audit import Actor, Origin
from bckcore.errors import DatabaseMovedError
from bckcore.services.evidence import Witness

LARGEST_BODY = 1024 * 1024
LONGEST_BODY_SECONDS = 30.0
SAFE_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000",
    "X-Content-Type-Options": "nosniff",
}

LIVE = "/health"
AWAY = DatabaseMovedError("The installation is being moved to another database.")

log = logs.get_logger("bck.api.access")


class Guard:
    """The outermost layer: whatever happens inside, the caller gets a clean answer and the log a line."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, send)
        try:
            if scope["app"].state.away() and scope["path"] != LIVE:
                await errors.response(errors.problem_of(AWAY))(scope, receive, exchange.send)
            else:
                await self._app(scope, receive, exchange.send)
        except Exception as error:
            problem = errors.unexpected_problem(error)
            if exchange.status:
                raise  # the answer has begun: only breaking off tells the client that it is not whole
            await errors.response(problem)(scope, receive, exchange.send)
        finally:
            exchange.log()


class _Exchange:
    """One request and its answer."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._request = Request(scope)
        self._send = send
        self._started = time.monotonic()
        self.status = 0

    async def send(self, message: Message) -> None:
        """Add the safe headers to the answer's head."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in SAFE_HEADERS.items():
                headers[name] = value
        await self._send(message)

    def log(self) -> None:
        """One access line; query and headers may hold what is nobody's business."""
        request = self._request
        log.info(
            "request",
            method=request.method,
            path=request.url.path,
            status=self.status,
            milliseconds=round((time.monotonic() - self._started) * 1000),
            client=request.client.host if request.client else "",
            principal=getattr(request.state, "principal", ""),
        )


class Acting:
    """What a request does is done by who is signed in, from where the connection comes."""

    def __init__(self, app: ASGIApp, witness: Witness) -> None:
        self._app = app
        self._witness = witness

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with self._witness.acting(lambda: _actor(scope)):
            await self._app(scope, receive, send)


def _actor(scope: Scope) -> Actor:
    """Asked when it is needed: who it is turns out on the way."""
    request = Request(scope)
    return Actor(
        name=getattr(request.state, "principal", ""),
        origin=Origin.API,
        address=request.client.host if request.client else "",
    )


class BodyLimit:
    """Reads each body whole before anything else looks at it; refuses one that is too large or too slow."""

    def __init__(
        self, app: ASGIApp, largest: int = LARGEST_BODY, seconds: float = LONGEST_BODY_SECONDS
    ) -> None:
        self._app = app
        self._largest = largest
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self._seconds):
                body = await self._body(receive)
        except TimeoutError:
            slow = f"The request was not there as a whole after {self._seconds:g} seconds."
            app: ASGIApp = _refusal(408, slow)
        else:
            large = f"The request is larger than {self._largest} bytes."
            app = self._app if body is not None else _refusal(413, large)
            receive = receive if body is None else _replay(body, receive)
        await app(scope, receive, send)

    async def _body(self, receive: Receive) -> bytes | None:
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return bytes(body)
            body += message.get("body", b"")
            if len(body) > self._largest:
                return None
            if not message.get("more_body", False):
                return bytes(body)


def _refusal(status: int, detail: str) -> ASGIApp:
    """An answer after which nobody reads on."""
    return errors.response(errors.http_problem(status, detail), {"Connection": "close"})


def _replay(body: bytes, receive: Receive) -> Receive:
    """Give the body once; afterwards what really comes, which is the client leaving."""
    given = False

    async def replayed() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed
