"""What stands in ``current``: the state of paths, as rsync's stored attribute or the file itself tells."""

import errno
import os
import stat
from collections.abc import Iterable, Iterator

from bck_adapters.storage_fs.errors import ABSENT, storage_error
from bck_adapters.storage_fs.files import read_whole
from bck_adapters.storage_fs.handles import Descent, proc_path
from bck_adapters.storage_fs.root import CURRENT, Root, source_names
from bckcore.domain.file_version import EntryKind, FileEntry
from bckcore.domain.ids import SourceName
from bckcore.domain.paths import RelPath, display
from bckcore.domain.run import ProfileRef
from bckcore.domain.stored_stat import XATTR_NAME, StoredStat, decoded, kind_of
from bckcore.errors import StorageError

_DEVICES = (EntryKind.CHAR_DEVICE, EntryKind.BLOCK_DEVICE)
# Without the owner's read right the attribute cannot be read; rsync leaves that right to every file
# it gives the attribute to, so such a file has none.
_NO_ATTRIBUTE = frozenset({errno.ENODATA, errno.ENOTSUP, errno.EPERM, errno.EACCES})


def stat_paths(
    root: Root, ref: ProfileRef, source: SourceName, paths: Iterable[RelPath]
) -> Iterator[tuple[RelPath, FileEntry | None]]:
    """The state of each path in the order asked; fast when neighbours lie in the same folder."""
    names = source_names(ref, source)
    label = os.fsencode(root.place(CURRENT, *names))
    top = _opened(root, names)
    if top is None:
        yield from ((path, None) for path in paths)
        return
    here, found = b"", True
    with Descent(top) as place:
        for path in paths:
            folder, _, name = path.rpartition(b"/")
            try:
                if folder != here:
                    here, found = folder, place.reach(folder.split(b"/") if folder else [])
                entry = entry_at(place.fd, name, path) if found else None
            except OSError as exc:
                raise storage_error(exc, "looking at a stored file", label + b"/" + path) from exc
            yield path, entry


def _opened(root: Root, names: tuple[str, ...]) -> int | None:
    try:
        return root.find(CURRENT, *names)
    except OSError as exc:
        raise storage_error(exc, "looking at stored files", root.place(CURRENT, *names)) from exc


def entry_at(folder: int, name: bytes, path: RelPath) -> FileEntry | None:
    """The state of ``name`` in the folder; None if nothing is there."""
    try:
        info = os.stat(name, dir_fd=folder, follow_symlinks=False)
        meant = _meant(folder, name, path, info)
        kind = meant.kind
        target = b""
        if kind is EntryKind.LINK:
            target = _link_target(folder, name, info)
        elif kind in _DEVICES:
            target = b"%d,%d" % meant.rdev
    except OSError as exc:
        if exc.errno in ABSENT:
            return None
        raise
    size = info.st_size if kind is EntryKind.FILE else 0
    return FileEntry(path, kind, meant.mode, meant.uid, meant.gid, info.st_mtime_ns, size, target)


def _meant(folder: int, name: bytes, path: RelPath, info: os.stat_result) -> StoredStat:
    """What the stored file stands for: as its attribute says, else as it is."""
    raw = _attribute(folder, name, info.st_mode)
    if raw is None:
        return StoredStat(
            kind=kind_of(info.st_mode),
            mode=stat.S_IMODE(info.st_mode),
            uid=info.st_uid,
            gid=info.st_gid,
            rdev=(os.major(info.st_rdev), os.minor(info.st_rdev)),
        )
    try:
        meant = decoded(raw)
    except StorageError as exc:
        raise StorageError(f"{exc.what} The path is {display(path)}.", advice=_DAMAGED) from exc
    if (meant.kind is EntryKind.FOLDER) != stat.S_ISDIR(info.st_mode):
        raise StorageError(
            f"The stored file {display(path)} says that it is of kind {meant.kind.name}.", advice=_DAMAGED
        )
    return meant


_DAMAGED = f"Remove the attribute with `setfattr -x {XATTR_NAME} FILE`; the next run stores the file anew."


def _attribute(folder: int, name: bytes, mode: int) -> bytes | None:
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        return None  # nothing else can carry one
    try:
        return os.getxattr(proc_path(folder, name), XATTR_NAME, follow_symlinks=False)
    except OSError as exc:
        if exc.errno in _NO_ATTRIBUTE:
            return None
        raise


def _link_target(folder: int, name: bytes, info: os.stat_result) -> bytes:
    if stat.S_ISLNK(info.st_mode):
        return os.readlink(name, dir_fd=folder)
    return read_whole(folder, name)
