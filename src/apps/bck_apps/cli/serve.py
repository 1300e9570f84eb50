"""`bck serve`: the API and a runner in one process."""

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from bck_apps.cli.screen import Json, fields, say, show
from bck_apps.cli.session import opened, runner_name
from bck_apps.cli.status import FAILED
from bckcore.errors import ConflictError, InvalidInputError

if TYPE_CHECKING:
    from uvicorn import Server

    from bck_apps.runner.loop import Runner
    from bck_apps.runner.signals import StopSignals
    from bck_apps.wiring import Application

DRAIN_SECONDS = 5
"""How long open requests may go on when the server stops."""
_START_STEP_SECONDS = 0.05
_WATCH_SECONDS = 1.0

_logger = logging.getLogger(__name__)


def serve(
    port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="TCP port; 0 takes a free one. Else as set.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Run the HTTPS API and carry out jobs until stopped.

    One 'bck serve' per installation; a second one is refused. SIGTERM or Ctrl-C stops it: running
    jobs go back to the queue and are taken up by the next start. Logs are JSON lines on standard error.
    """
    from bck_apps.runner.presence import ServeLock
    from bck_apps.runner.signals import StopSignals
    from bck_apps.wiring.logs import configure

    with opened() as application, _listening(application, port) as listener:
        url = f"https://{_shown(application.settings.api.host)}:{listener.getsockname()[1]}"
        with ServeLock(application.home, clock=application.clock, note=url), StopSignals() as signals:
            configure(application.settings.logging.level)
            well = _Serving(application, listener, url, as_json=as_json).run(signals)
    if not well:
        raise typer.Exit(FAILED)


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


@contextmanager
def _listening(application: "Application", port: int | None) -> Iterator[socket.socket]:
    host = application.settings.api.host
    wanted = application.settings.api.port if port is None else port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, wanted))
        except OSError as exc:
            raise _unusable(application, host, wanted, exc) from exc
        yield listener


def _unusable(
    application: "Application", host: str, port: int, exc: OSError
) -> ConflictError | InvalidInputError:
    from bck_apps.runner.presence import serve_is_up, served_by

    if serve_is_up(application.home):
        return ConflictError(
            f"'bck serve' runs already for {application.home} ({served_by(application.home)}).",
            meaning="Two of them would get in each other's way; this one did nothing.",
            advice="Stop the other one first, or use another BCK_HOME.",
        )
    return ConflictError(
        f"{_shown(host)}:{port} cannot be listened on: {exc.strerror}.",
        meaning="Nothing was started.",
        advice="Choose another port with --port, or stop the program that uses it.",
    )


class _Serving:
    """The parts that run side by side, and their common end."""

    def __init__(
        self, application: "Application", listener: socket.socket, url: str, *, as_json: bool
    ) -> None:
        self._application = application
        self._listener = listener
        self._url = url
        self._as_json = as_json
        self._server = _server(application)
        self._runner = _runner(application)
        self._threads = (
            threading.Thread(target=self._serve, name="api"),
            threading.Thread(target=self._runner.run, name="runner"),
        )

    def run(self, signals: "StopSignals") -> bool:
        """Go on until a signal, or until one part ends by itself; True if it was the signal."""
        for thread in self._threads:
            thread.start()
        told = asked = False
        try:
            while not asked and all(thread.is_alive() for thread in self._threads):
                if self._server.started and not told:
                    told = True
                    self._tell()
                asked = signals.wait(_WATCH_SECONDS if told else _START_STEP_SECONDS)
        finally:
            self._server.should_exit = True
            self._runner.stop()
            for thread in self._threads:
                thread.join()
        if not asked:
            say("error: a part of the server ended by itself; its log lines above say why.")
        return asked

    def _serve(self) -> None:
        # Here and not in the main thread: uvicorn would take the signals for itself.
        try:
            self._server.run(sockets=[self._listener])
        except SystemExit:  # uvicorn's way to say that it could not start; it has logged why
            _logger.error("the API could not start")

    def _tell(self) -> None:
        tls = self._application.tls
        document = {
            "url": self._url,
            "ca_certificate": str(tls.ca_certificate),
            "ca_fingerprint": tls.fingerprint,
        }
        pairs = (
            ("listening", self._url),
            ("CA", tls.ca_certificate),
            ("its SHA-256", tls.fingerprint),
            ("stop", "Ctrl-C"),
        )
        show(self._as_json, document, lambda: fields(pairs))


def _server(application: "Application") -> "Server":
    import uvicorn

    from bck_apps.api.main import create_app

    tls = application.tls
    config = uvicorn.Config(
        create_app(application),
        ssl_certfile=str(tls.server_certificate),
        ssl_keyfile=str(tls.server_key),
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
    return uvicorn.Server(config)


def _runner(application: "Application") -> "Runner":
    from bck_apps.runner.main import made_runner

    return made_runner(application, name=runner_name("serve"))
