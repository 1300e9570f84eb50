"""Errors of the operating system, told in the words of the core."""

import errno
import os
import pwd
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bckcore.domain.paths import display
from bckcore.errors import BckError, StorageError, StoreFullError

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG})
"""Nothing stands at that path, or something above it is no folder."""

_ADVICE = {
    errno.EACCES: "See that the user who runs this program owns the backup storage and all in it.",
    errno.EPERM: "See that the user who runs this program owns the backup storage and all in it.",
    errno.EROFS: "The file system is mounted read-only: look at the system log, then mount it writable.",
    errno.EIO: "The disk reports damage: look at the system log and at the disk's health before going on.",
    errno.EXDEV: "Keep the whole backup storage on one file system, without mounts inside it.",
    errno.EMFILE: "Raise the limit of open files of the service (LimitNOFILE).",
    errno.ENFILE: "The machine has too many open files; raise fs.file-max.",
}


def shown(path: bytes | str | Path) -> str:
    """A path for people."""
    return display(os.fsencode(path))


def reason_of(exc: OSError) -> str:
    """The system's own words."""
    return os.strerror(exc.errno) if exc.errno else str(exc)


def storage_error(exc: OSError, doing: str, place: bytes | str | Path) -> BckError:
    """The core's error for ``exc``, met while ``doing`` something at ``place``."""
    reason = reason_of(exc)
    if exc.errno in NO_ROOM:
        return StoreFullError(
            f"No room is left in the backup storage: {doing} stopped at {shown(place)} ({reason}).",
            meaning="What was stored before is kept; this run cannot be completed.",
            advice="Free space or inodes, or raise the quota, then start the backup again.",
        )
    return StorageError(
        f"The backup storage failed: {doing} stopped at {shown(place)} ({reason}).",
        meaning="Nothing was lost; the step is finished or repeated at the next start.",
        advice=_ADVICE.get(exc.errno or 0, "Run `bck doctor`; it looks at the storage."),
    )


def unusable_root(exc: OSError, root: Path) -> StorageError:
    """The error for a folder that cannot be made the root of a backup storage."""
    where = "" if exc.filename in (None, os.fspath(root)) else f" at {shown(exc.filename)}"
    return StorageError(
        f"{shown(root)} cannot hold the backup storage: {reason_of(exc)}{where}.",
        meaning="The user who runs this program cannot make or use that folder. Nothing was stored there.",
        advice="Choose a folder of that user, or make one for it as root: "
        f"install -d -m 700 -o {_account()} {shlex.quote(shown(root))}",
    )


def foreign_root(root: Path, names: Sequence[str]) -> StorageError:
    """The error for a folder that holds something, and no storage."""
    some = ", ".join(shown(name) for name in names[:3]) + (", …" if len(names) > 3 else "")
    return StorageError(
        f"{shown(root)} is not empty and holds no backup storage: {some}.",
        meaning="A storage shares its folder with nothing else. Nothing was changed.",
        advice=f"Choose an empty folder, for example {shown(root / 'storage')}. "
        "A storage that was copied brings its folders 'current' and '.history' along.",
    )


def _account() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:  # no account for this uid, as in a container
        return str(os.geteuid())


@contextmanager
def translated(doing: str, place: bytes | str | Path) -> Iterator[None]:
    """Let no OSError out of the block."""
    try:
        yield
    except OSError as exc:
        raise storage_error(exc, doing, place) from exc
