"""One connection with one transaction at a time; foreign errors stop here."""

from collections.abc import Sequence
from contextlib import closing
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Connection, CursorResult, Engine, Executable, Table
from sqlalchemy.engine import Dialect

from bck_adapters.sql.engine import READ_ONLY
from bck_adapters.sql.errors import raise_for, translated
from bckcore.errors import ConflictError


class SqlSession:
    """``with SqlSession(engine) as session``; leaving rolls back what was not committed."""

    def __init__(self, engine: Engine, *, read_only: bool = False) -> None:
        self._engine = engine.execution_options(**READ_ONLY) if read_only else engine
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
                    connection.rollback()
                    if self._helpers:  # a commit may have made them lasting: they go with the connection
                        connection.invalidate()
                    connection.close()
        finally:
            raise_for(error)

    @property
    def dialect(self) -> Dialect:
        """The dialect of the database."""
        return self._engine.dialect

    def begin(self) -> Connection:
        """The connection, in a transaction; a new one starts after a commit."""
        with translated():
            if self._connection is None:
                self._connection = self._engine.connect()
            if not self._connection.in_transaction():
                self._connection.begin()
        return self._connection

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
        """Drop a temporary table; safe when the session is over."""
        if self._connection is not None and table in self._helpers:
            self._helpers.remove(table)
            with translated():
                table.drop(self._connection)

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
