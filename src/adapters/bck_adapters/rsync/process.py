"""Run one program in a process group of its own, follow it, stop it, and leave nothing of it behind."""

import contextlib
import fcntl
import os
import select
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from bck_adapters.landlock import Rules
from bck_adapters.rsync.keeping import started_under

# Reads from a pipe whose other end only we hold. When we die, however it happens, the read ends and the
# whole group dies with us; so no transfer goes on writing while its locks are believed free.
# A limit that the machine's own is below already stays as it is.
_WATCHDOG = (
    '[ "$(ulimit -v)" -le {kib} ] 2>/dev/null || ulimit -v {kib} 2>/dev/null || :; {bound}'
    'exec {fd}<&0; {{ trap "" TERM INT HUP; read -r _ <&{fd}; kill -KILL 0; }} >/dev/null 2>&1 & '
    'exec "$@" </dev/null {fd}<&-'
)
# In blocks of 512 bytes, as POSIX has it. A write that goes beyond is an error, and rsync says of which file.
_BOUND = 'trap "" XFSZ; [ "$(ulimit -f)" -le {blocks} ] 2>/dev/null || ulimit -f {blocks} || exit 125; '
_BLOCK = 512
_CHUNK = 1 << 16
_TICK = 0.2
_TERM_GRACE = 2.0
_LINGER = 0.5
"""How long helpers of a program that has ended may still speak."""
_DRAIN_GRACE = 2.0

_Reader = Callable[[bytes], None]


MEMORY = 2 << 30
"""Bytes of memory that each process of a group may have, unless somebody says otherwise.

Enough for rsync to hold 15 million names at once; without it, a list of names that has no end would take all
the memory of the machine.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What to run. ``inherit_fds`` stay open in every process of the group; ``on_group`` hears its number."""

    argv: Sequence[bytes]
    env: Mapping[str, str]
    memory: int
    """Bytes that each process of the group may have."""
    largest: int | None = None
    """Bytes of a file that is written, rounded up to 512; None for no limit."""
    rules: Rules | None = None
    """What the group may do with files."""
    inherit_fds: tuple[int, ...] = ()
    on_group: Callable[[int], None] = lambda _: None


def run(
    program: Program,
    *,
    on_stdout: Callable[[bytes], None],
    on_stderr: Callable[[bytes], None],
    tick: Callable[[], None],
) -> int:
    """Run to the end and return the exit code, negative for a signal. Raises OSError if it cannot start.

    ``tick`` is called about five times a second; when it (or a reader) raises, the program is asked to
    stop, then killed, and the exception goes on. Either way no process of the group is left.
    """
    child = _Child(program, on_stdout, on_stderr)
    try:
        child.follow(tick)
        child.drain(_LINGER)
    except BaseException:
        child.quiet()
        child.terminate()
        child.drain(_LINGER)  # the other side, where it is a process of this group, tidies up
        raise
    finally:
        code = child.close()
    return code


@contextlib.contextmanager
def companion(
    program: Program, *, on_stderr: Callable[[bytes], None], tick: Callable[[], None]
) -> Iterator[int | None]:
    """Run a program beside the body of the context, from its first word on standard output on.

    Yields None; or the exit code, as :func:`run` has it, of a program that ended without a word. No
    process of its group is left afterwards. Raises OSError if it cannot start.
    """
    child = _Child(program, _on_first_word, on_stderr)
    code: int | None = None
    try:
        try:
            child.follow(tick)
            child.drain(_LINGER)
            code = child.close()
        except _SpokenError:
            child.quiet()
        yield code
    finally:
        if code is None:
            child.close()


