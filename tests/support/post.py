"""A mail server and a web server on free loopback ports: they keep what they are sent, and can misbehave."""

from __future__ import annotations

import contextlib
import ssl
import threading
from base64 import b64decode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import BaseServer, StreamRequestHandler, ThreadingTCPServer
from typing import Any, cast

import trustme

PATIENCE = 60.0


class Ca:
    """A CA that nobody but the test trusts, and a certificate for a name."""

    def __init__(self, folder: Path, name: str = "localhost") -> None:
        authority = trustme.CA()
        self.file = folder / "post-ca.pem"
        self.file.write_bytes(authority.cert_pem.bytes())
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(self.context)


@contextlib.contextmanager
def running(server: BaseServer) -> Iterator[None]:
    """The server answers in threads of its own until the context is left."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


# --- mail -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One mail as it came in."""

    sender: str
    to: tuple[str, ...]
    raw: bytes
    encrypted: bool
    user: str
    """Who had signed in."""

    @property
    def mail(self) -> EmailMessage:
        """Parsed."""
        return message_from_bytes(self.raw, policy=policy.default)

    @property
    def text(self) -> str:
        """Its text, decoded."""
        return str(self.mail.get_content()).replace("\r\n", "\n")


Misbehaviour = Callable[["Conversation"], object]


@dataclass
class MailServer:
    """What the server is like. ``answers`` replaces the answer to a verb, as in ``{"DATA": "451 later"}``."""

    ca: Ca | None = None
    starttls: bool = False
    tls: bool = False
    password: str = ""
    answers: dict[str, str] = field(default_factory=dict)
    misbehaves: Misbehaviour | None = None
    """Takes over the conversation instead of the greeting."""
    received: list[Received] = field(default_factory=list)
    verbs: list[tuple[str, bool]] = field(default_factory=list)
    """Every verb, and whether it came encrypted."""
    port: int = 0
    stopping: threading.Event = field(default_factory=threading.Event)

    @contextlib.contextmanager
    def listening(self) -> Iterator[MailServer]:
        """On a free port."""
        with running(server := _Tcp(("127.0.0.1", 0), Conversation)):
            server.mail = self
            self.port = server.server_address[1]
            try:
                yield self
            finally:
                self.stopping.set()


class _Tcp(ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    mail: MailServer


class Conversation(StreamRequestHandler):
    """SMTP with one client."""

    encrypted = False
    user = ""

    @property
    def mail(self) -> MailServer:
        """The server's nature."""
        return cast("_Tcp", self.server).mail

    def handle(self) -> None:
        """Until the client leaves."""
        with contextlib.suppress(OSError, ssl.SSLError):
            if self.mail.misbehaves is not None:
                self.mail.misbehaves(self)
                return
            if self.mail.tls:
                self._encrypt()
            self.say("220 post ready")
            while line := self.rfile.readline(100_000):
                if not self._answer(line.decode("utf-8", "replace").strip()):
                    return

    def finish(self) -> None:
        """Close what was wrapped, too."""
        super().finish()
        self.connection.close()

    def say(self, line: str) -> None:
        """One line."""
        self.wfile.write(line.encode() + b"\r\n")

    def _answer(self, line: str) -> bool:
        verb = line.partition(" ")[0].partition(":")[0].upper()
        self.mail.verbs.append((verb, self.encrypted))
        if verb in self.mail.answers:
            self.say(self.mail.answers[verb])
            return True
        cast("Callable[[str], None]", getattr(self, f"on_{verb.lower()}", self._unknown))(line)
        return verb != "QUIT"

    def _unknown(self, line: str) -> None:
        self.say("500 what?")

    def on_ehlo(self, line: str) -> None:
        """What is offered."""
        offers = ["post", "8BITMIME"]
        if self.mail.starttls and not self.encrypted:
            offers.append("STARTTLS")
        if self.mail.password:
            offers.append("AUTH PLAIN")
        for offer in offers[:-1]:
            self.say(f"250-{offer}")
        self.say(f"250 {offers[-1]}")

    def on_starttls(self, line: str) -> None:
        """Encrypt."""
        self.say("220 go on")
        self._encrypt()

    def _encrypt(self) -> None:
        assert self.mail.ca is not None
        self.connection = self.mail.ca.context.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", buffering=0)
        self.encrypted = True

    def on_auth(self, line: str) -> None:
        """PLAIN with an initial response."""
        _, user, password = b64decode(line.split()[2]).decode().split("\0")
        if password != self.mail.password:
            self.say(f"535 wrong: {password} and {line.split()[2]}")
            return
        self.user = user
        self.say("235 welcome")

    def on_mail(self, line: str) -> None:
        """The sender."""
        self._sender, self._to = _address(line), list[str]()
        self.say("250 ok")

    def on_rcpt(self, line: str) -> None:
        """A recipient; some are unknown."""
        if "nobody@" in line:
            self.say("550 unknown")
            return
        self._to.append(_address(line))
        self.say("250 ok")

    def on_data(self, line: str) -> None:
        """The mail itself."""
        self.say("354 go on")
        lines = []
        while (line_read := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line_read[1:] if line_read.startswith(b"..") else line_read)
        self.mail.received.append(
            Received(
                sender=self._sender,
                to=tuple(self._to),
                raw=b"".join(lines),
                encrypted=self.encrypted,
                user=self.user,
            )
        )
        self.say("250 taken")

    def on_rset(self, line: str) -> None:
        """Forget."""
        self.say("250 ok")

    def on_quit(self, line: str) -> None:
        """Leave."""
        self.say("221 bye")


def _address(line: str) -> str:
    return line.partition("<")[2].partition(">")[0]


# --- web ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """One request as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class WebServer:
    """Answers requests with the statuses of ``script``, then with 204; or with what ``misbehaves`` does."""

    ca: Ca | None = None
    script: list[int] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    misbehaves: Callable[[BaseHTTPRequestHandler], object] | None = None
    requests: list[Posted] = field(default_factory=list)
    port: int = 0
    stopping: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """Its address; what comes after the name is the secret."""
        return f"{'https' if self.ca else 'http'}://localhost:{self.port}/hooks/very-secret?token=also-secret"

    @contextlib.contextmanager
    def listening(self) -> Iterator[WebServer]:
        """On a free port."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        server.daemon_threads = True
        if self.ca is not None:
            server.socket = self.ca.context.wrap_socket(
                server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.port = server.server_address[1]
        with running(server):
            try:
                yield self
            finally:
                self.stopping.set()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        web = self

        class Handler(BaseHTTPRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(OSError):  # who hung up, or did not trust us
                    super().handle()

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                web.requests.append(
                    Posted(method=self.command, path=self.path, headers=dict(self.headers), body=body)
                )
                if web.misbehaves is not None:
                    web.misbehaves(self)
                    return
                self.send_response(web.script.pop(0) if web.script else 204)
                for name, value in web.headers.items():
                    self.send_header(name, value)
                self.end_headers()

            do_POST = do_GET = answer  # noqa: N815  # names of http.server

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # http.server's name
                """Quiet."""

        return Handler
