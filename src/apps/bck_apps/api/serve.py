"""serve: the API on HTTPS until it is told to stop."""

import asyncio
import contextlib
import json
import os
import socket
import ssl
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event

import uvicorn

from bck_apps.api.limits import USUAL, Limits, Patient, Threshold, open_files
from bck_apps.api.main import create_app
from bck_apps.wiring import Application, TlsFiles, logs
from bckcore.errors import BckError, ConflictError, InvalidInputError, PermanentError

GRACE_SECONDS = 5
"""How long running requests may go on after the stop; event streams end at once."""
GOODBYE_SECONDS = 0.5
"""How long a connection that is being closed waits for the client to agree, at least."""
RENEWAL_SECONDS = 10
"""How often a running server looks whether its certificate must be renewed, or was exchanged."""
TICKS_PER_SECOND = 10
ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # not bound here, only recognised

log = logs.get_logger("bck.api")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where the API can be reached from this machine, as written to ``<home>/run/api.json``."""

    port: int
    pid: int
    url: str
    ca: str
    """Path of the CA certificate that clients pin."""


def serve_on(
    listener: socket.socket,
    application: Application,
    *,
    stop: Event,
    ready: Callable[[Address], None] = lambda _address: None,
    away: Event | None = None,
    limits: Limits = USUAL,
) -> None:
    """Serve until ``stop`` is set, then end event streams, let requests finish, and return.

    ``listener`` goes on listening afterwards. Runs in the calling thread and leaves signals alone: what sets
    ``stop`` is the caller's affair. When connections are taken, ``<home>/run/api.json`` is written and
    ``ready`` called. While ``away`` is set, event streams end and every request is answered with "again in a
    moment". There are fewer connections than ``limits`` says where the process may have few files open.
    """
    address = _address(application, application.settings.api.host, listener.getsockname()[1])
    _make_ready(application)
    server = _Server(application, stop, lambda: ready(address), away or Event(), limits)
    with _announced(application.home, address, server):
        server.run_until_stopped(listener.dup())


def _make_ready(application: Application) -> None:
    """The key that signs, before somebody asks. Without one backups go on, and each sign-in says why not."""
    try:
        application.tokens.ready()
    except BckError as error:
        log.error("nobody can sign in", error=str(error))
    facts = application.certificates.facts()
    if worry := facts.worry(application.clock.now()):
        end = min(facts.valid_until, facts.ca_valid_until)
        log.warning("the certificate or its authority ends soon", end=end.isoformat(), worry=worry)


def listening(application: Application, *, port: int | None = None) -> socket.socket:
    """A socket on the address that the settings name, or another port of it; port 0 is a free one.

    Raises ConflictError when the port is taken, InvalidInputError when the address cannot be listened on.
    """
    settings = application.settings.api
    return _listening(settings.host, settings.port if port is None else port)


def _listening(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, OverflowError) as exc:
        raise InvalidInputError(f"Nothing can listen on {host} port {port}: {exc}.") from exc
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(where)
        listener.listen(128)
    except OSError as exc:
        listener.close()
        raise ConflictError(
            f"The API cannot listen on {host} port {port}: {exc.strerror}.",
            advice="Stop what uses the port, or choose another one with --port.",
        ) from exc
    return listener


def _address(application: Application, host: str, port: int) -> Address:
    name = ANYWHERE.get(host, host)
    return Address(
        port=port,
        pid=os.getpid(),
        url=f"https://{f'[{name}]' if ':' in name else name}:{port}",
        ca=str(application.tls.ca_certificate),
    )


class _Server(uvicorn.Server):
    """uvicorn, stopped by an event instead of by signals, and with a certificate that stays fresh."""

    def __init__(
        self,
        application: Application,
        stop: Event,
        ready: Callable[[], None],
        away: Event,
        limits: Limits,
    ) -> None:
        self._limits = limits.fitting(open_files())
        self._application = application
        self._stop = stop
        self.on_ready = [ready]
        app = create_app(application, body_seconds=limits.body_seconds)
        app.state.stopping = lambda: stop.is_set() or away.is_set()
        app.state.away = away.is_set
        tls = application.tls
        self._stamp, self._context = _stamp(tls), _modern(tls)
        self._context.sni_callback = self._chosen
        first = self._context
        super().__init__(
            uvicorn.Config(
                app,
                loop="asyncio",
                ssl_context_factory=lambda _config, _make: first,
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                ws="none",
                timeout_graceful_shutdown=GRACE_SECONDS,
            )
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals belong to whoever called :func:`serve_on`."""
        yield

    def run_until_stopped(self, listener: socket.socket) -> None:
        """Serve on an open socket. Raises PermanentError if the app would not start."""
        self.run(sockets=[Threshold(listener, self._limits)])

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin, and say so. As uvicorn does it, but that a TLS handshake has its time."""
        await self.lifespan.startup()
        if self.lifespan.should_exit:
            raise PermanentError("The API could not be started.", advice="The log says why.")
        self.servers = [await self._listen(one) for one in sockets or ()]
        self.started = True
        for tell in self.on_ready:
            tell()

    async def _listen(self, listener: socket.socket) -> asyncio.Server:
        def connection() -> asyncio.Protocol:
            made = Patient(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)
            made.head_seconds = self._limits.head_seconds
            return made

        return await asyncio.get_running_loop().create_server(
            connection,
            sock=listener,
            ssl=self.config.ssl,
            ssl_handshake_timeout=self._limits.handshake_seconds,
            ssl_shutdown_timeout=GRACE_SECONDS,
        )

    async def on_tick(self, counter: int) -> bool:
        """Called ten times a second; True ends the server."""
        if self._stop.is_set():
            return True
        if counter and counter % (RENEWAL_SECONDS * TICKS_PER_SECOND) == 0:
            await asyncio.to_thread(self.refresh_certificate)
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End open requests; hang up on clients that are idle."""
        hanging_up = asyncio.create_task(self._hang_up())
        try:
            await super().shutdown(sockets=sockets)
        finally:
            hanging_up.cancel()

    async def _hang_up(self) -> None:
        """A closed TLS connection waits for the client's goodbye, which an idle one never says."""
        closing: set[object] = set()
        while True:
            await asyncio.sleep(GOODBYE_SECONDS)
            connections = [one for one in self.server_state.connections if one.transport.is_closing()]
            for connection in connections:
                if connection in closing:
                    connection.transport.abort()
            closing = set(connections)

    def refresh_certificate(self) -> None:
        """Renew the certificate if it is time; new connections get it. Where that fails the old one stays."""
        try:
            tls = self._application.tls
            stamp = _stamp(tls)
            if stamp != self._stamp:
                self._context, self._stamp = _modern(tls), stamp
        except (BckError, OSError) as error:  # files that are just being exchanged, or do not fit together
            log.error("the server certificate could not be renewed", error=str(error))

    def _chosen(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        """Each new connection is served with the newest certificate, of whatever kind of key.

        A context keeps a certificate for each kind, so one that is loaded into it need not be shown.
        """
        connection.context = self._context


def _modern(tls: TlsFiles) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(tls.server_certificate, tls.server_key)
    return context


def _stamp(tls: TlsFiles) -> tuple[str, int, int]:
    """Differs when another certificate is to be shown."""
    status = tls.server_certificate.stat()
    return str(tls.server_certificate), status.st_ino, status.st_mtime_ns


@contextlib.contextmanager
def _announced(home: Path, address: Address, server: _Server) -> Iterator[None]:
    """Write ``run/api.json`` when the server is ready; remove it afterwards unless it is another's."""
    path = home / "run" / "api.json"
    text = json.dumps(asdict(address), indent=2) + "\n"
    server.on_ready.insert(0, lambda: _write(path, text))
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            if path.read_text("utf-8") == text:
                path.unlink()


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".api.", delete=False) as file:
        file.write(text)
    Path(file.name).replace(path)
