"""AuditLog: what happened, only ever added to; and HeadKeeper, which remembers its end elsewhere."""

from collections.abc import Sequence
from typing import Protocol

from bckcore.domain.audit import Entry, Head


class AuditLog(Protocol):
    """Part of a UnitOfWork: an entry is durable together with what it tells of, or not at all.

    There is no way to change or remove an entry. Units that write exclude one another, on every database
    and in every process, so entries have one order and no number is given twice.
    """

    def append(self, entry: Entry) -> None:
        """Add an entry. Raises ConflictError unless its number is one more than that of the newest one;
        in an empty log any number will do. Raises ConflictError in a read-only unit."""

    def newest(self) -> Head | None:
        """The newest entry, as it lies there; None in an empty log."""

    def lines(self, *, after: int = 0, limit: int) -> Sequence[tuple[int, bytes]]:
        """Numbers and lines as they lie there, by number, those above ``after``."""


class HeadKeeper(Protocol):
    """Remembers the newest entry outside the database, so that a log whose end was cut off shows it.

    Thread-safe, and across processes.
    """

    def remember(self, entries: Sequence[Entry], chain: Sequence[Head]) -> None:
        """Tell of entries that have just become durable, and remember the last of ``chain``.

        ``chain`` begins with what was remembered when they were entered, and each of it follows the one
        before. What is remembered by now is replaced only if it is part of it, or nothing is; see
        :func:`bckcore.domain.audit.advanced`. Never raises: what cannot be noted is logged.

        An empty chain means that the log does not hold what is remembered: that stays, and the newest of the
        entries is kept beside it, the first time; see :meth:`strayed`.
        """

    def remembered(self) -> Head | None:
        """The newest entry that was noted; None if none ever was. Raises StorageError if it is unreadable."""

    def strayed(self) -> Head | None:
        """An entry that was made while the log did not hold what is remembered; None if it always did.

        No chain holds both, so that is told for good, also if what was taken away is put back. Raises
        StorageError as :meth:`remembered` does.
        """
