"""Crashes at will: a fuse that burns at step n, and a fresh process after it."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType
from typing import Any, Self

import pytest

from bck_adapters.memory import MemoryDatabase
from bckcore.plugins.registry import Database
from bckcore.ports.clock import Clock
from bckcore.ports.job_queue import Claim
from bckcore.ports.transport import Transport
from bckcore.ports.unit_of_work import UnitOfWork
from tests.support.house import House
from tests.support.power import MainsStorage, Power

STORAGE_STEPS = frozenset(
    {
        "acts",
        "begin_attempt",
        "fold",
        "free",
        "free_attempt_space",
        "increments",
        "keep_displaced",
        "lock",
        "merge",
        "put_back",
        "remove_path",
        "settle",
        "manifest_digest",
        "read_manifest",
        "read_plan",
        "read_receipt",
        "receipts",
        "record_numbers",
        "stat",
        "unfolded",
        "weigh",
        "write_act",
        "write_manifest",
        "write_plan",
        "write_receipt",
    }
)
SYSTEM_CALLS = ("chmod", "fsync", "link", "mkdir", "rename", "rmdir", "setxattr", "unlink", "utime")


class Crash(BaseException):
    """The process is gone. No error of ours, so nothing tidies up after it."""


class Fuse:
    """Counts steps; at the one it is set to, and at all that follow (the dead do nothing), it raises."""

    def __init__(self) -> None:
        self.at: int | None = None
        self.named = ""
        self.count = 0
        self.last = ""

    def set(self, at: int | None, *, named: str = "") -> None:
        """Start counting anew; None never burns, unless a step of that name comes."""
        self.at, self.named, self.count, self.last = at, named, 0, ""

    def step(self, name: str) -> None:
        """One step of the process."""
        self.count += 1
        if self.at is None and name == self.named:
            self.at = self.count
        if self.at is not None and self.count >= self.at:
            self.last = self.last or name
            raise Crash(f"step {self.count}: {name}")

    @property
    def burnt(self) -> bool:
        """True once it raised."""
        return self.at is not None and self.count >= self.at


class CrashingStorage(MainsStorage):
    """The storage on disk; before and after each call of the port the process may end."""

    fuse: Fuse = Fuse()

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name not in STORAGE_STEPS:
            return found
        fuse = self.fuse

        def stepping(*args: Any, **kwargs: Any) -> Any:
            fuse.step(f"before {name}")
            answer = found(*args, **kwargs)
            fuse.step(f"after {name}")
            return answer

        return stepping


class _CrashingUnit:
    """A unit of work; before and after its commit the process may end."""

    def __init__(self, inner: UnitOfWork, fuse: Fuse) -> None:
        self._inner = inner
        self._fuse = fuse

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
        self._fuse.step("before commit")
        self._inner.commit(claim=claim)
        self._fuse.step("after commit")


class CrashingHouse(House):
    """A house whose process can end at any step, and that can then be opened again."""

    def __init__(self, inner: Database, fuse: Fuse, *args: Any, fresh: bool = True, **kwargs: Any) -> None:
        self.fuse = fuse
        self._inner = inner
        self._fresh = fresh
        self._made_with = (args, kwargs)

        def crashing(clock: Clock) -> Database:
            def units(*, read_only: bool = False) -> UnitOfWork:
                return _CrashingUnit(inner.units(read_only=read_only), fuse)

            return Database(units=units, queue=inner.queue, migrate=inner.migrate, close=inner.close)

        super().__init__(*args, database=crashing, storage_type=CrashingStorage, **kwargs)
        assert isinstance(self.storage, CrashingStorage)
        self.storage.fuse = fuse
        self.watcher.stop = self._asked

    def _asked(self) -> bool:
        self.fuse.step("within the transport")
        return False

    def _set_up(self, *args: Any) -> None:
        if self._fresh:
            super()._set_up(*args)

    def on_mains(self, power: Power | None = None) -> Power:
        """From now on the power can be cut; or still, in a new process on the same disk."""
        assert isinstance(self.storage, CrashingStorage)
        self.storage.power = power or Power(self.root)
        return self.storage.power

    def reopened(self) -> "CrashingHouse":
        """The same root and database in a new process, which does not crash until it is told to."""
        self.fuse.set(None)
        args, kwargs = self._made_with
        house = CrashingHouse(self._inner, self.fuse, *args, fresh=False, **kwargs)
        house.clock.set(self.clock.now())
        house._claims = itertools.count(next(self._claims) + 1000)
        return house


def crashing_house(root: Any, transport: Transport, **kwargs: Any) -> CrashingHouse:
    """A new house over a memory database, with its own fuse."""
    fuse, clock = Fuse(), _HouseClock()
    house = CrashingHouse(MemoryDatabase(clock).as_database(), fuse, root, transport, **kwargs)
    clock.inner = house.clock
    return house


class _HouseClock:
    """The queue's clock: that of the house, once it stands."""

    inner: Clock

    def now(self) -> Any:
        """See the port."""
        return self.inner.now()

    def monotonic(self) -> float:
        """See the port."""
        return self.inner.monotonic()

    def wait(self, seconds: float, *, until: Callable[[], bool]) -> bool:
        """See the port."""
        return self.inner.wait(seconds, until=until)


@contextmanager
def system_calls_step(fuse: Fuse) -> Iterator[None]:
    """Within it, each system call that changes the file system is a step too."""
    import os

    with pytest.MonkeyPatch.context() as patch:
        for name in SYSTEM_CALLS:
            patch.setattr(os, name, _stepping(fuse, name, getattr(os, name)))
        yield


def _stepping(fuse: Fuse, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        fuse.step(name)
        return real(*args, **kwargs)

    return call


def crashes(action: Callable[[], object]) -> bool:
    """Carry out; True if the process ended on the way."""
    try:
        action()
    except Crash:
        return True
    return False


def nothing_steps() -> AbstractContextManager[None]:
    """The other choice beside :func:`system_calls_step`."""
    from contextlib import nullcontext

    return nullcontext()
