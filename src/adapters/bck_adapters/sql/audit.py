"""The audit log over an SqlSession: rows are added, and never touched again."""

from collections.abc import Sequence

from sqlalchemy import insert, select

from bck_adapters.sql import tables
from bck_adapters.sql.session import SqlSession
from bckcore.domain.audit import Entry, Head, digest, encoded
from bckcore.errors import ConflictError

_A = tables.audit.c


class SqlAuditLog:
    """AuditLog."""

    def __init__(self, session: SqlSession) -> None:
        self._session = session

    def append(self, entry: Entry) -> None:
        """See the port."""
        self._session.require_writing()
        newest = self.newest()
        if newest is not None and entry.number != newest.number + 1:
            raise ConflictError(f"Entry {entry.number} of the audit log cannot follow entry {newest.number}.")
        values = {"number": entry.number, "line": encoded(entry).decode("ascii")}
        self._session.write(insert(tables.audit), values)

    def newest(self) -> Head | None:
        """See the port."""
        query = select(tables.audit).order_by(_A.number.desc()).limit(1)
        row = self._session.execute(query).one_or_none()
        return None if row is None else Head(number=row.number, digest=digest(_bytes(row.line)))

    def lines(self, *, after: int = 0, limit: int) -> Sequence[tuple[int, bytes]]:
        """See the port."""
        query = select(tables.audit).where(_A.number > after).order_by(_A.number).limit(limit)
        return [(row.number, _bytes(row.line)) for row in self._session.execute(query)]


def _bytes(line: str) -> bytes:
    """The line as it lies there, also if somebody put into it what we never write."""
    return line.encode("utf-8", "surrogatepass")
