"""Telling: a thread that delivers what people are to be told, apart from all work."""

import logging
from threading import Event, Thread
from types import TracebackType
from typing import Self

from bckcore.services.notices import NoticeService

LOOK_SECONDS = 1.0
"""Other processes of the installation put things into the outbox, too."""
LEAST_SECONDS = 0.1
END_SECONDS = 5.0

_logger = logging.getLogger(__name__)


class Telling:
    """A context in which what is due is delivered.

    Leaving it does not wait long for a slow other side: what is under way then may come twice, as after a
    crash.
    """

    def __init__(
        self,
        notices: NoticeService,
        *,
        look_seconds: float = LOOK_SECONDS,
        end_seconds: float = END_SECONDS,
    ) -> None:
        self._notices = notices
        self._look_seconds = look_seconds
        self._end_seconds = end_seconds
        self._stop = Event()
        self._thread = Thread(target=self._run, name="telling", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(self._end_seconds)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                wait = self._notices.deliver()
            except Exception:  # the next look tries again
                _logger.exception("messages to people are put off")
                wait = self._look_seconds
            self._stop.wait(max(LEAST_SECONDS, min(wait, self._look_seconds)))
