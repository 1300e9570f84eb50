"""Files that only this service's user may read."""

import os
from pathlib import Path


def write_private(place: Path, content: bytes) -> None:
    """A new file, on the disk when this returns. Raises OSError, also for one that is there."""
    handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def read_private(place: Path) -> bytes:
    """What it holds. Raises OSError, also where others could have read or replaced it."""
    with os.fdopen(os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
        found = os.fstat(file.fileno())
        if found.st_mode & 0o077 or found.st_uid != os.geteuid():
            raise PermissionError(f"{place} is open to others")
        return file.read()


def sync_folder(folder: Path) -> None:
    """Names in it are on the disk when this returns. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
