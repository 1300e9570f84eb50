"""One piece of work in a process of its own, frozen at a named step until the test wakes it."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, cast

from bck_adapters.clock import SystemClock
from bck_adapters.rsync.routes import LocalRoute
from bck_adapters.rsync.transport import RsyncTransport
from bck_adapters.sql import sql_database
from bckcore.domain.host import Host
from bckcore.errors import LeaseLostError
from bckcore.ports.storage import Storage
from bckcore.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from bckcore.services.fence import READING
from tests.support.forked import fork_context
from tests.support.house import PC, House

PATIENCE = 120
DONE, FENCED_OFF = 0, 3
"""How the process ends: its work done, or refused because its job is another's."""
TRANSFER, PREVIEW, FETCH = "pull", "preview", "fetch"
UNIT = "unit"
"""A unit of work that writes is about to be opened."""


@dataclass(frozen=True)
class Site:
    """Where a house stands on disk."""

    root: Path
    url: str
    """Where its database is."""
    source: Path


class SiteHouse(House):
    """A house over real database, storage and rsync, which tells ``step`` what it is about to do.

    It is told *before* the fence looks: a process that freezes there wakes up in front of the fence.
    """

    def __init__(
        self, site: Site, now: datetime, *, fresh: bool, step: Callable[[str], None] = lambda _: None
    ) -> None:
        self._fresh = fresh
        self._step = step
        transport = RsyncTransport(route=LocalRoute(), search_path=os.environ["PATH"])

        def opened(clock: Any) -> Any:
            database = sql_database(site.url, clock)
            database.migrate()
            return database

        super().__init__(
            site.root,
            cast("Any", _Telling(transport, step, (TRANSFER, PREVIEW, FETCH))),
            sources=(f"docs={site.source}",),
            host=Host(id=PC, address="", transport="local", allowed_roots=("/",)),
            database=opened,
        )
        self.clock.set(now)
        self._claims = iter(range(int(now.timestamp()), 1 << 62))  # type: ignore[assignment]  # counts on
        self._random.seed(now.timestamp())

    def _set_up(self, *args: Any) -> None:
        if self._fresh:
            super()._set_up(*args)

    def _seen_storage(self, storage: Storage) -> Storage:
        return cast("Storage", _Telling(storage, self._step, None))

    def _seen_units(self, units: UnitOfWorkFactory) -> UnitOfWorkFactory:
        def made(*, read_only: bool = False) -> UnitOfWork:
            if not read_only:
                self._step(UNIT)
            return units(read_only=read_only)

        return made


class _Telling:
    """Tells of each call, by name, before it is made; of all that change something where none are named."""

    def __init__(self, inner: Any, step: Callable[[str], None], names: tuple[str, ...] | None) -> None:
        self._inner = inner
        self._tell = step
        self._names = names

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        told = name in self._names if self._names is not None else name not in READING
        if not told or name.startswith("_"):
            return found

        def call(*args: Any, **kwargs: Any) -> Any:
            self._tell(name)
            return found(*args, **kwargs)

        return call


@contextmanager
def frozen_at(
    site: Site, now: datetime, work: Callable[[House], object], step: str, nth: int
) -> Iterator[BaseProcess]:
    """The process that does the work, frozen when it comes to ``step`` for the ``nth`` time."""
    process = fork_context().Process(target=_work, args=(site, now, work, step, nth))
    process.start()
    try:
        assert process.pid is not None
        # Who did not start a process itself cannot await that it is stopped.
        assert SystemClock().wait(PATIENCE, until=lambda: _state(process) in "TZX")
        assert _state(process) == "T", f"it never came to {step} ({nth}): ended with {process.exitcode}"
        yield process
    finally:
        process.kill()
        process.join()
        process.close()


def woken(process: BaseProcess) -> int:
    """How the process ends when it is woken."""
    assert process.pid is not None
    os.kill(process.pid, signal.SIGCONT)
    process.join(PATIENCE)
    assert process.exitcode is not None, "it did not end"
    return process.exitcode


def _state(process: BaseProcess) -> str:
    try:
        return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "X"


def _work(site: Site, now: datetime, work: Callable[[House], object], step: str, nth: int) -> None:
    seen = 0

    def at(name: str) -> None:
        nonlocal seen
        seen += name == step
        if name == step and seen == nth:
            os.kill(os.getpid(), signal.SIGSTOP)

    house = SiteHouse(site, now, fresh=False, step=at)
    try:
        work(house)
    except LeaseLostError:
        os._exit(FENCED_OFF)
    finally:
        house.database.close()
