"""A tiny HTTPS server with a CA of its own: answers what a test scripted, and remembers what it was sent."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import trustme


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One request as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


Answer = Callable[["Exchange"], None]


class Exchange:
    """What a scripted answer may do."""

    def __init__(self, handler: BaseHTTPRequestHandler, stopping: threading.Event) -> None:
        self._handler = handler
        self.stopping = stopping

    def json(self, status: int, body: object, kind: str = "application/json") -> None:
        self.raw(status, json.dumps(body).encode(), kind)

    def problem(self, status: int, code: str, detail: str, **more: object) -> None:
        body = {"type": f"urn:bck:{code}", "title": "T", "status": status, "detail": detail, **more}
        self.json(status, body, "application/problem+json")

    def raw(self, status: int, body: bytes, kind: str = "text/html", **headers: str) -> None:
        self._handler.send_response(status)
        self._handler.send_header("Content-Type", kind)
        self._handler.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self._handler.send_header(name.replace("_", "-"), value)
        self._handler.end_headers()
        self._handler.wfile.write(body)

    def begin_events(self) -> None:
        self._handler.send_response(200)
        self._handler.send_header("Content-Type", "text/event-stream")
        self._handler.send_header("Connection", "close")
        self._handler.end_headers()

    def piece(self, data: bytes) -> None:
        """Send bytes at once, in a TLS record of their own."""
        self._handler.wfile.write(data)
        self._handler.wfile.flush()

    def wait(self, event: threading.Event, seconds: float = 20) -> None:
        """Hold the answer back until the test, or the end of the server, says so."""
        for _ in range(int(seconds * 20)):
            if event.wait(0.05) or self.stopping.is_set():
                return


@dataclass
class Server:
    """Answers by method and path without query; a list of answers is used up one by one."""

    ca: trustme.CA
    port: int = 0
    answers: dict[str, Answer | list[Answer]] = field(default_factory=dict)
    sent: list[Sent] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)

    @property
    def endpoint(self) -> str:
        return f"https://localhost:{self.port}"

    def at(self, path: str) -> list[Sent]:
        """Requests for a path."""
        return [request for request in self.sent if request.path.partition("?")[0] == path]

    def answer(self, exchange: Exchange, request: Sent) -> None:
        self.sent.append(request)
        found = self.answers.get(f"{request.method} {request.path.partition('?')[0]}")
        if isinstance(found, list):
            found = found.pop(0) if found else None
        if found is None:
            exchange.problem(404, "not-found", "Not scripted.")
        else:
            found(exchange)


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 20

        def handle_any(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            request = Sent(
                method=self.command,
                path=self.path,
                headers={name.lower(): value for name, value in self.headers.items()},
                body=self.rfile.read(length),
            )
            try:
                server.answer(Exchange(self, server.stopping), request)
            except OSError:
                self.close_connection = True  # the client has hung up, as some tests want

        do_GET = do_POST = do_PUT = handle_any  # noqa: N815  # names the standard library looks for

        def log_message(self, *_: object) -> None:
            """Quiet."""

    return Handler


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that refuses our certificate is what some tests want."""


@contextmanager
def https_server(
    ca: trustme.CA, *, name: str = "localhost", leaf: trustme.LeafCert | None = None, send_ca: bool = False
) -> Iterator[Server]:
    """Run a server whose certificate is for ``name``; ``send_ca`` shows the CA in the handshake."""
    leaf = leaf or ca.issue_cert(name)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf.configure_cert(context)
    if send_ca:
        with leaf.private_key_and_cert_chain_pem.tempfile() as chain:
            with open(chain, "ab") as file:
                file.write(ca.cert_pem.bytes())
            context.load_cert_chain(chain)
    server = Server(ca)
    http = _Quiet(("127.0.0.1", 0), _handler(server))
    server.port = http.server_address[1]
    http.socket = context.wrap_socket(http.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stopping.set()
        http.shutdown()
        http.server_close()
        thread.join()