class _Child:
    """The program, its pipes, and the pipe that says we live."""

    def __init__(self, program: Program, on_stdout: _Reader, on_stderr: _Reader) -> None:
        digit = next(str(fd) for fd in range(3, 10) if fd not in program.inherit_fds)
        guard, self._alive = os.pipe()
        self._family, member = _family_pipe(program.inherit_fds)
        start = partial(_started, program, digit, guard, member)
        try:
            self._popen = start() if program.rules is None else started_under(program.rules, start)
        except BaseException:
            os.close(self._alive)
            os.close(self._family)
            raise
        finally:
            os.close(guard)
            os.close(member)
        assert self._popen.stdout is not None  # noqa: S101  # for the type checker: we asked for pipes
        assert self._popen.stderr is not None  # noqa: S101  # same
        self._pipes = (self._popen.stdout, self._popen.stderr)
        self._readers = dict(
            zip((pipe.fileno() for pipe in self._pipes), (on_stdout, on_stderr), strict=True)
        )
        self._ended = os.pidfd_open(self._popen.pid)
        program.on_group(self._popen.pid)

    def follow(self, tick: Callable[[], None]) -> None:
        """Serve the pipes until the program has ended."""
        with selectors.DefaultSelector() as selector:
            for fd in (*self._readers, self._ended):
                selector.register(fd, selectors.EVENT_READ)
            due = 0.0
            while True:
                ready = [key.fd for key, _ in selector.select(_TICK)]
                self._serve(ready, selector)
                if self._ended in ready:
                    return
                if time.monotonic() >= due:
                    due = time.monotonic() + _TICK
                    tick()

    def drain(self, seconds: float) -> None:
        """Serve the pipes to their end, which comes when the last process of the group is gone."""
        until = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            for fd in self._readers:
                selector.register(fd, selectors.EVENT_READ)
            while self._readers and (left := until - time.monotonic()) > 0:
                self._serve([key.fd for key, _ in selector.select(left)], selector)

    def quiet(self) -> None:
        """From now on nobody wants to know what the program says."""
        self._readers = dict.fromkeys(self._readers, _ignore)

    def terminate(self) -> None:
        """Ask the program to stop, and wait a little, so that it can keep its partial file."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._ended, signal.SIGTERM)
        until = time.monotonic() + _TERM_GRACE

        def give_up() -> None:
            if time.monotonic() >= until:
                raise _OutOfTimeError

        with contextlib.suppress(_OutOfTimeError):
            self.follow(give_up)

    def close(self) -> int:
        """Kill what is left of the group, close everything, return the exit code."""
        # The leader is not reaped yet, so its number still names this group and no other.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._popen.pid, signal.SIGKILL)
        os.close(self._alive)
        self.quiet()
        self.drain(_DRAIN_GRACE)
        # Nobody writes there: it becomes readable when the last process of the group has closed it.
        select.select([self._family], [], [], _DRAIN_GRACE)
        code = self._popen.wait()
        os.close(self._family)
        os.close(self._ended)
        for pipe in self._pipes:
            pipe.close()
        return code

    def _serve(self, ready: Sequence[int], selector: selectors.BaseSelector) -> None:
        """Pass on what can be read; forget pipes that have ended."""
        for fd in ready:
            if fd not in self._readers:
                continue
            if chunk := os.read(fd, _CHUNK):
                self._readers[fd](chunk)
            else:
                del self._readers[fd]
                selector.unregister(fd)


def _started(program: Program, digit: str, guard: int, member: int) -> "subprocess.Popen[bytes]":
    bound = "" if program.largest is None else _BOUND.format(blocks=-(-program.largest // _BLOCK))
    script = _WATCHDOG.format(fd=digit, kib=program.memory // 1024, bound=bound)
    return subprocess.Popen(
        [b"/bin/sh", b"-c", script.encode(), b"sh", *program.argv],
        env=dict(program.env),
        stdin=guard,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=(*program.inherit_fds, member),
        start_new_session=True,
        umask=0o077,
        bufsize=0,
    )


def _family_pipe(inherited: tuple[int, ...]) -> tuple[int, int]:
    """A pipe of which every process of the group holds the second end.

    Its number is above those of the locks: a dying process closes its files in order, so when the pipe
    is closed the locks are free.
    """
    family, low = os.pipe()
    try:
        return family, fcntl.fcntl(low, fcntl.F_DUPFD_CLOEXEC, max((9, *inherited)) + 1)
    finally:
        os.close(low)


class _SpokenError(Exception):
    """The program said something."""


def _on_first_word(_: bytes) -> None:
    raise _SpokenError


class _OutOfTimeError(Exception):
    """The program did not stop when asked."""


def _ignore(_: bytes) -> None:
    """For output that nobody wants any more."""
