"""Outage: a queue whose database is out of reach whenever a test says so."""

from __future__ import annotations

from threading import Condition
from typing import Any

from bckcore.errors import DatabaseUnreachableError
from bckcore.ports.job_queue import JobQueue
from tests.support.runner import PATIENCE


class Outage:
    """JobQueue. During an outage each call raises DatabaseUnreachableError, as a lost server makes it."""

    def __init__(self, inner: JobQueue) -> None:
        self._inner = inner
        self._out = False
        self._answered: frozenset[str] = frozenset()
        self._calls = Condition()
        self._seen: list[str] = []

    def begin(self) -> None:
        """From now on nothing is answered."""
        with self._calls:
            self._out, self._answered = True, frozenset()

    def end(self, *, only_claims: bool = False) -> None:
        """All is answered again; or what looks for work, while everything else has still to wait."""
        with self._calls:
            self._out = only_claims
            self._answered = frozenset({"claim", "release_dead"})
            self._seen.clear()

    def looked(self, times: int) -> bool:
        """Whether work was looked for so often since :meth:`end`, before patience ends."""
        return self._came("claim", times)

    def refused(self, name: str, times: int = 1) -> bool:
        """Whether that was asked so often within the outage, before patience ends."""
        return self._came(f"refused {name}", times)

    def _came(self, what: str, times: int) -> bool:
        with self._calls:
            return self._calls.wait_for(lambda: self._seen.count(what) >= times, PATIENCE)

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._inner, name)

        def call(*values: Any, **named: Any) -> Any:
            with self._calls:
                out = self._out and name not in self._answered
                self._seen.append(f"refused {name}" if out else name)
                self._calls.notify_all()
            if out:
                raise DatabaseUnreachableError("The database server does not answer.")
            return real(*values, **named)

        return call
