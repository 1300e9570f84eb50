"""Locks of an installation: at most one runner, how others know of it, how it is asked to stand still."""

import fcntl
import json
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from bckcore.errors import ConflictError, RefusedError, StorageError
from bckcore.ports.clock import Clock

TRY_SECONDS = 1.0
"""Somebody who only looks holds the lock for a moment; that must not turn a start away."""
STILL_SECONDS = 120.0
"""How long a runner that is asked to stand still may take: its jobs stop within seconds and are folded."""


def _path(home: Path) -> Path:
    return home / "run" / "serve.lock"


def _still_path(home: Path) -> Path:
    return home / "run" / "standstill.lock"


class _Held:
    """A lock on a file, held as long as the context.

    The kernel lets go of it when the process ends, however it ends; the file itself stays.
    """

    def __init__(self, path: Path, *, clock: Clock, note: str, seconds: float, environment: str = "") -> None:
        self._path = path
        self._clock = clock
        self._told = {"note": note, "environment": environment}
        self._seconds = seconds
        self._fd = -1

    def __enter__(self) -> Self:
        """Raises ConflictError if another process holds it all the time."""
        try:
            self._path.parent.mkdir(mode=0o700, exist_ok=True)
            self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as exc:
            raise StorageError(f"{self._path} cannot be opened: {exc.strerror}.") from exc
        if not self._clock.wait(self._seconds, until=self._taken):
            os.close(self._fd)
            raise self._refused(_words(self._path))
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, json.dumps({"pid": os.getpid(), **self._told}).encode() + b"\n", 0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._fd)

    def _taken(self) -> bool:
        return _locked(self._fd, fcntl.LOCK_EX)

    def _refused(self, who: str) -> ConflictError:
        raise NotImplementedError


class ServeLock(_Held):
    """The lock on ``<home>/run/serve.lock``: its holder is the installation's one runner.

    ``environment``: the variable by which the holder, and not by the settings file, knows its database.
    """

    def __init__(
        self,
        home: Path,
        *,
        clock: Clock,
        note: str = "",
        seconds: float = TRY_SECONDS,
        environment: str = "",
    ) -> None:
        super().__init__(_path(home), clock=clock, note=note, seconds=seconds, environment=environment)
        self._home = home

    def _refused(self, who: str) -> ConflictError:
        return ConflictError(
            f"A runner works already for {self._home}{f' ({who})' if who else ''}.",
            meaning="An installation has one, in 'bck serve' or alone; this one did nothing.",
            advice="Stop the other one first. For more jobs at once, raise runner.jobs in the settings.",
        )


class StandStill(_Held):
    """The lock on ``<home>/run/standstill.lock``: as long as it is held, whoever serves stands still.

    Runners hand their jobs back, give up the ServeLock and wait; APIs answer that they are away for a
    moment. When it is let go of, which the kernel does for a holder that dies, they open the installation
    anew.
    """

    def __init__(self, home: Path, *, clock: Clock) -> None:
        super().__init__(_still_path(home), clock=clock, note="", seconds=TRY_SECONDS)
        self._home = home

    def _refused(self, who: str) -> ConflictError:
        return ConflictError(
            f"The database of {self._home} is being moved already{f' ({who})' if who else ''}.",
            meaning="This one did nothing.",
            advice="Wait for the other one.",
        )


def serve_is_up(home: Path) -> bool:
    """True while some process holds the installation's ServeLock, or will take it up again."""
    return _is_held(_path(home)) or stands_still(home)


def stands_still(home: Path) -> bool:
    """True while somebody asks whoever serves the installation to stand still."""
    return _is_held(_still_path(home))


def _is_held(path: Path) -> bool:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return not _locked(fd, fcntl.LOCK_SH)
    finally:
        os.close(fd)


def require_served_as_set(home: Path) -> None:
    """Raise RefusedError while a runner works whose environment says where its database is."""
    try:
        variable = json.loads(_path(home).read_bytes()).get("environment", "")
    except (OSError, ValueError, AttributeError):
        variable = ""
    if variable and _is_held(_path(home)):
        raise RefusedError(
            f"The server that runs has its database from its environment variable {variable}.",
            meaning="That wins over the settings file, so that it would not go along. Nothing was changed.",
            advice="Write into settings.toml where the database is now, start the server without that "
            "variable, and move then.",
        )


def served_by(home: Path) -> str:
    """Words about the process that holds, or last held, the ServeLock; empty when there are none."""
    return _words(_path(home))


def _words(path: Path) -> str:
    try:
        found = json.loads(path.read_bytes())
        return f"process {found['pid']}{', ' if found['note'] else ''}{found['note']}"
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _locked(fd: int, how: int) -> bool:
    try:
        fcntl.flock(fd, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
