"""Who holds a storage lock, in a small file beside it: there whole or not at all, gone with the holder.

It only tells whom to look for; whether that process is still the one that is meant, and still has the lock
open, is found out before anything is done to it. So it need not survive a power cut, and where it cannot be
written, because no room is left, the lock holds all the same.
"""

import json
import os
from contextlib import suppress
from dataclasses import dataclass, replace
from threading import Lock

from bck_adapters.storage_fs.files import open_new, read_whole
from bck_adapters.storage_fs.root import LOCKS, WORK, Root
from bckcore.domain.holder import Holder
from bckcore.domain.ids import JobId
from bckcore.domain.json_text import parsed_json
from bckcore.ports.processes import Processes
from bckcore.ports.storage import LockRight

_MOST_GROUPS = 32
_ENDING = ".holder"


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """What stands beside a lock."""

    holder: Holder
    job: JobId
    """Empty where no job holds it."""
    token: str
    groups: tuple[Holder, ...] = ()
    """The processes that began the groups which inherited the lock; the newest 32."""

    def same_claim(self, other: "Noted") -> bool:
        """True if it is the same process with the same claim."""
        return (self.holder, self.job, self.token) == (other.holder, other.job, other.token)

    def encoded(self) -> bytes:
        """As it stands in the file."""
        groups = [group.data() for group in self.groups]
        told = {"holder": self.holder.data(), "job": self.job, "token": self.token, "groups": groups}
        return json.dumps(told, indent=1).encode() + b"\n"


def decoded(raw: bytes) -> Noted | None:
    """What :meth:`Noted.encoded` gave; None for anything else."""
    try:
        told = parsed_json(raw)
        holder, job, token = Holder.of(told["holder"]), told["job"], told["token"]
        groups = [Holder.of(group) for group in told["groups"]]
    except (ValueError, KeyError, TypeError):
        return None
    if holder is None or not isinstance(job, str) or not isinstance(token, str):
        return None
    known = tuple(group for group in groups if group is not None)
    return Noted(holder=holder, job=JobId(job), token=token, groups=known)


class LockRecord:
    """The file beside one lock."""

    def __init__(self, root: Root, lock_name: str) -> None:
        self._root = root
        self._name = lock_name.removesuffix(".lock") + _ENDING

    def read(self) -> Noted | None:
        """What stands there; None for nothing, or nothing that can be understood."""
        with suppress(OSError):
            folder = self._root.make(WORK, LOCKS)
            try:
                return decoded(read_whole(folder, self._name))
            finally:
                os.close(folder)
        return None

    def write(self, noted: Noted) -> None:
        """Replace what stands there at once."""
        temporary = f".{self._name}.new"
        with suppress(OSError):
            folder = self._root.make(WORK, LOCKS)
            try:
                with os.fdopen(open_new(folder, temporary), "wb") as file:
                    file.write(noted.encoded())
                os.rename(temporary, self._name, src_dir_fd=folder, dst_dir_fd=folder)
            finally:
                os.close(folder)

    def remove(self) -> None:
        """Nobody holds the lock."""
        with suppress(OSError):
            folder = self._root.make(WORK, LOCKS)
            try:
                os.unlink(self._name, dir_fd=folder)
            finally:
                os.close(folder)

    def begin(self, processes: Processes, right: LockRight | None) -> "NotedHere":
        """Write down that this process holds the lock, and for which claim."""
        job, token = (right.job, right.token) if right else (JobId(""), "")
        return NotedHere(self, processes, Noted(holder=processes.me(), job=job, token=token))


class NotedHere:
    """What this process has written beside a lock that it holds. Thread-safe."""

    def __init__(self, record: LockRecord, processes: Processes, noted: Noted) -> None:
        self._record = record
        self._processes = processes
        self._noted = noted
        self._lock = Lock()
        self._over = False
        record.write(noted)

    def note_group(self, number: int) -> None:
        """A process group inherits the lock; its leader has that number."""
        leader = self._processes.named(number)
        if leader is None:
            return
        with self._lock:
            if not self._over:
                groups = (*self._noted.groups, leader)[-_MOST_GROUPS:]
                self._noted = replace(self._noted, groups=groups)
                self._record.write(self._noted)

    def end(self) -> None:
        """This process lets go; it has waited for the groups that it noted."""
        with self._lock:
            self._over = True
            self._record.remove()
