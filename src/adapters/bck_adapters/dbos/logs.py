"""DBOS's log lines go where ours go, and not a thousand times."""

import logging
import time

NAME = "dbos"
_SAME_SECONDS = 60.0
_MOST_KINDS = 1000
_OF_NO_USE = ("Asyncio task cancelled for workflow",)
"""What it says of every waiting offer when it is stopped on purpose."""


class Calm(logging.Filter):
    """One line of a kind a minute, without its traceback: in an outage DBOS writes one a second, or more."""

    def __init__(self) -> None:
        super().__init__()
        self._told: dict[tuple[str, int], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is written."""
        if record.getMessage().startswith(_OF_NO_USE):
            return False
        kind, now = (record.pathname, record.lineno), time.monotonic()
        if now - self._told.get(kind, -_SAME_SECONDS) < _SAME_SECONDS:
            return False
        if len(self._told) >= _MOST_KINDS:
            self._told.clear()
        self._told[kind] = now
        record.exc_info = record.exc_text = None
        return True


def take_over_logs() -> None:
    """Before DBOS is made, or it adds a handler of its own, in its own format. Safe to repeat."""
    logger = logging.getLogger(NAME)
    if not any(isinstance(one, logging.NullHandler) for one in logger.handlers):
        logger.addHandler(logging.NullHandler())
        logger.addFilter(Calm())
    logger.propagate = True
