"""One connection with one transaction at a time; foreign errors stop here."""

from collections.abc import Sequence
from contextlib import closing
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Connection, CursorResult, Engine, Executable, Table
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import SQLAlchemyError

from bck_adapters.sql.engine import exclusive, reading
from bck_adapters.sql.errors import as_bck_error, raise_for, translated
from bckcore.errors import ConflictError


class SqlSession:
    """``with SqlSession(engine) as session``; leaving rolls back what was not committed.

    One that reads only has a view frozen when it begins. Of those that are ``alone``, one writes at a
    time; the others rely on locks of rows and on unique indexes. On SQLite every writer is alone.
    """

    def __init__(self, engine: Engine, *, read_only: bool = False, alone: bool = False) -> None:
        self._engine = reading(engine) if read_only else exclusive(engine) if alone else engine
        self._read_only = read_only
        self._connection: Connection | None = None
        self._helpers: list[Table] = []

    def __enter__(self) -> Self:
        self.begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        connection, self._connection = self._connection, None
        try:
            if connection is not None:
                with translated():
                    _end(connection, lasting=bool(self._helpers))
        finally:
            raise_for(error)

    @property
    def read_only(self) -> bool:
        """True if nothing can be written."""
        return self._read_only

    @property
    def writes(self) -> bool:
        """True if the unit may change data."""
        return not self._read_only

    @property
    def dialect(self) -> Dialect:
        """The dialect of the database."""
        return self._engine.dialect

    def begin(self) -> Connection:
        """The connection, in a transaction; a new one starts after a commit."""
        with translated():
            if self._connection is None:
                self._connection = self._begun()
            elif not self._connection.in_transaction():
                self._connection.begin()
        return self._connection

    def _begun(self) -> Connection:
        """A connection in a transaction. One that cannot begin goes back: nobody would close it."""
        connection = self._engine.connect()
        try:
            connection.begin()
        except BaseException:
            connection.close()
            raise
        return connection

    def execute(self, statement: Executable, values: Any = None) -> CursorResult[Any]:
        """Run a statement that reads, or fills a helper table."""
        connection = self.begin()
        with translated():
            return connection.execute(statement, values)

    def driver_rows(self, statement: Executable) -> list[tuple[Any, ...]]:
        """All rows as the driver gives them, in a third of the time; for columns that need no conversion."""
        result = self.execute(statement)
        with translated(), closing(result):
            return list(result.cursor.fetchall())

    def driver(self, sql: str, values: tuple[object, ...] = ()) -> None:
        """Run a statement in the driver's own words that reads, or fills a helper table."""
        connection = self.begin()
        with translated():
            connection.exec_driver_sql(sql, values or None)

    def write(self, statement: Executable, values: Any = None) -> CursorResult[Any]:
        """Run a statement that changes data. Raises ConflictError in a read-only unit."""
        self.require_writing()
        return self.execute(statement, values)

    def write_many(self, statement: Executable, rows: Sequence[dict[str, object]]) -> None:
        """Run a changing statement once per row; nothing for no rows."""
        if rows:
            self.write(statement, rows)

    def write_driver_many(self, sql: str, rows: Sequence[tuple[object, ...]]) -> None:
        """Run a changing statement in the driver's own words once per row."""
        self.require_writing()
        connection = self.begin()
        with translated():
            connection.exec_driver_sql(sql, list(rows))

    def helper(self, table: Table) -> None:
        """Create a temporary table that lives until it is dropped or the session ends."""
        connection = self.begin()
        with translated():
            table.create(connection)
        self._helpers.append(table)

    def drop_helper(self, table: Table) -> None:
        """Drop a temporary table; safe when the session is over or its transaction has failed."""
        if self._connection is None or table not in self._helpers:
            return
        try:
            table.drop(self._connection)
        except SQLAlchemyError as exc:
            if self.dialect.name != "postgresql":
                raise as_bck_error(exc) from exc
            return  # what failed before is told; the table goes with the connection
        self._helpers.remove(table)

    def commit(self) -> None:
        """Make the changes durable. Raises ConflictError in a read-only unit."""
        self.require_writing()
        if self._connection is not None:
            with translated():
                self._connection.commit()

    def rollback(self) -> None:
        """Forget the changes."""
        if self._connection is not None:
            with translated():
                self._connection.rollback()

    def require_writing(self) -> None:
        """Raise ConflictError in a read-only unit."""
        if self._read_only:
            raise ConflictError("This unit of work was opened for reading only.")


def _end(connection: Connection, *, lasting: bool) -> None:
    """Give the connection back; with tables that a commit may have made lasting, close it."""
    try:
        connection.rollback()
        if lasting:
            connection.invalidate()
    finally:
        connection.close()
