"""The lock of a profile's storage: ``flock``, so that processes started under it keep it."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from bck_adapters.storage_fs.errors import translated
from bck_adapters.storage_fs.files import PRIVATE_FILE
from bck_adapters.storage_fs.root import LOCKS, WORK, Root, profile_names
from bckcore.domain.run import ProfileRef
from bckcore.errors import StoreBusyError
from bckcore.ports.storage import ProfileLock

_POLL_SECONDS = 0.05
_SETUP = "setup.lock"


def lock_name(ref: ProfileRef) -> str:
    """The lock file of a profile; ``+`` is in no name, so no two profiles share one."""
    return "+".join(profile_names(ref)) + ".lock"


@contextmanager
def held(root: Root, ref: ProfileRef, *, wait_seconds: float) -> Iterator[ProfileLock]:
    """Hold the profile's lock; raises StoreBusyError when it is not free within the wait."""
    with translated("locking", root.place(WORK, LOCKS, lock_name(ref))):
        fd = _lock_file(root, lock_name(ref))
    try:
        _wait(root, ref, fd, time.monotonic() + wait_seconds)
        yield ProfileLock(ref=ref, fd=fd)
    finally:
        # Closed, not unlocked: unlocking would take the lock from processes that inherited it.
        os.close(fd)


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


def _wait(root: Root, ref: ProfileRef, fd: int, deadline: float) -> None:
    place = root.place(WORK, LOCKS, lock_name(ref))
    while True:
        with translated("locking", place):
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pass
            else:
                return
        left = deadline - time.monotonic()
        if left <= 0:
            raise StoreBusyError(
                f"The storage of profile {ref.profile} on host {ref.host} is in use.",
                meaning="Another job of this profile works on it, or an rsync that outlived its job does.",
                advice=f"Wait for it to end. If no job runs, `fuser -v {place}` names the process; end it.",
            )
        time.sleep(min(_POLL_SECONDS, left))  # flock knows no wait with an end
