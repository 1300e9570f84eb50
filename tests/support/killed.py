"""One piece of work in a process of its own, which ends by kill -9 at a named step."""

import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bck_adapters.rsync.routes import LocalRoute
from bck_adapters.rsync.transport import RsyncTransport
from bck_adapters.sql import sql_database
from bck_adapters.storage_fs import FsStorage
from bckcore.domain.host import Host
from bckcore.plugins.registry import Database
from bckcore.ports.clock import Clock
from bckcore.ports.job_queue import Claim
from bckcore.ports.transport import Transport
from bckcore.ports.unit_of_work import UnitOfWork
from tests.support.forked import fork_context
from tests.support.house import PC, House

PATIENCE = 120
_CALLS = ("fsync", "link", "mkdir", "rename", "rmdir", "setxattr", "unlink")

BEFORE_RSYNC, DURING_RSYNC, AFTER_RSYNC = "before rsync", "during rsync", "between rsync and fold"
IN_FOLD = "in the fold"
BEFORE_MANIFEST, BEFORE_RECEIPT, AFTER_RECEIPT = "before the manifest", "before the receipt", "after it"
BEFORE_COMMIT, IN_COMMIT, AFTER_COMMIT = "before a commit", "in a commit", "after a commit"
IN_MERGE, ANYWHERE = "in a merge", "anywhere"
IN_BACKUP = (
    BEFORE_RSYNC, DURING_RSYNC, AFTER_RSYNC, IN_FOLD, BEFORE_MANIFEST, BEFORE_RECEIPT, AFTER_RECEIPT,
    BEFORE_COMMIT, IN_COMMIT, AFTER_COMMIT, ANYWHERE,
)  # fmt: skip
IN_PRUNE = (BEFORE_COMMIT, IN_COMMIT, AFTER_COMMIT, IN_MERGE, ANYWHERE)
IN_OTHER_WORK = (BEFORE_COMMIT, IN_COMMIT, AFTER_COMMIT, IN_FOLD, ANYWHERE)
_AT_METHODS = {
    ("write_manifest", "before"): BEFORE_MANIFEST,
    ("write_receipt", "before"): BEFORE_RECEIPT,
    ("write_receipt", "after"): AFTER_RECEIPT,
}
_WITHIN_METHODS = {"fold": IN_FOLD, "keep_displaced": IN_FOLD, "merge": IN_MERGE, "free": IN_MERGE}


@dataclass(frozen=True)
class Place:
    """Where a house stands on disk, so that any process can open it."""

    root: Path
    url: str
    """Address of the database."""
    source: Path

    def open(self, *, now: datetime, fresh: bool, killer: "Killer | None" = None) -> House:
        """The house over that database and the real rsync; the first time it is set up."""
        return _OnDisk(self, now, fresh, killer or Killer("", 0))


@dataclass
class Killer:
    """Ends this process at the ``nth`` time it comes to ``step``; the empty step never comes."""

    step: str
    nth: int
    _seen: int = 0

    def at(self, step: str) -> None:
        """The process is at this step."""
        if self.step and step == self.step:
            self._seen += 1
            if self._seen >= self.nth:
                os.kill(os.getpid(), signal.SIGKILL)

    def soon(self, step: str, seconds: float) -> None:
        """The process enters something that has no steps of its own: it ends after a while."""
        if self.step and step == self.step:
            timer = threading.Timer(seconds * self.nth, os.kill, (os.getpid(), signal.SIGKILL))
            timer.daemon = True
            timer.start()


class _OnDisk(House):
    def __init__(self, place: Place, now: datetime, fresh: bool, killer: Killer) -> None:
        self._fresh = fresh
        transport = RsyncTransport(route=LocalRoute(), search_path=os.environ["PATH"])

        def database(clock: Clock) -> Database:
            made = sql_database(place.url, clock)
            made.migrate()

            def units(*, read_only: bool = False) -> UnitOfWork:
                return _KillingUnit(made.units(read_only=read_only), killer)

            return Database(units=units, queue=made.queue, migrate=made.migrate, close=made.close)

        super().__init__(
            place.root,
            _KillingTransport(transport, killer),
            sources=(f"docs={place.source}",),
            host=Host(id=PC, address="", transport="local", allowed_roots=("/",)),
            database=database,
            storage_type=_KillingStorage,
        )
        assert isinstance(self.storage, _KillingStorage)
        self.storage.killer = killer
        self.clock.set(now)
        self._claims = count(int(now.timestamp()))
        self._random.seed(now.timestamp())

    def _set_up(self, *args: Any) -> None:
        if self._fresh:
            super()._set_up(*args)


class _KillingStorage(FsStorage):
    killer = Killer("", 0)

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name in _WITHIN_METHODS:
            return _stepping(found, self.killer, _WITHIN_METHODS[name])
        before, after = _AT_METHODS.get((name, "before")), _AT_METHODS.get((name, "after"))
        if before is None and after is None:
            return found
        killer = self.killer

        def call(*args: Any, **kwargs: Any) -> Any:
            killer.at(before or "")
            answer = found(*args, **kwargs)
            killer.at(after or "")
            return answer

        return call


def _stepping(method: Callable[..., Any], killer: Killer, step: str) -> Callable[..., Any]:
    """The method, in which each system call that changes the file system is a step."""

    def call(*args: Any, **kwargs: Any) -> Any:
        real = {name: getattr(os, name) for name in _CALLS}
        try:
            for name, function in real.items():
                setattr(os, name, _stepping_call(function, killer, step))
            return method(*args, **kwargs)
        finally:
            for name, function in real.items():
                setattr(os, name, function)

    return call


def _stepping_call(function: Callable[..., Any], killer: Killer, step: str) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        killer.at(step)
        return function(*args, **kwargs)

    return call


class _KillingTransport:
    def __init__(self, inner: Transport, killer: Killer) -> None:
        self._inner = inner
        self._killer = killer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def pull(self, *args: Any) -> Any:
        """See the port."""
        self._killer.at(BEFORE_RSYNC)
        self._killer.soon(DURING_RSYNC, 0.005)
        report = self._inner.pull(*args)
        self._killer.at(AFTER_RSYNC)
        return report


class _KillingUnit:
    def __init__(self, inner: UnitOfWork, killer: Killer) -> None:
        self._inner = inner
        self._killer = killer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __enter__(self) -> Self:
        self._inner.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._inner.__exit__(kind, error, trace)

    def commit(self, *, claim: Claim | None = None) -> None:
        """See the port."""
        self._killer.at(BEFORE_COMMIT)
        self._killer.soon(IN_COMMIT, 0.0002)
        self._inner.commit(claim=claim)
        self._killer.at(AFTER_COMMIT)


def carried_out(place: Place, now: datetime, work: Callable[[House], object], step: str, nth: int) -> bool:
    """Do the work in another process; False if that one was killed on the way.

    ``work`` is a function of a module, or a partial of one. Fails if the process ends in another way.
    """
    process = fork_context().Process(target=_work, args=(place, now, work, step, nth))
    process.start()
    process.join(PATIENCE)
    code = process.exitcode
    if code is None:
        process.kill()
        process.join()
    assert code in (0, -signal.SIGKILL), f"the process ended with {code}, killed at {step} ({nth})"
    process.close()
    return code == 0


def _work(place: Place, now: datetime, work: Callable[[House], object], step: str, nth: int) -> None:
    killer = Killer(step, nth)
    house = place.open(now=now, fresh=False, killer=killer)
    killer.soon(ANYWHERE, 0.005)
    work(house)
    house.database.close()
