"""`bck serve`: the API and a runner in one process."""

import os
import threading
from collections.abc import Callable
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated

import typer

from bck_apps.cli.screen import Json, fields, show
from bck_apps.cli.session import opened, runner_name
from bck_apps.cli.shield import keep_files_private
from bckcore.domain.audit import Action

if TYPE_CHECKING:
    from bck_apps.api.serve import Address
    from bck_apps.runner.signals import StopSignals
    from bck_apps.wiring import Application

_WATCH_SECONDS = 1.0


def serve(
    port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="TCP port; 0 takes a free one. Else as set.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Run the HTTPS API and carry out jobs until stopped.

    One 'bck serve' per installation; a second one is refused. SIGTERM or Ctrl-C stops it: running
    jobs go back to the queue and are taken up by the next start. Logs are JSON lines on standard error, or in
    the file that the settings name.
    """
    from bck_apps.runner.presence import ServeLock
    from bck_apps.runner.signals import StopSignals
    from bck_apps.wiring.logs import configure_from

    keep_files_private()
    with (
        opened(serving=True) as application,
        ServeLock(application.home, clock=application.clock),
        StopSignals() as signals,
    ):
        configure_from(application.settings.logging)
        application.require_safe_programs()
        tell_start(application)
        _Serving(application, port, as_json=as_json).run(signals)


def tell_start(application: "Application") -> None:
    """Enter that the server starts, and with which settings: changed ones have another digest."""
    settings = sha256(application.settings.model_dump_json().encode()).hexdigest()
    application.evidence.tell_after(Action.SERVICE_START, settings=settings, pid=os.getpid())


class _Serving:
    """The two parts that run side by side, and their common end."""

    def __init__(self, application: "Application", port: int | None, *, as_json: bool) -> None:
        from bck_apps.runner.main import made_runner

        self._application = application
        self._port = port
        self._as_json = as_json
        self._stop = threading.Event()
        self._errors: list[BaseException] = []
        self._runner = made_runner(application, name=runner_name("serve"))

    def run(self, signals: "StopSignals") -> None:
        """Go on until a signal, or until one part ends by itself, whose error is then raised."""
        from bck_apps.runner.telling import Telling

        threads = [
            threading.Thread(target=self._guarded, args=(part,), name=name)
            for name, part in (("api", self._serve), ("runner", self._runner.run))
        ]
        with Telling(self._application.notices):
            for thread in threads:
                thread.start()
            while all(thread.is_alive() for thread in threads) and not signals.wait(_WATCH_SECONDS):
                pass
            self._stop.set()
            self._runner.stop()
            for thread in threads:
                thread.join()
        if self._errors:
            raise self._errors[0]

    def _guarded(self, part: Callable[[], None]) -> None:
        try:
            part()
        except BaseException as error:  # noqa: BLE001  # raised again in the main thread
            self._errors.append(error)

    def _serve(self) -> None:
        from bck_apps.api.serve import serve as serve_api

        serve_api(self._application, stop=self._stop, port=self._port, ready=self._tell)

    def _tell(self, address: "Address") -> None:
        tls = self._application.tls
        document = {
            "url": address.url,
            "port": address.port,
            "pid": address.pid,
            "ca_certificate": address.ca,
            "ca_fingerprint": tls.fingerprint,
        }
        pairs = (
            ("listening", address.url),
            ("CA", address.ca),
            ("its SHA-256", tls.fingerprint),
            ("stop", "Ctrl-C"),
        )
        show(self._as_json, document, lambda: fields(pairs))
