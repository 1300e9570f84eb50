"""Is this file system able to be a backup storage? Trials for ``prepare``, a look for ``doctor``."""

import errno
import os
from collections.abc import Callable
from contextlib import suppress

from bck_adapters.storage_fs.errors import translated
from bck_adapters.storage_fs.files import open_new
from bck_adapters.storage_fs.handles import make_folder, proc_path, remove_tree
from bck_adapters.storage_fs.root import AREAS, ATTEMPTS, HISTORY, RECEIPTS, WORK, Root
from bckcore.domain.stored_stat import XATTR_NAME
from bckcore.errors import BckError, StorageError
from bckcore.ports.storage import StorageFinding, StoreSpace

_PROBE = "probe"
_TRIAL = ".bck-trial"
_VALUE = b"100644 0,0 0:0"
_LITTLE_BYTES = 1 << 30
_LITTLE_INODES = 10_000


def require_able(root: Root) -> None:
    """Try what the storage needs, in ``.work`` and ``.history`` only. Raises StorageError."""
    with translated("trying out the file system", root.place(WORK, _PROBE)):
        work = root.make(WORK)
        try:
            remove_tree(work, os.fsencode(_PROBE))
            probe = make_folder(os.fsencode(_PROBE), work)
            try:
                _require_attributes(root, probe)
                _require_one_file_system(root, probe)
            finally:
                os.close(probe)
                remove_tree(work, os.fsencode(_PROBE))
        finally:
            os.close(work)


def _require_attributes(root: Root, probe: int) -> None:
    os.close(open_new(probe, "file"))
    os.close(make_folder(b"folder", probe))
    try:
        for name in (b"file", b"folder"):
            os.setxattr(proc_path(probe, name), XATTR_NAME, _VALUE, follow_symlinks=False)
            if os.getxattr(proc_path(probe, name), XATTR_NAME, follow_symlinks=False) != _VALUE:
                raise OSError(errno.EIO, "the attribute came back changed")
    except OSError as exc:
        if exc.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise StorageError(
            f"The file system of {root.path} keeps no user attributes ({exc.strerror}).",
            meaning="Owners, modes and links of backed-up files are kept in such attributes.",
            advice="Use ext4, xfs or btrfs (zfs with xattr=sa), with /proc mounted; not FAT, NTFS or NFS.",
        ) from exc


def _require_one_file_system(root: Root, probe: int) -> None:
    for area in AREAS:
        folder = root.make(*area)
        try:
            _require_moves(probe, folder, trial=area in ((HISTORY,), (RECEIPTS,)))
        except OSError as exc:
            if exc.errno != errno.EXDEV:
                raise
            raise StorageError(
                f"{root.place(*area)} lies on another file system than {root.path}.",
                meaning="Files are moved between these folders by renaming, which stays on one file system.",
                advice="Keep the whole backup storage on one file system, without mounts inside it.",
            ) from exc
        finally:
            os.close(folder)


def _require_moves(probe: int, folder: int, *, trial: bool) -> None:
    """Raise OSError(EXDEV) unless renaming from the probe into the folder works."""
    if os.fstat(probe).st_dev != os.fstat(folder).st_dev:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
    # The system compares the mounts before it looks for the file, so a file that is not there tells
    # whether a bind mount lies between, and nothing of ours ever lies in `current`.
    with suppress(FileNotFoundError):
        os.rename(b"nothing", os.fsencode(_TRIAL), src_dir_fd=probe, dst_dir_fd=folder)
    if trial:
        os.rename(b"folder", os.fsencode(_TRIAL), src_dir_fd=probe, dst_dir_fd=folder)
        os.rename(os.fsencode(_TRIAL), b"folder", src_dir_fd=folder, dst_dir_fd=probe)


def space(root: Root) -> StoreSpace:
    """Room left. Raises OSError, StorageError."""
    fd = root.open()
    try:
        found = os.fstatvfs(fd)
    finally:
        os.close(fd)
    return StoreSpace(
        bytes_total=found.f_blocks * found.f_frsize,
        bytes_free=found.f_bavail * found.f_frsize,
        inodes_free=found.f_favail if found.f_files else None,
    )


def findings(root: Root) -> list[StorageFinding]:
    """What a look at the root shows; changes nothing, raises nothing."""
    looks: list[tuple[str, Callable[[Root], str]]] = [
        ("storage root", _look_at_root),
        ("storage folders", _look_at_areas),
        ("file attributes", _look_at_attributes),
        ("storage space", _look_at_space),
        ("unfinished attempts", _look_at_attempts),
    ]
    found = []
    for name, look in looks:
        try:
            found.append(StorageFinding(name=name, ok=True, detail=look(root)))
        except BckError as exc:
            found.append(StorageFinding(name=name, ok=False, detail=str(exc)))
        except OSError as exc:
            detail = f"{root.path}: {exc.strerror or exc}"
            found.append(StorageFinding(name=name, ok=False, detail=detail))
    return found


def _look_at_root(root: Root) -> str:
    fd = root.open()
    try:
        info = os.fstat(fd)
        writable = os.access(proc_path(fd), os.R_OK | os.W_OK | os.X_OK)
    finally:
        os.close(fd)
    if not writable:
        raise StorageError(f"{root.path} cannot be written by this user.", advice="Give it to this user.")
    if info.st_mode & 0o077:
        raise StorageError(
            f"{root.path} is open to other users (mode {info.st_mode & 0o7777:04o}).",
            meaning="Who may enter it may read what was backed up with readable modes.",
            advice=f"Run `chmod 700 {root.path}`.",
        )
    return f"{root.path}, private to its owner"


def _look_at_areas(root: Root) -> str:
    top = root.open()
    try:
        device = os.fstat(top).st_dev
    finally:
        os.close(top)
    for area in AREAS:
        fd = root.find(*area)
        if fd is None:
            raise StorageError(f"{root.place(*area)} is missing.", advice="Run `bck init` again.")
        try:
            if os.fstat(fd).st_dev != device:
                raise StorageError(f"{root.place(*area)} lies on another file system than {root.path}.")
        finally:
            os.close(fd)
    return "complete, on one file system"


def _look_at_attributes(root: Root) -> str:
    fd = root.open()
    try:
        os.getxattr(fd, XATTR_NAME)
    except OSError as exc:
        if exc.errno != errno.ENODATA:
            raise StorageError(f"The file system keeps no user attributes ({exc.strerror}).") from exc
    finally:
        os.close(fd)
    return "the file system keeps user attributes"


def _look_at_space(root: Root) -> str:
    room = space(root)
    inodes = "no fixed number of" if room.inodes_free is None else str(room.inodes_free)
    detail = f"{room.bytes_free / 2**30:.1f} of {room.bytes_total / 2**30:.1f} GiB and {inodes} inodes free"
    if room.bytes_free < min(_LITTLE_BYTES, room.bytes_total // 20):
        raise StorageError(f"Little room is left: {detail}.", advice="Free space before the next backup.")
    if room.inodes_free is not None and room.inodes_free < _LITTLE_INODES:
        raise StorageError(f"Few inodes are left: {detail}.", advice="Free inodes before the next backup.")
    return detail


def _look_at_attempts(root: Root) -> str:
    fd = root.find(WORK, ATTEMPTS)
    if fd is None:
        return "none"
    try:
        count = sum(1 for _ in os.scandir(proc_path(fd)))
    finally:
        os.close(fd)
    return f"{count} under way or left to the next run" if count else "none"
