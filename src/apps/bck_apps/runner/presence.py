"""ServeLock: at most one runner per installation, in `bck serve` or alone, and how others learn of it."""

import fcntl
import json
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from bckcore.errors import ConflictError, StorageError
from bckcore.ports.clock import Clock

TRY_SECONDS = 1.0
"""Somebody who only looks holds the lock for a moment; that must not turn a start away."""


def _path(home: Path) -> Path:
    return home / "run" / "serve.lock"


class ServeLock:
    """The lock on ``<home>/run/serve.lock``, held as long as the context.

    The kernel lets go of it when the process ends, however it ends; the file itself stays.
    """

    def __init__(self, home: Path, *, clock: Clock, note: str = "") -> None:
        self._home = home
        self._clock = clock
        self._note = note
        self._fd = -1

    def __enter__(self) -> Self:
        """Raises ConflictError if another process serves this installation."""
        path = _path(self._home)
        try:
            path.parent.mkdir(mode=0o700, exist_ok=True)
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as exc:
            raise StorageError(f"{path} cannot be opened: {exc.strerror}.") from exc
        if not self._clock.wait(TRY_SECONDS, until=self._taken):
            os.close(self._fd)
            who = served_by(self._home)
            raise ConflictError(
                f"A runner works already for {self._home}{f' ({who})' if who else ''}.",
                meaning="An installation has one, in 'bck serve' or alone; this one did nothing.",
                advice="Stop the other one first. For more jobs at once, raise runner.jobs in the settings.",
            )
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, json.dumps({"pid": os.getpid(), "note": self._note}).encode() + b"\n", 0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._fd)

    def _taken(self) -> bool:
        return _locked(self._fd, fcntl.LOCK_EX)


def serve_is_up(home: Path) -> bool:
    """True while some process holds the installation's ServeLock."""
    try:
        fd = os.open(_path(home), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return not _locked(fd, fcntl.LOCK_SH)
    finally:
        os.close(fd)


def served_by(home: Path) -> str:
    """Words about the process that holds, or last held, the lock; empty when there are none."""
    try:
        found = json.loads(_path(home).read_bytes())
        return f"process {found['pid']}{', ' if found['note'] else ''}{found['note']}"
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _locked(fd: int, how: int) -> bool:
    try:
        fcntl.flock(fd, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
