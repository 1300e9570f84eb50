"""NodeLock: at most one process works for a storage node, whichever machine it is on."""

import os
import socket
import zlib
from contextlib import suppress

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

SPACE = 0x62636C
"""Our second number space of advisory locks; 0x62636b is that of the tables."""
_TRY = text("SELECT pg_try_advisory_lock(:space, :node)")
_SESSION = text("""
SELECT set_config('application_name', :name, false), set_config('tcp_keepalives_idle', '10', false),
  set_config('tcp_keepalives_interval', '5', false), set_config('tcp_keepalives_count', '4', false)
""")
"""And let the server notice within half a minute that the machine at the other end is gone: it keeps the lock
as long as it takes the connection for alive, by itself for hours."""
_OF_HOLDER = """
FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2
  AND l.classid = :space AND l.objid = CAST(CAST(:node AS bigint) & 4294967295 AS oid)
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_HOLDER = text(f"SELECT a.application_name {_OF_HOLDER}")
_END_SILENT = text(f"""
SELECT a.application_name, pg_terminate_backend(a.pid) {_OF_HOLDER}
  AND a.state = 'idle' AND a.state_change < now() - make_interval(secs => :seconds)
""")


def _lock_of(node: str) -> dict[str, int]:
    """The two numbers of a node's lock, of 32 bits with a sign."""
    number = zlib.crc32(node.encode())
    return {"space": SPACE, "node": number - (1 << 32) if number >= 1 << 31 else number}


class NodeLock:
    """An advisory lock of PostgreSQL, held by a connection of its own: it goes when the process does.

    Not thread-safe. Raises SQLAlchemyError.
    """

    def __init__(self, engine: Engine, node: str) -> None:
        self._engine = engine
        self._which = _lock_of(node)
        self._connection: Connection | None = None

    def take(self) -> bool:
        """Whether it is ours now; it may have been so before."""
        if self.held():
            return True
        connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        try:
            name = f"bck runner {socket.gethostname()}:{os.getpid()}"[:63]
            connection.execute(_SESSION, {"name": name})
            taken = bool(connection.execute(_TRY, self._which).scalar_one())
        except BaseException:
            _closed(connection)
            raise
        if not taken:
            _closed(connection)
            return False
        self._connection = connection
        return True

    def held(self) -> bool:
        """Whether it is ours still: asks the server, for a connection that broke has lost it."""
        if self._connection is None:
            return False
        try:
            self._connection.execute(text("SELECT 1"))
        except SQLAlchemyError:
            self.let_go()
            return False
        return True

    def holder(self, node: str) -> str:
        """Who holds that node's lock, for people; empty if nobody."""
        with self._engine.connect() as connection:
            name = connection.execute(_HOLDER, _lock_of(node)).scalar()
        return str(name or "").removeprefix("bck runner ")

    def take_from_silent(self, seconds: float) -> str:
        """End the connection of a holder that has not asked whether it is still one for so long.

        Who that was, for people; empty if nobody was ended. The holder, if it lives, learns of it when it
        next asks.
        """
        with self._engine.connect() as connection:
            ended = connection.execute(_END_SILENT, self._which | {"seconds": seconds}).first()
        return str(ended.application_name).removeprefix("bck runner ") if ended is not None else ""

    def let_go(self) -> None:
        """Safe to repeat."""
        connection, self._connection = self._connection, None
        if connection is not None:
            _closed(connection)


def _closed(connection: Connection) -> None:
    """Close it for good: back in the pool it would keep the lock and the name."""
    with suppress(SQLAlchemyError):
        connection.invalidate()
    connection.close()
