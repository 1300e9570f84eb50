"""The lock of a profile's storage: ``flock``, so that processes started under it keep it.

Beside it stands who holds it (:mod:`bck_adapters.storage_fs.lock_record`), so that what is left of a dead or
frozen runner can be ended by whoever comes next.
"""

import fcntl
import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from bck_adapters.storage_fs.errors import translated
from bck_adapters.storage_fs.files import PRIVATE_FILE
from bck_adapters.storage_fs.lock_record import LockRecord, Noted
from bck_adapters.storage_fs.root import LOCKS, WORK, Root, profile_names
from bckcore.domain.run import ProfileRef
from bckcore.errors import JobCancelledError, StoreBusyError
from bckcore.ports.processes import Processes
from bckcore.ports.storage import LOCK_WAIT_SECONDS, LockRight, ProfileLock

_POLL_SECONDS = 0.05
_LOOK_SECONDS = 0.5
TELL_SECONDS = 2.0
"""A job that has waited for so long says so."""
LET_GO_SECONDS = 10.0
"""How long a holder whose claim is over has to stop its transfer and let go by itself; it takes 6 at most."""
_SETUP = "setup.lock"


def lock_name(ref: ProfileRef) -> str:
    """The lock file of a profile; ``+`` is in no name, so no two profiles share one."""
    return "+".join(profile_names(ref)) + ".lock"


@contextmanager
def held(
    root: Root,
    ref: ProfileRef,
    *,
    wait_seconds: float | None = None,
    processes: Processes | None = None,
    right: LockRight | None = None,
    let_go_seconds: float = LET_GO_SECONDS,
) -> Iterator[ProfileLock]:
    """Hold the profile's lock; raises StoreBusyError when it is not free within the wait (see the port).

    Without ``processes`` nobody is written down and nobody ended.
    """
    place = root.place(WORK, LOCKS, lock_name(ref))
    with translated("locking", place):
        fd = _lock_file(root, lock_name(ref))
    patience = _Patience(ref, place, wait_seconds, right)
    try:
        if processes is None:
            _wait(place, fd, patience, partial(_require_wanted, right))
            yield ProfileLock(ref=ref, fd=fd)
            return
        record = LockRecord(root, lock_name(ref))
        remains = _Remains(record, fd, processes, right, let_go_seconds)
        _wait(place, fd, patience, remains.look)
        noted = record.begin(processes, right)
        try:
            yield ProfileLock(ref=ref, fd=fd, note_group=noted.note_group)
        finally:
            noted.end()
    finally:
        # Closed, not unlocked: unlocking would take the lock from processes that inherited it.
        os.close(fd)


class _Remains:
    """Looks at who holds a lock that is not free, and ends what has no right to it any more."""

    def __init__(
        self,
        record: LockRecord,
        fd: int,
        processes: Processes,
        right: LockRight | None,
        let_go_seconds: float,
    ) -> None:
        self._record = record
        status = os.fstat(fd)
        self._file = status.st_dev, status.st_ino
        self._processes = processes
        self._right = right
        self._let_go_seconds = let_go_seconds
        self._told: set[str] = set()
        self._over_since: tuple[Noted, float] | None = None

    def look(self) -> None:
        """Once, while the lock is not free; cheap. Raises JobCancelledError."""
        _require_wanted(self._right)
        found = self._record.read()
        if found is None or found.holder == self._processes.me():
            self._over_since = None
        elif not found.holder.beside(self._processes.me()):
            self._tell(
                f"The storage lock is held by {found.holder.text}, which only that machine can end; waiting."
            )
        elif self._processes.is_dead(found.holder):
            self._end_groups(found, "is gone")
        elif self._is_over(found):
            self._end_groups(found, "has lost its job and did not stop")
            if self._processes.kill(found.holder, using=self._file):
                self._tell(f"Ended {found.holder.text}: it had lost its job and kept this profile's lock.")

    def _is_over(self, found: Noted) -> bool:
        """True if the holder's claim has been over for long enough to have let go."""
        if self._right is None or not found.job or not self._right.is_over(found.job, found.token):
            self._over_since = None
            return False
        now = time.monotonic()
        if self._over_since is None or not self._over_since[0].same_claim(found):
            self._over_since = found, now
        return now - self._over_since[1] >= self._let_go_seconds

    def _end_groups(self, found: Noted, why: str) -> None:
        ended = sum(self._processes.kill_group(leader, using=self._file) for leader in found.groups)
        if ended:
            self._tell(f"Ended {ended} processes of a transfer whose runner, {found.holder.text}, {why}.")

    def _tell(self, sentence: str) -> None:
        if self._right is not None and sentence not in self._told:
            self._told.add(sentence)
            self._right.tell(sentence)


def _require_wanted(right: LockRight | None) -> None:
    if right is not None and right.is_cancelled():
        raise JobCancelledError("The job was cancelled while it waited for the profile's storage.")


@contextmanager
def setting_up(root: Root) -> Iterator[None]:
    """Let one process at a time set up the root; a short wait, so it has no end."""
    fd = _lock_file(root, _SETUP)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _lock_file(root: Root, name: str) -> int:
    folder = root.make(WORK, LOCKS)
    try:
        fd = os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, PRIVATE_FILE, dir_fd=folder)
    finally:
        os.close(folder)
    os.fchmod(fd, PRIVATE_FILE)  # whatever the umask
    return fd


class _Patience:
    """How long to wait for a lock, and whom to tell; begins when it is made."""

    def __init__(
        self, ref: ProfileRef, place: Path, wait_seconds: float | None, right: LockRight | None
    ) -> None:
        self._in_use = f"The storage of profile {ref.profile} on host {ref.host} is in use."
        self._place = place
        self._right = right
        self._endless = wait_seconds is None and right is not None and bool(right.job)
        self._longest = LOCK_WAIT_SECONDS if wait_seconds is None else wait_seconds
        self._began = time.monotonic()
        self._told = False

    def left(self) -> float:
        """Seconds; tells a job that waits, once. Raises StoreBusyError at the end."""
        waited = time.monotonic() - self._began
        if self._endless:
            self._tell_after(waited)
            return math.inf
        if waited >= self._longest:
            raise StoreBusyError(
                self._in_use,
                meaning="Another job of this profile works on it, or an rsync that outlived its job does.",
                advice=f"Wait for it to end. If no job runs, `fuser -v {self._place}` names the process; "
                "end it.",
            )
        return self._longest - waited

    def _tell_after(self, waited: float) -> None:
        if waited >= TELL_SECONDS and not self._told and self._right is not None:
            self._told = True
            self._right.wait(
                f"{self._in_use} This job waits until it is free; `fuser -v {self._place}` names the process."
            )


def _wait(place: Path, fd: int, patience: _Patience, look: Callable[[], None]) -> None:
    next_look = 0.0
    while True:
        with translated("locking", place):
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pass
            else:
                return
        if time.monotonic() >= next_look:
            look()
            next_look = time.monotonic() + _LOOK_SECONDS
        time.sleep(min(_POLL_SECONDS, patience.left()))  # flock knows no wait with an end
