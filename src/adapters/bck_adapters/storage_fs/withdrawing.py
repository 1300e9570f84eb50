"""Withdrawing: what a run displaced leaves all history where it had been harmed, and only there.

That a copy in ``current`` was harmed is concluded from what a host sends, and a host may lie: xxh128 tells
damage, and whoever wants to finds other bytes for it in a moment. So what was displaced is read first.
"""

import errno
import io
import os
from collections.abc import Sequence
from enum import Enum, auto

from bck_adapters.digest import digest_of_file
from bck_adapters.storage_fs.current import entry_at
from bck_adapters.storage_fs.dressing import dress
from bck_adapters.storage_fs.errors import translated
from bck_adapters.storage_fs.handles import Descent, is_folder, remove_tree
from bck_adapters.storage_fs.plain import open_plain, same_bytes
from bck_adapters.storage_fs.root import (
    ASIDE,
    CURRENT,
    WORK,
    Root,
    aside_names,
    increment_names,
    source_names,
)
from bckcore.domain.file_version import FileEntry
from bckcore.domain.ids import RunId, SourceName, is_run_id
from bckcore.domain.paths import RelPath, components
from bckcore.domain.run import ProfileRef
from bckcore.errors import StorageError
from bckcore.ports.storage import Withdrawn


class _Verdict(Enum):
    HARMED = auto()
    SENT_AGAIN = auto()
    """What was backed up, and ``current`` has the same bytes: no harm in it, and none done."""
    FORGED = auto()
    """What was backed up, and ``current`` has other bytes now."""


def withdraw(
    root: Root, ref: ProfileRef, run: RunId, source: SourceName, taken: Sequence[FileEntry]
) -> Withdrawn:
    """See the port."""
    names = (*increment_names(ref, run), source_names(ref, source)[-1])
    with translated("setting harmed files aside", root.place(*names)):
        fd = root.find(*names, usable=True)
        if fd is None:
            return Withdrawn()
        with (
            Descent(fd, usable=True) as origin,
            Descent(root.make(CURRENT, *source_names(ref, source))) as current,
        ):
            found = _judged(origin, current, taken)
            harmed = found[_Verdict.HARMED]
            if harmed:
                with Descent(root.make(*aside_names(ref, run), names[-1]), usable=True) as goal:
                    _move(harmed, origin, goal)
    return Withdrawn(aside=harmed, forged=found[_Verdict.FORGED])


def drop_aside(root: Root, ref: ProfileRef, before: RunId) -> int:
    """See the port."""
    freed = 0
    for run in aside_runs(root):
        if run < before:
            *above, name = aside_names(ref, run)
            with translated("removing what was set aside", root.place(*above, name)):
                parent = root.find(*above, usable=True)
                if parent is not None:
                    try:
                        freed += remove_tree(parent, os.fsencode(name))
                    finally:
                        os.close(parent)
                    root.drop_empty(*above)
    return freed


def aside_runs(root: Root) -> list[RunId]:
    """Runs that set anything aside, by run id."""
    with translated("looking at what was set aside", root.place(WORK, ASIDE)):
        fd = root.find(WORK, ASIDE)
        if fd is None:
            return []
        try:
            return sorted(RunId(name) for name in os.listdir(fd) if is_run_id(name))
        finally:
            os.close(fd)


def _judged(origin: Descent, current: Descent, taken: Sequence[FileEntry]) -> dict[_Verdict, list[RelPath]]:
    """Which of the displaced copies is what; those that are not there are left out."""
    found: dict[_Verdict, list[RelPath]] = {verdict: [] for verdict in _Verdict}
    for live in taken:
        *folder, name = components(live.path)
        if origin.reach(folder) and is_folder(name, origin.fd) is not None:
            found[_verdict(origin.fd, current, live)].append(live.path)
    return found


def _move(paths: Sequence[RelPath], origin: Descent, goal: Descent) -> None:
    for path in paths:
        *folder, name = components(path)
        if origin.reach(folder):
            goal.goto(folder, make=True)
            os.rename(name, name, src_dir_fd=origin.fd, dst_dir_fd=goal.fd)


def _verdict(folder: int, current: Descent, live: FileEntry) -> _Verdict:
    """What the displaced copy in ``folder`` is."""
    *above, name = components(live.path)
    fd = open_plain(folder, name)
    if fd is None:
        return _Verdict.HARMED
    with io.FileIO(fd, "rb") as file:
        as_known = _as_known(folder, name, live)
        if not _is_content_of(live, file, as_known=as_known):
            return _Verdict.HARMED
        if current.reach(above) and same_bytes(current.fd, name, fd):
            return _Verdict.SENT_AGAIN if as_known else _Verdict.HARMED
        if not as_known:
            dress(fd, live)  # else no point would take these bytes for its own
        return _Verdict.FORGED


def _as_known(folder: int, name: bytes, live: FileEntry) -> bool:
    """True if kind, size and time, by which everybody looks for it, are those of the live state."""
    try:
        found = entry_at(folder, name, live.path)
    except StorageError:  # its attribute is damaged
        return False
    return found is not None and (found.kind, found.size, found.mtime_ns) == (
        live.kind, live.size, live.mtime_ns
    )  # fmt: skip


def _is_content_of(live: FileEntry, file: io.FileIO, *, as_known: bool) -> bool:
    """True if these are the bytes that were backed up, as far as can be known."""
    if os.fstat(file.fileno()).st_size != live.size:
        return False
    if not live.digest:
        return as_known
    try:
        return digest_of_file(file) == live.digest
    except OSError as exc:
        if exc.errno != errno.EIO:
            raise
        return False  # the disk gives them back no more
