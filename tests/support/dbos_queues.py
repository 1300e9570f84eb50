"""Queues with DBOS as their engine, on a PostgreSQL server of the tests' own."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from sqlalchemy import make_url

from bck_adapters.clock import SystemClock
from bck_adapters.dbos.engine import DbosEngine
from bck_adapters.dbos.making import made_connections
from bck_adapters.dbos.node_lock import NodeLock
from bck_adapters.dbos.offers import Offers
from bck_adapters.dbos.queue import PATIENCE_SECONDS, DbosJobQueue
from bck_adapters.sql import sql_database
from bck_adapters.sql.tables import metadata
from bckcore.plugins.registry import Database
from bckcore.ports.clock import Clock
from tests.support.cli import eventually
from tests.support.postgresql import EVEN_THE_AUDIT_LOG, shared_server

POLL_SECONDS = 0.05
SURE = 60.0
"""Patience of whoever is sure that a job comes: as long as it takes."""
_OF_DBOS = (
    "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'dbos' AND tablename LIKE 'workflow%'"
)


class Node:
    """One process's part of a node: its connections, its engine, and queues on clocks of their own."""

    def __init__(self, url: str, name: str = "main", *, patience: float = PATIENCE_SECONDS) -> None:
        self.url, self.name, self.patience = url, name, patience
        self.offers = Offers()
        self.connections = made_connections(make_url(url))
        self.engine = DbosEngine(self.connections, name, self.offers, poll_seconds=POLL_SECONDS)
        self.lock = NodeLock(self.connections, name)
        self._databases: list[Database] = []

    def queue(self, clock: Clock | None = None) -> DbosJobQueue:
        """A queue of the node; all of them share its engine."""
        database = sql_database(self.url, clock or SystemClock())
        self._databases.append(database)
        database.migrate()
        assert database.node_queue is not None
        tables = database.node_queue(self.name)
        return DbosJobQueue(tables, lambda: self.engine, self.offers, self.lock, patience=self.patience)

    def close(self) -> None:
        """In order."""
        self.engine.stop()
        self.lock.let_go()
        self.engine.close()
        for database in self._databases:
            database.close()


@contextmanager
def node(url: str, name: str = "main", *, patience: float = PATIENCE_SECONDS) -> Iterator[Node]:
    """A node that is closed at the end."""
    made = Node(url, name, patience=patience)
    try:
        yield made
    finally:
        made.close()


@cache
def database_name() -> str:
    """One database for all tests of this process: to make DBOS's tables takes longer than a test."""
    return shared_server().create(template=shared_server().migrated)


def emptied(of: Node | None = None) -> str:
    """Its address, with no job in it any more, neither in our tables nor in DBOS's."""
    with shared_server().admin(database_name()) as connection:
        connection.execute(EVEN_THE_AUDIT_LOG)
        connection.execute(f"TRUNCATE {', '.join(metadata.tables)} RESTART IDENTITY".encode())
        if of is not None and of.engine.launched:
            assert eventually(lambda: _idle(of))
        theirs = ", ".join(f"dbos.{row[0]}" for row in connection.execute(_OF_DBOS))
        if theirs:
            connection.execute(f"TRUNCATE {theirs} CASCADE".encode())
    return shared_server().url(database_name())


def _idle(of: Node) -> bool:
    for job in of.offers.open():
        of.offers.settle(job)
    waiting = of.engine.waiting()
    return waiting.queued + waiting.offered == 0
