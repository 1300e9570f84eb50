"""`bck serve`: the API, a runner, or both in one process."""

import logging
import os
import socket
import threading
from collections.abc import Callable
from contextlib import ExitStack, closing
from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated

import typer

from bck_apps.cli.screen import Json, fields, show
from bck_apps.cli.session import opened, runner_name
from bck_apps.cli.shield import keep_files_private, take_open_files
from bckcore.domain.audit import Action
from bckcore.errors import ConflictError, TransientError

if TYPE_CHECKING:
    from bck_apps.api.serve import Address
    from bck_apps.runner.signals import StopSignals
    from bck_apps.wiring import Application

log = logging.getLogger("bck.serve")

_WATCH_SECONDS = 1.0
_STILL_SECONDS = 0.2
_AGAIN_SECONDS = 2.0


class Part(StrEnum):
    """What a process does alone."""

    API = "api"
    RUNNER = "runner"


def serve(
    port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="TCP port; 0 takes a free one. Else as set.")
    ] = None,
    only: Annotated[
        Part | None,
        typer.Option(help="api: take no jobs. runner: open no port. Without it this process does both."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Run the HTTPS API and carry out jobs until stopped.

    One runner per installation, in 'bck serve' or alone; a second one is refused. SIGTERM or Ctrl-C stops it:
    running jobs go back to the queue and are taken up by the next start. Logs are JSON lines on standard
    error, or in the file that the settings name.
    """
    with ExitStack() as kept:
        door = _Door(port, kept)
        again = False
        while again := _opened_and_served(only, door, anew=again, as_json=as_json):
            pass


def _opened_and_served(only: Part | None, door: "_Door", *, anew: bool, as_json: bool) -> bool:
    """Open the installation and serve it; True if it is to be opened again.

    At the first opening a database that does not answer is told at once, for somebody is looking; later the
    server waits for it.
    """
    from bck_apps.runner.signals import StopSignals

    with opened(serving=True) as application:
        if anew and not _answers(application):
            with StopSignals() as signals:
                return not signals.wait(_AGAIN_SECONDS)
        return _served(application, only, door, as_json=as_json)


def _answers(application: "Application") -> bool:
    try:
        _ = application.units  # opens the database
    except TransientError as error:
        log.warning("the database cannot be opened yet; trying again: %s", error)
        return False
    return True


def _served(application: "Application", only: Part | None, door: "_Door", *, as_json: bool) -> bool:
    """Serve until stopped; True if the installation is to be opened anew, for it may have moved."""
    from bck_apps.runner.signals import StopSignals
    from bck_apps.wiring.logs import configure_from

    keep_files_private()
    take_open_files()
    serving = _Serving(application, door, as_json=as_json)
    with ExitStack() as runner, StopSignals() as signals:
        configure_from(application.settings.logging)
        if not _locked(application, only, runner) or application.moved:
            log.info("the database is being moved; waiting until that is over")
            return _still_over(application, signals)
        application.require_safe_programs()
        if only is not Part.RUNNER:
            door.listener(application)  # before anything is said or begun: the port may be taken
        tell_start(application)
        if only is not Part.API:
            serving.with_runner(runner)
        if only is not Part.RUNNER:
            serving.with_api()
        return serving.run(signals, told=serving.tell_runner if only is Part.RUNNER else None)


def _locked(application: "Application", only: Part | None, runner: ExitStack) -> bool:
    """Take the lock of the one runner, if there is to be one; False while the installation stands still.

    Raises ConflictError if another runner works.
    """
    from bck_apps.runner.presence import ServeLock, stands_still
    from bck_apps.wiring.settings import database_variable

    if stands_still(application.home):
        return False
    if only is Part.API:
        return True
    note = "runner only" if only else ""
    lock = ServeLock(application.home, clock=application.clock, note=note, environment=database_variable())
    try:
        runner.enter_context(lock)
    except ConflictError:
        if stands_still(application.home):
            return False
        raise
    return True


def _still_over(application: "Application", signals: "StopSignals") -> bool:
    """Wait until nobody asks to stand still any more; False if a signal comes first."""
    from bck_apps.runner.presence import stands_still

    while stands_still(application.home):
        if signals.wait(_STILL_SECONDS):
            return False
    return True


def tell_start(application: "Application") -> None:
    """Enter that the server starts, and with which settings: changed ones have another digest."""
    settings = sha256(application.settings.model_dump_json().encode()).hexdigest()
    application.evidence.tell_after(Action.SERVICE_START, settings=settings, pid=os.getpid())


class _Door:
    """The socket that clients come to. It stays open while the installation is opened anew; they wait."""

    def __init__(self, port: int | None, kept: ExitStack) -> None:
        self._port = port
        self._kept = kept
        self._listener: socket.socket | None = None
        self.told = False
        """Whether people know the address, or that a runner alone is at work."""

    def listener(self, application: "Application") -> socket.socket:
        """Opened when first asked for. Raises ConflictError, InvalidInputError."""
        from bck_apps.api.serve import listening

        if self._listener is None:
            self._listener = self._kept.enter_context(closing(listening(application, port=self._port)))
        return self._listener


class _Serving:
    """The parts that run side by side, and their common end."""

    def __init__(self, application: "Application", door: _Door, *, as_json: bool) -> None:
        self._application = application
        self._door = door
        self._as_json = as_json
        self._stop = threading.Event()
        self._away = threading.Event()
        self._errors: list[BaseException] = []
        self._threads: list[threading.Thread] = []
        self._end_runner: Callable[[], None] = lambda: None

    def with_runner(self, locks: ExitStack) -> None:
        """Take jobs, and deliver messages to people; ``locks`` are given up when the runner has ended."""
        from bck_apps.runner.main import made_runner
        from bck_apps.runner.telling import Telling

        runner = made_runner(self._application, name=runner_name("serve"))
        locks.enter_context(Telling(self._application.notices))
        thread = self._part("runner", runner.run)

        def end() -> None:
            runner.stop()
            thread.join()
            locks.close()

        self._end_runner = end

    def with_api(self) -> None:
        """Answer requests."""
        self._part("api", self._serve)

    def run(self, signals: "StopSignals", *, told: Callable[[], None] | None = None) -> bool:
        """Go on until a signal, or until one part ends by itself, whose error is then raised.

        Or until somebody asks to stand still and is done; then True. ``told`` is called once all parts work.
        However it ends, no part works any more.
        """
        for thread in self._threads:
            thread.start()
        try:
            if told is not None:
                told()
            again = self._gone_on(signals)
        finally:
            self._stop.set()
            self._end_runner()
            for thread in self._threads:
                thread.join()
        if self._errors:
            raise self._errors[0]
        return again

    def _gone_on(self, signals: "StopSignals") -> bool:
        while all(thread.is_alive() for thread in self._threads) and not signals.wait(_WATCH_SECONDS):
            if self._to_be_opened_anew():
                return self._stood_still(signals)
        return False

    def _part(self, name: str, work: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=self._guarded, args=(work,), name=name)
        self._threads.append(thread)
        return thread

    def _to_be_opened_anew(self) -> bool:
        """Somebody moves the database, or has done so between two looks."""
        from bck_apps.runner.presence import stands_still

        return stands_still(self._application.home) or self._application.moved

    def _stood_still(self, signals: "StopSignals") -> bool:
        """Hand all jobs back, let go of the lock, wait until it is over; False if a signal comes first."""
        log.info("the database moves: standing still")
        self._away.set()
        self._end_runner()
        return _still_over(self._application, signals)

    def _guarded(self, part: Callable[[], None]) -> None:
        try:
            part()
        except BaseException as error:  # noqa: BLE001  # raised again in the main thread
            self._errors.append(error)

    def _serve(self) -> None:
        from bck_apps.api.serve import serve_on

        listener = self._door.listener(self._application)
        serve_on(listener, self._application, stop=self._stop, ready=self._tell, away=self._away)

    def tell_runner(self) -> None:
        """Say once that a runner without an API takes jobs."""
        if self._door.told:
            return
        self._door.told = True
        pairs = (("working", "runner"), ("process", str(os.getpid())), ("stop", "Ctrl-C"))
        show(self._as_json, {"part": Part.RUNNER.value, "pid": os.getpid()}, lambda: fields(pairs))

    def _tell(self, address: "Address") -> None:
        if self._door.told:
            return
        self._door.told = True
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
