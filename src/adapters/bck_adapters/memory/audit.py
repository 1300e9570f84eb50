"""The audit log in memory, and a keeper of its head."""

from collections.abc import Sequence
from threading import Lock

from bck_adapters.memory.state import Session
from bckcore.domain.audit import Entry, Head, advanced, digest, encoded
from bckcore.errors import ConflictError


class MemoryAuditLog:
    """AuditLog."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def append(self, entry: Entry) -> None:
        """See the port."""
        lines = self._session.write().audit
        newest = self.newest()
        if newest is not None and entry.number != newest.number + 1:
            raise ConflictError(f"Entry {entry.number} of the audit log cannot follow entry {newest.number}.")
        lines[entry.number] = encoded(entry)

    def newest(self) -> Head | None:
        """See the port."""
        lines = self._session.read.audit
        if not lines:
            return None
        number = max(lines)
        return Head(number=number, digest=digest(lines[number]))

    def lines(self, *, after: int = 0, limit: int) -> Sequence[tuple[int, bytes]]:
        """See the port."""
        lines = self._session.read.audit
        return [(number, lines[number]) for number in sorted(lines) if number > after][:limit]


class MemoryHeadKeeper:
    """HeadKeeper."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._head: Head | None = None
        self._strayed: Head | None = None

    def remember(self, entries: Sequence[Entry], chain: Sequence[Head]) -> None:
        """See the port."""
        with self._lock:
            if chain:
                self._head = advanced(self._head, chain) or self._head
            elif entries and self._head is not None:
                self._strayed = self._strayed or entries[-1].head

    def remembered(self) -> Head | None:
        """See the port."""
        return self._head

    def strayed(self) -> Head | None:
        """See the port."""
        return self._strayed
