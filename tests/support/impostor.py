"""An HTTPS server that is not the one that was meant, or is: it answers what it is told and remembers all."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from bck_adapters.pki.certificates import Identity, create_ca, issue_server_certificate


@dataclass(slots=True)
class Heard:
    """What reached it."""

    port: int = 0
    requests: list[tuple[str, bytes]] = field(default_factory=list)
    """First line without version, and body."""


def new_ca() -> Identity:
    """An authority that is valid now."""
    return create_ca(now=datetime.now(UTC))


@contextmanager
def https_server(
    folder: Path, ca: Identity, answers: Mapping[str, bytes], *, names: tuple[str, ...] = ("127.0.0.1",)
) -> Iterator[Heard]:
    """One on a free port, its certificate of ``ca`` for ``names``."""
    heard = Heard()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            heard.requests.append((f"{self.command} {self.path}", body))
            found = answers.get(self.path)
            self.send_response(200 if found is not None else 404)
            self.send_header("Content-Length", str(len(found or b"")))
            self.end_headers()
            self.wfile.write(found or b"")

        do_GET = do_POST = _answer  # noqa: N815  # http.server asks for these names

        def log_message(self, *_: object) -> None:
            """Nothing."""

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """A handshake that the other side breaks off is what is tried here."""

    served = Quiet(("127.0.0.1", 0), Handler)
    served.socket = _context(folder, ca, names).wrap_socket(
        served.socket, server_side=True, do_handshake_on_connect=False
    )
    heard.port = served.server_address[1]
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(served.serve_forever, 0.02)
        try:
            yield heard
        finally:
            served.shutdown()
            running.result(timeout=20)
            served.server_close()


def _context(folder: Path, ca: Identity, names: tuple[str, ...]) -> ssl.SSLContext:
    own = issue_server_certificate(ca, names, now=datetime.now(UTC))
    file = folder / f"impostor-{id(own)}.pem"
    file.write_bytes(own.certificate_pem() + own.key_pem())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context
