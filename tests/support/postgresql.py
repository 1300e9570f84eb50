"""PostgreSQL servers of the tests' own: run by whoever runs the tests, in a temporary folder.

Nothing of a PostgreSQL that the machine may run is used or touched, but for its programs.
"""

from __future__ import annotations

import atexit
import functools
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psycopg

from bck_adapters.clock import SystemClock
from bck_adapters.sql import sql_database
from bck_adapters.sql.tables import metadata
from bck_adapters.testkit.lacking import lacking

_PATIENCE = 60
_ADMIN = "bckadmin"
EVEN_THE_AUDIT_LOG = "SET session_replication_role = replica"
"""Lets the server's superuser empty what triggers guard."""
_QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
"""For servers that no test kills."""
_SMALL = ("shared_buffers=32MB", "max_connections=300", "listen_addresses=", "logging_collector=off")


def programs() -> Path:
    """Where initdb and postgres lie: Debian keeps them off PATH, by version."""
    on_path = shutil.which("initdb")
    found = [Path(on_path)] if on_path else []
    found += sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"),
        key=lambda path: int(path.parts[-3]) if path.parts[-3].isdigit() else 0,
    )
    if not found:
        lacking("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    if os.geteuid() == 0:
        lacking("PostgreSQL refuses to be run by root: run the tests as an ordinary user")
    return found[-1].parent


def on_postgresql() -> bool:
    """Whether this run of the tests asks for PostgreSQL under every installation: BCK_TEST_DATABASE."""
    return os.environ.get("BCK_TEST_DATABASE") == "postgresql"


def on_dbos() -> bool:
    """Whether it asks for DBOS as the engine of every queue there, too: BCK_TEST_QUEUE."""
    return on_postgresql() and os.environ.get("BCK_TEST_QUEUE") == "dbos"


class PostgresServer:
    """One server; it can be stopped, killed and started again on the same data and socket."""

    def __init__(self, folder: Path, *, durable: bool = False, password: str = "") -> None:
        """``folder``: empty, its path short. ``durable``: written to survive kill -9 in the middle."""
        self.folder = folder
        self._bin = programs()
        self._data = folder / "data"
        self._settings = _SMALL if durable else (*_SMALL, *_QUICK)
        self._process: subprocess.Popen[bytes] | None = None
        self._names = itertools.count(1)
        self._by_folder: dict[Path, str] = {}
        self._free: list[str] = []
        self.password = password
        self._initdb()

    def _initdb(self) -> None:
        secret = self.folder / "secret"
        secret.write_text(self.password or "unused")
        command = [str(self._bin / "initdb"), "--pgdata", str(self._data), "--username", _ADMIN, "--no-sync"]
        # A language whose order is not that of bytes, where there is one, would only slow every run down:
        # tests/integration/sql tries one.
        command += ["--encoding", "UTF8", "--locale", "C.UTF-8", f"--pwfile={secret}"]
        command += ["--auth", "scram-sha-256" if self.password else "trust"]
        subprocess.run(command, check=True, capture_output=True, timeout=_PATIENCE)

    def start(self) -> None:
        """Start, and wait until it answers."""
        options = [part for setting in self._settings for part in ("-c", setting)]
        command = [str(self._bin / "postgres"), "-D", str(self._data), "-k", str(self.folder), *options]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "QUIT", *command], stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        # It tells nobody when it is ready but those who ask.
        end = time.monotonic() + _PATIENCE
        while True:
            try:
                self.admin().close()
                return
            except psycopg.OperationalError:
                if time.monotonic() > end or self._process.poll() is not None:
                    raise AssertionError(f"PostgreSQL did not start: {self.log()}") from None
                time.sleep(0.05)

    def log(self) -> str:
        """What the server wrote."""
        return (self.folder / "log").read_text("utf-8", "replace")

    def stop(self) -> None:
        """Stop at once and in order: clients are cut off."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """kill -9 of the server and of all that serve its clients: as when the machine loses its power."""
        if self._process is None:
            return
        children = self._children()
        self._process.kill()
        for child in children:
            try:
                os.kill(child, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self._process.wait(_PATIENCE)
        self._process = None
        end = time.monotonic() + _PATIENCE
        while any(Path(f"/proc/{child}").exists() for child in children):  # nobody of ours can await them
            assert time.monotonic() < end
            time.sleep(0.01)

    def _children(self) -> list[int]:
        assert self._process is not None
        pid = self._process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(_PATIENCE)
            self._process = None

    # --- databases --------------------------------------------------------------------------------

    def admin(self, database: str = "postgres") -> psycopg.Connection[tuple[object, ...]]:
        """A connection of its own, each statement at once in force."""
        return psycopg.connect(
            host=str(self.folder),
            user=_ADMIN,
            dbname=database,
            password=self.password or None,
            autocommit=True,
            connect_timeout=_PATIENCE,
        )

    def url(self, name: str, *, password: bool = True) -> str:
        """The address of a database; it need not be there."""
        secret = f":{quote(self.password, safe='')}" if self.password and password else ""
        return f"postgresql://{_ADMIN}{secret}@/{name}?host={quote(str(self.folder), safe='')}"

    def run(self, *statements: str) -> None:
        """Run statements as the administrator."""
        with self.admin() as connection:
            for statement in statements:
                connection.execute(statement)

    def create(self, *, template: str = "template0", more: str = "") -> str:
        """A new database; its name."""
        name = f"t{next(self._names)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template} {more}")
        return name

    def drop(self, name: str) -> None:
        """Drop it, whoever uses it."""
        self.run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    @functools.cached_property
    def migrated(self) -> str:
        """A database with our schema and nothing in it, to copy."""
        name = self.create()
        database = sql_database(self.url(name), SystemClock())
        database.migrate()
        database.close()
        return name

    def database_of(self, folder: Path) -> str:
        """The address of the one database that stands for a folder; made when first asked for."""
        if folder not in self._by_folder:
            free = self._free.pop() if self._free else self.create(template=self.migrated)
            self._by_folder[folder] = free
        return self.url(self._by_folder[folder])

    def forget(self, folder: Path) -> None:
        """Empty the folder's database, if there is one, for the next test: much quicker than a new one."""
        name = self._by_folder.pop(folder, None)
        if name is None:
            return
        try:
            with self.admin(name) as connection:
                connection.execute("SET lock_timeout = '5s'")
                connection.execute(EVEN_THE_AUDIT_LOG)
                connection.execute(f"TRUNCATE {', '.join(metadata.tables)} RESTART IDENTITY")
            self._free.append(name)
        except psycopg.Error:  # somebody still uses it, or it has another schema
            self.drop(name)


def _short_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="pg"))


@contextmanager
def postgres_server(*, durable: bool = False, password: str = "") -> Iterator[PostgresServer]:
    """A started server of one's own."""
    folder = _short_folder()
    server = None
    try:
        server = PostgresServer(folder, durable=durable, password=password)
        server.start()
        yield server
    finally:
        if server is not None:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@functools.cache
def shared_server() -> PostgresServer:
    """The server that all tests of this process share; it ends with the process. Never kill it."""
    context = postgres_server()
    server = context.__enter__()
    atexit.register(context.__exit__, None, None, None)
    return server


@contextmanager
def fresh_database(*, more: str = "") -> Iterator[str]:
    """The address of a database on the shared server, without tables and for this use alone."""
    server = shared_server()
    name = server.create(more=more)
    try:
        yield server.url(name)
    finally:
        server.drop(name)


def new_database() -> str:
    """The address of a new database on the shared server, with our tables; it goes with the server."""
    server = shared_server()
    return server.url(server.create(template=server.migrated))
