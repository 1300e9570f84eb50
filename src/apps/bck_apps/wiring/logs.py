"""Logs: one JSON object a line on standard error, with the ids of job, run and host, without secrets.

Lines of the standard library's ``logging`` (uvicorn, paramiko, plugins) take the same way.
"""

import logging
import sys
from collections.abc import Mapping, MutableMapping
from contextlib import AbstractContextManager
from typing import Any, TextIO, cast

import structlog

from bckcore.domain.secret import Secret

HIDDEN = "***"
SECRET_KEYS = frozenset(
    {
        "access_token",
        "authorization",
        "cookie",
        "idempotency_key",
        "passphrase",
        "password",
        "password_hash",
        "private_key",
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


def configure(level: str = "info", stream: TextIO | None = None) -> None:
    """Send all log lines of this process to ``stream`` (default: standard error). Safe to repeat."""
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
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
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
