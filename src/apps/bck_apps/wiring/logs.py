"""Logs: one JSON object a line, with the ids of job, run and host, without secrets.

They go to standard error, or into a file that gives way to a new one when it is large.

Lines of the standard library's ``logging`` (uvicorn, paramiko, plugins) take the same way.
"""

import logging
import os
import sys
from collections.abc import Mapping, MutableMapping
from contextlib import AbstractContextManager
from fcntl import LOCK_EX, flock
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, TextIO, cast

import structlog

from bck_apps.wiring.settings import LoggingSettings
from bckcore.domain.secret import Secret
from bckcore.errors import InvalidInputError

HIDDEN = "***"
SECRET_KEYS = frozenset(
    {
        "access_token",
        "authorization",
        "cookie",
        "idempotency_key",
        "passphrase",
        "new_password",
        "old_password",
        "password",
        "password_hash",
        "private_key",
        "recovery_codes",
        "refresh_token",
        "secret",
        "token",
    }
)
"""Names under which no value is ever shown, wherever in a line they stand."""

_QUIET = {"uvicorn.access": logging.CRITICAL, "paramiko": logging.WARNING, "alembic": logging.WARNING}
"""Access lines are ours; the other two tell more than anyone reads."""

Event = MutableMapping[str, Any]


def redacted(value: object, key: str = "") -> object:
    """``value`` with every Secret, and everything under a secret's name, replaced by ``***``."""
    if isinstance(value, Secret) or key.lower().replace("-", "_") in SECRET_KEYS:
        return HIDDEN
    if isinstance(value, Mapping):
        return {name: redacted(item, str(name)) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redacted(item) for item in value]
    return value


def _redact(_logger: object, _method: str, event: Event) -> Event:
    return cast("Event", redacted(event))


def _extra_of_foreign(_logger: object, _method: str, event: Event) -> Event:
    """Some libraries put a second, coloured copy of their message into the record."""
    event.pop("color_message", None)
    return event


def _readable(_logger: object, _method: str, event: Event) -> Event:
    """What people look for first, first."""
    first = {name: event.pop(name) for name in ("at", "level", "logger", "message") if name in event}
    return {**first, **event}


_SHARED: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.ExtraAdder(),
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
    _extra_of_foreign,
]


def _through_logging() -> None:
    """Hand every line to ``logging``: a program that was never configured must not print on its own."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


_through_logging()


class _LogFile(RotatingFileHandler):
    """Readable by the service's group, by nobody else, whatever the umask.

    Several processes may write to it, as ``bck serve --only api`` and ``--only runner`` of one installation
    do: one of them turns it over, each goes on in the new file, and no file goes before it is full.
    """

    def emit(self, record: logging.LogRecord) -> None:
        """Write the line to the file that has the name now."""
        if not self._has_the_name():
            self._open_anew()
        super().emit(record)

    def doRollover(self) -> None:  # noqa: N802  # logging's name
        """Give way to a new file, unless another process has just seen to that."""
        self.stream = self.stream or self._open()
        held = os.dup(self.stream.fileno())  # keeps the lock when the file is closed
        try:
            flock(held, LOCK_EX)
            if self._has_the_name():
                super().doRollover()
            else:
                self._open_anew()
        finally:
            os.close(held)

    def _has_the_name(self) -> bool:
        if self.stream is None:
            return True  # it will be opened by that
        try:
            return os.path.samestat(Path(self.baseFilename).stat(), os.fstat(self.stream.fileno()))
        except FileNotFoundError:
            return False

    def _open_anew(self) -> None:
        if self.stream is not None:
            self.stream.close()
        self.stream = self._open()

    def _open(self) -> TextIOWrapper:
        handle = os.open(self.baseFilename, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        os.fchmod(handle, 0o640)
        return cast("TextIOWrapper", os.fdopen(handle, self.mode, encoding=self.encoding))


def configure_from(settings: LoggingSettings) -> None:
    """Send all log lines where the settings say. Raises InvalidInputError for a file that cannot be used."""
    if not settings.file:
        configure(settings.level)
        return
    try:
        handler = _LogFile(
            settings.file, maxBytes=settings.file_bytes, backupCount=settings.file_count, encoding="utf-8"
        )
    except OSError as exc:
        raise InvalidInputError(
            f"The log file {settings.file} cannot be opened: {exc.strerror}.",
            meaning="Nothing was started.",
            advice="Make its folder, give this account the right to write there, or change logging.file.",
        ) from exc
    configure(settings.level, handler=handler)


def configure(
    level: str = "info", stream: TextIO | None = None, *, handler: logging.Handler | None = None
) -> None:
    """Send all log lines of this process to ``handler``, else to ``stream`` (default: standard error).

    Safe to repeat.
    """
    _through_logging()
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_SHARED,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _redact,
            structlog.processors.EventRenamer("message"),
            _readable,
            structlog.processors.JSONRenderer(),
        ],
    )
    handler = handler or logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    for earlier in root.handlers:
        if isinstance(earlier, _LogFile):
            earlier.close()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name, least in _QUIET.items():
        logging.getLogger(name).setLevel(least)


def get_logger(name: str = "bck") -> structlog.stdlib.BoundLogger:
    """A logger; keyword arguments become fields: ``log.info("run finished", outcome="partial")``."""
    return cast("structlog.stdlib.BoundLogger", structlog.get_logger(name))


def bound(*, job: str = "", run: str = "", host: str = "", profile: str = "") -> AbstractContextManager[None]:
    """Within it, every line of this thread or task carries the ids that are given."""
    ids = {"job_id": job, "run_id": run, "host": host, "profile": profile}
    return cast(
        "AbstractContextManager[None]",
        structlog.contextvars.bound_contextvars(**{name: value for name, value in ids.items() if value}),
    )
