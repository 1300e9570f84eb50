"""What stands in a storage folder, read by nothing but the operating system's own calls."""

import os
import stat
from dataclasses import dataclass

from bckcore.domain.file_version import EntryKind
from bckcore.domain.stored_stat import XATTR_NAME, decoded, kind_of


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEntry:
    """One stored path: what it stands for, and how it is kept."""

    kind: EntryKind
    mode: int
    mtime_ns: int
    data: bytes = b""
    """Bytes of a file, target of a link; empty for all else."""


def stored_tree(root: bytes | os.PathLike[str]) -> dict[bytes, StoredEntry]:
    """Everything below ``root`` by relative path, the root itself as ``.``.

    Raises AssertionError for anything that is not a plain file or folder on disk: the store holds
    nothing else.
    """
    base = os.fsencode(root)
    found = {b".": _entry(base)}
    pending = [b""]
    while pending:
        folder = pending.pop()
        with os.scandir(base + b"/" + folder if folder else base) as entries:
            for entry in entries:
                path = folder + b"/" + entry.name if folder else entry.name
                found[path] = _entry(entry.path)
                if entry.is_dir(follow_symlinks=False):
                    pending.append(path)
    return found


def _entry(full: bytes) -> StoredEntry:
    info = os.lstat(full)
    if not (stat.S_ISREG(info.st_mode) or stat.S_ISDIR(info.st_mode)):
        raise AssertionError(f"{full!r} is neither a plain file nor a folder")
    kind, mode = _meaning(full, info.st_mode)
    with_data = kind in (EntryKind.FILE, EntryKind.LINK)
    return StoredEntry(
        kind=kind, mode=mode, mtime_ns=info.st_mtime_ns, data=_bytes(full) if with_data else b""
    )


def _meaning(full: bytes, mode: int) -> tuple[EntryKind, int]:
    try:
        raw = os.getxattr(full, XATTR_NAME)
    except OSError:
        return kind_of(mode), stat.S_IMODE(mode)
    value = decoded(raw)
    return value.kind, value.mode


def _bytes(full: bytes) -> bytes:
    with open(full, "rb") as stream:
        return stream.read()
