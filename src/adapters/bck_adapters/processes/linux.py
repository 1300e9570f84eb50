"""LinuxProcesses: what ``/proc`` and handles of processes (pidfd) tell.

The number of a process is used again after its end. A handle names one process for ever; so a process is
looked at before and after its handle is opened, and signals go through the handle only.
"""

import errno
import os
import select
import signal
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bckcore.domain.holder import Holder

_PROC = Path("/proc")
_ROUNDS = 50
"""Looks at a group that is being killed: a process may have just started another one."""
_GONE_MS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One line of ``/proc/PID/stat``, as far as it matters here."""

    pid: int
    group: int
    session: int
    started: int


def parsed_stat(line: bytes) -> Seen:
    """The line's fields; the program's name, the second one, may hold anything. Raises ValueError."""
    pid, _, rest = line.partition(b" ")
    fields = rest[rest.rindex(b")") + 2 :].split()
    if len(fields) < 20:
        raise ValueError("the line is cut")
    return Seen(pid=int(pid), group=int(fields[2]), session=int(fields[3]), started=int(fields[19]))


class LinuxProcesses:
    """Processes (see the port) as the kernel shows them to us."""

    def me(self) -> Holder:
        """See the port."""
        return _identity(os.getpid())

    def named(self, pid: int) -> Holder | None:
        """See the port."""
        seen = _seen(pid)
        return None if seen is None else _here(pid, seen.started)

    def is_dead(self, holder: Holder) -> bool:
        """See the port."""
        if not holder.beside(self.me()):
            return False
        try:
            handle = os.pidfd_open(holder.pid)
        except ProcessLookupError:
            return True
        except OSError:  # the number of a thread, or no room for a handle
            return _is_another(holder)
        try:
            return _is_over(handle) or _is_another(holder)
        finally:
            os.close(handle)

    def kill(self, holder: Holder, *, using: tuple[int, int]) -> bool:
        """See the port."""
        mine = self.me()
        if not holder.beside(mine) or holder.pid in (mine.pid, 0, 1) or not _is_same(holder):
            return False
        with _handle(holder.pid) as handle:
            same = handle is not None and _is_same(holder) and _has_open(holder.pid, using)
            return same and handle is not None and _killed(handle)

    def kill_group(self, leader: Holder, *, using: tuple[int, int]) -> int:
        """See the port."""
        mine = self.me()
        if not leader.beside(mine) or leader.pid in (os.getpgrp(), 0, 1):
            return 0
        ended: set[tuple[int, int]] = set()
        for _ in range(_ROUNDS):
            found = list(_members(leader))
            if not found or not (ended or any(_has_open(one.pid, using) for one in found)):
                break
            for one in found:
                if _end_member(one):
                    ended.add((one.pid, one.started))
        return len(ended)


def _end_member(member: Seen) -> bool:
    with _handle(member.pid) as handle:
        if handle is None or _seen(member.pid) != member or not _killed(handle):
            return False
        _is_over(handle, wait_ms=_GONE_MS)
        return True


def _members(leader: Holder) -> Iterator[Seen]:
    """Living processes of the group. While it has one, the kernel gives its number to no other process."""
    first = _seen(leader.pid)
    if first is not None and first.started != leader.started:
        return  # the number begins another group by now, so ours is gone
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            seen = _seen(int(entry.name))
            if seen is None or (seen.group, seen.session) != (leader.pid, leader.pid):
                continue
            if seen.started >= leader.started and not _is_zombie(seen.pid):
                yield seen


def _is_zombie(pid: int) -> bool:
    with _handle(pid) as handle:
        return handle is None or _is_over(handle)


def _has_open(pid: int, file: tuple[int, int]) -> bool:
    with suppress(OSError), closing(os.scandir(_PROC / str(pid) / "fd")) as entries:
        for entry in entries:
            with suppress(OSError):
                status = os.stat(entry.path)
                if (status.st_dev, status.st_ino) == file:
                    return True
    return False


@contextmanager
def _handle(pid: int) -> Iterator[int | None]:
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        yield None
        return
    try:
        yield handle
    finally:
        os.close(handle)


def _killed(handle: int) -> bool:
    with suppress(OSError):  # it ended by itself, or is somebody else's
        signal.pidfd_send_signal(handle, signal.SIGKILL)
        return True
    return False


def _is_over(handle: int, *, wait_ms: int = 0) -> bool:
    """True if all its threads have ended, whether or not anybody has asked for its exit status."""
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    return bool(poll.poll(wait_ms))


def _is_another(holder: Holder) -> bool:
    """True if it is certain that the number now names another process."""
    seen = _seen(holder.pid)
    return seen is not None and seen.started != holder.started


def _is_same(holder: Holder) -> bool:
    seen = _seen(holder.pid)
    return seen is not None and seen.started == holder.started


def _seen(pid: int) -> Seen | None:
    try:
        return parsed_stat((_PROC / str(pid) / "stat").read_bytes())
    except (OSError, ValueError) as exc:
        if isinstance(exc, OSError) and exc.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
            raise
        return None


@cache
def _identity(pid: int) -> Holder:
    """This process; ``pid`` keeps a child from taking its parent's answer for its own."""
    seen = _seen(pid)
    if seen is None:  # without /proc nothing can be proved: nobody is beside us
        return Holder(machine="", boot="", space="", pid=pid, started=0, host_name=socket.gethostname())
    return _here(pid, seen.started)


def _here(pid: int, started: int) -> Holder:
    return Holder(
        machine=_line("/etc/machine-id") or _line("/var/lib/dbus/machine-id") or socket.gethostname(),
        boot=_line("/proc/sys/kernel/random/boot_id"),
        space=" ".join(filter(None, (_link(f"/proc/self/ns/{name}") for name in ("pid", "time")))),
        pid=pid,
        started=started,
        host_name=socket.gethostname(),
    )


def _line(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""
