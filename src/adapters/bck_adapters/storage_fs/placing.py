"""What is to happen where something stands in the way of an entry. Pure, but for one look."""

import os
import stat
from dataclasses import dataclass
from enum import Enum, auto

from bckcore.domain.file_version import EntryKind, FileEntry
from bckcore.domain.push import Conflict
from bckcore.domain.stored_stat import kind_of

LONGEST_NAME = 255
_DEVICES = (EntryKind.CHAR_DEVICE, EntryKind.BLOCK_DEVICE)


class Step(Enum):
    """What is to be done with one path."""

    MAKE = auto()
    """Nothing is in the way."""
    SAME = auto()
    """It stands there exactly so."""
    MERGE = auto()
    """A folder goes where a folder is."""
    REPLACE = auto()
    """What is in the way goes. A folder only goes if it is empty, else it is moved aside."""
    ASIDE = auto()
    """What is in the way is moved aside."""
    SKIP = auto()
    """What is in the way stays."""
    REFUSE = auto()
    """Nobody said what is to become of what is in the way."""


_STEPS = {
    None: Step.REFUSE,
    Conflict.OVERWRITE: Step.REPLACE,
    Conflict.KEEP_BOTH: Step.ASIDE,
    Conflict.SKIP: Step.SKIP,
}


@dataclass(frozen=True, slots=True)
class Look:
    """What is to be done, and what stood there when that was found out."""

    step: Step
    info: os.stat_result | None = None
    """None: nothing did."""

    @property
    def is_folder(self) -> bool:
        """True if a folder stood there."""
        return self.info is not None and stat.S_ISDIR(self.info.st_mode)


def look_at(entry: FileEntry, name: bytes, folder: int, conflict: Conflict | None) -> Look:
    """What to do with ``name`` in ``folder``. Raises OSError."""
    try:
        info = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return Look(Step.MAKE)
    return Look(_step(entry, name, folder, info, conflict), info)


def step_for(entry: FileEntry, name: bytes, folder: int, conflict: Conflict | None) -> Step:
    """The step alone. Raises OSError."""
    return look_at(entry, name, folder, conflict).step


def _step(
    entry: FileEntry, name: bytes, folder: int, info: os.stat_result, conflict: Conflict | None
) -> Step:
    if entry.kind is EntryKind.FOLDER and stat.S_ISDIR(info.st_mode):
        return Step.MERGE
    if _stands(entry, info) and (entry.kind is not EntryKind.LINK or _points(entry, name, folder)):
        return Step.SAME
    return _STEPS[conflict]


def _stands(entry: FileEntry, info: os.stat_result) -> bool:
    """True if all that a look shows is as the entry says; a link counts by its target alone."""
    kind = kind_of(info.st_mode)
    if kind is not entry.kind:
        return False
    if kind is EntryKind.LINK:
        return True
    if kind in _DEVICES and entry.target != b"%d,%d" % (os.major(info.st_rdev), os.minor(info.st_rdev)):
        return False
    if kind is EntryKind.FILE and info.st_size != entry.size:
        return False
    return has_attributes(entry, info)


def has_attributes(entry: FileEntry, info: os.stat_result) -> bool:
    """True if mode and time are the entry's. Owners are not looked at: only root could set them."""
    return stat.S_IMODE(info.st_mode) == entry.mode and info.st_mtime_ns == entry.mtime_ns


def _points(entry: FileEntry, name: bytes, folder: int) -> bool:
    return os.readlink(name, dir_fd=folder) == entry.target


def name_aside(name: bytes, suffix: str, folder: int) -> bytes:
    """A free name beside ``name``: with the suffix, or with ``-2``, ``-3`` … behind it. Raises OSError."""
    number = 1
    while True:
        end = f"{suffix}-{number}".encode() if number > 1 else suffix.encode()
        aside = _shortened(name, LONGEST_NAME - len(end)) + end
        try:
            os.stat(aside, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return aside
        number += 1


def _shortened(name: bytes, room: int) -> bytes:
    """The name's beginning, not cut within a UTF-8 character."""
    if len(name) <= room:
        return name
    while room > 0 and name[room] & 0xC0 == 0x80 and room > LONGEST_NAME // 2:
        room -= 1
    return name[:room]
