"""PrivateFolder: where one process keeps what must not stand on the disk, such as the opened key of a PC.

It lies in memory wherever the system offers that. The process holds a lock on it as long as it lives, and
the kernel gives that lock back however the process ends: so a leftover is what nobody holds, whatever
process has the same number by now, in whatever container and after whatever restart.
"""

import fcntl
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from bckcore.errors import StorageError

SHARED = Path("/dev/shm")  # noqa: S108  # a folder of our own is made there, under a name nobody can foresee
_NAME = re.compile(r"bck-run-[0-9a-f]{8}")
_OLDER_NAME = re.compile(r"p([0-9]+)-[0-9]+")
_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_IN_MEMORY = frozenset({"tmpfs", "ramfs"})
_TRIES = 100


class PrivateFolder:
    """A new folder, for this process alone; what processes that are gone left in such places is removed.

    Places, best first: ``$RUNTIME_DIRECTORY`` (systemd gives it to a service), ``$XDG_RUNTIME_DIR`` (to a
    person), the system's shared memory, and at last ``run`` in the home folder. One of the first three is
    passed over if it is not in memory, or if another account could swap what we make there. Names are short:
    sockets are made in it. Raises StorageError if it can be made nowhere.
    """

    def __init__(self, home: Path, environment: Mapping[str, str], *, shared: Path = SHARED) -> None:
        last = home / "run"
        last.mkdir(mode=0o700, exist_ok=True)
        places = [*_safe_places(environment, shared), last]
        for place in places:
            _remove_leftovers(place)
        _remove_older_leftovers(last)
        self.path, self._lock = _made(places)

    def close(self) -> None:
        """Remove it. Safe to repeat."""
        if self._lock >= 0:
            shutil.rmtree(self.path, ignore_errors=True)
            os.close(self._lock)
            self._lock = -1


def in_memory(folder: Path) -> bool:
    """True if the folder lies on a file system that keeps its files in memory."""
    with suppress(OSError):
        device = folder.stat().st_dev
        number = f"{os.major(device)}:{os.minor(device)}"
        for line in Path("/proc/self/mountinfo").read_text(errors="surrogateescape").splitlines():
            mount, _, kind = line.partition(" - ")
            if mount.split()[2] == number:
                return kind.split()[0] in _IN_MEMORY
    return False


def _safe_places(environment: Mapping[str, str], shared: Path) -> Iterator[Path]:
    for name in ("RUNTIME_DIRECTORY", "XDG_RUNTIME_DIR"):
        place = Path(environment.get(name, "").partition(":")[0])
        if place.is_absolute() and _is_ours(place) and in_memory(place):
            yield place
    if _is_sticky(shared) and in_memory(shared):
        yield shared


def _is_ours(place: Path) -> bool:
    """True for a real folder of this account in which nobody else can rename or remove anything."""
    status = _status(place)
    return status is not None and status.st_uid == os.geteuid() and not status.st_mode & 0o022


def _is_sticky(place: Path) -> bool:
    """True for a real folder in which everybody can rename and remove their own things alone."""
    status = _status(place)
    return status is not None and bool(status.st_mode & stat.S_ISVTX)


def _status(place: Path) -> os.stat_result | None:
    """What is there, if it is a folder and no link to one."""
    with suppress(OSError):
        status = place.lstat()
        return status if stat.S_ISDIR(status.st_mode) else None
    return None


def _made(places: list[Path]) -> tuple[Path, int]:
    """A new folder and the lock on it."""
    reason = ""
    for place in places:
        for _ in range(_TRIES):
            path = place / f"bck-run-{secrets.token_hex(4)}"
            try:
                path.mkdir(mode=0o700)
                lock = _held(path)
            except FileExistsError:
                continue
            except OSError as exc:
                reason = exc.strerror or ""
                break
            if lock is not None:
                return path, lock
    raise StorageError(
        f"No private folder can be made below {places[-1]}: {reason or 'others remove it'}.",
        meaning="Nothing can be done without it: keys are opened there.",
        advice="See that the folder belongs to the service's account and that there is room.",
    )


def _held(path: Path) -> int | None:
    """The lock; None if one who looks for leftovers was there before us."""
    try:
        lock = os.open(path, _OPEN)
    except FileNotFoundError:
        return None
    fcntl.flock(lock, fcntl.LOCK_EX)
    if os.fstat(lock).st_nlink > 0:
        return lock
    os.close(lock)
    return None


def _remove_leftovers(place: Path) -> None:
    with suppress(OSError):
        for left in list(place.iterdir()):
            if _NAME.fullmatch(left.name):
                _remove_if_nobodys(left)


def _remove_older_leftovers(run: Path) -> None:
    """Of versions that made their folders in the home alone, under names that others elsewhere may use."""
    with suppress(OSError):
        for left in list(run.iterdir()):
            if (older := _OLDER_NAME.fullmatch(left.name)) and not _lives(int(older[1]), left):
                shutil.rmtree(left, ignore_errors=True)


def _remove_if_nobodys(left: Path) -> None:
    """Remove it if it is of this account and no process holds it."""
    try:
        handle = os.open(left, _OPEN)
    except OSError:  # a link, a file, another's, or gone
        return
    try:
        if os.fstat(handle).st_uid == os.geteuid():
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left, ignore_errors=True)
    except BlockingIOError:
        return
    finally:
        os.close(handle)


def _lives(pid: int, left: Path) -> bool:
    """True if a process of that number, and of the account that made the folder, is there: older versions
    held no lock."""
    with suppress(OSError):
        return Path(f"/proc/{pid}").stat().st_uid == left.lstat().st_uid
    return False
