"""Read single files again: one rsync that is told by filters which ones, into a folder of the order's own.

By filters, not by a list of names: a listed name is followed through links in its folders, a walk from the
source root is not.
"""

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from bck_adapters.rsync.argv import environment, old_args, remote_path
from bck_adapters.rsync.exit import Ending, error_of, sent_more
from bck_adapters.rsync.messages import MessageReader, Sign, as_theirs
from bck_adapters.rsync.process import Program, run
from bckcore.domain.fetch import FetchOrder
from bckcore.domain.host import Platform
from bckcore.domain.paths import ROOT, RelPath, parents
from bckcore.errors import JobCancelledError, TransferTimeoutError
from bckcore.ports.transport import Watcher

_LOGGED_LINES = 200
_LONGEST_LINE = 1 << 16
_GROWTH = 1 << 20
"""A file may grow between the list and its reading."""
_WILD = frozenset(b"*?[")


def only(paths: Iterable[RelPath]) -> list[bytes]:
    """rsync's rules that let these paths through, the folders that lead to them, and nothing else."""
    wanted = sorted(set(paths))
    folders = sorted({folder for path in wanted for folder in parents(path)} - {ROOT})
    rules = [b"+ " + _pattern(folder) + b"/" for folder in folders]
    return [*rules, *(b"+ " + _pattern(path) for path in wanted), b"- *"]


def _pattern(path: RelPath) -> bytes:
    """The path from the root of the transfer on; escaped only where rsync looks for escapes."""
    if not _WILD & set(path):
        return b"/" + path
    return b"/" + b"".join(b"\\" + bytes((byte,)) if byte in b"*?[\\" else bytes((byte,)) for byte in path)


def fetch_argv(order: FetchOrder, remote_shell: str) -> list[bytes]:
    """The command that brings the order's files, in the form of a pull."""
    argv = ["rsync", "--archive", "--numeric-ids", "--fake-super", "--sparse", "--modify-window=-1"]
    argv += ["--checksum-choice=xxh128", "--max-alloc=1G", f"--timeout={order.options.idle_timeout}"]
    argv.append(f"--max-size={order.largest}")
    if order.host.platform is Platform.WINDOWS:
        argv += ["--no-perms", "--no-owner", "--no-group", "--chmod=D700,F600"]
    if order.options.compress:
        argv.append("--compress")
    if order.options.bandwidth_limit is not None:
        argv.append(f"--bwlimit={order.options.bandwidth_limit // 1024}")
    encoded = [os.fsencode(word) for word in argv]
    encoded += [b"--filter=" + rule for rule in only(order.paths)]
    encoded += [*old_args(order.source.path), os.fsencode(f"--rsh={remote_shell}"), b"--"]
    return [*encoded, remote_path(order.source.path, inside=True), os.fsencode(order.destination) + b"/"]


@dataclass(slots=True)
class Fetch:
    """One fetch; used once."""

    order: FetchOrder
    watcher: Watcher
    search_path: str
    memory: int
    shell: str
    messages: MessageReader = field(init=False)
    _rest: bytes = b""
    _said: list[bytes] = field(default_factory=list)
    _deadline: float | None = None

    def carry_out(self) -> None:
        """Bring the files. Raises BckError, OSError."""
        order = self.order
        destination = os.fsencode(order.destination)
        os.mkdir(destination, 0o700)
        if order.options.total_timeout is not None:
            self._deadline = time.monotonic() + order.options.total_timeout
        self._tick()
        root = os.fsencode(order.source.path)
        self.messages = MessageReader(source_root=root, places=(destination, destination))
        program = Program(
            argv=fetch_argv(order, self.shell),
            env=environment(self.search_path),
            inherit_fds=order.inherit_fds,
            memory=self.memory,
            largest=order.largest + _GROWTH,
        )
        code = run(program, on_stdout=lambda _: None, on_stderr=self._on_stderr, tick=self._tick)
        self._on_stderr(b"\n" if self._rest else b"")
        if Sign.TOO_LARGE in self.messages.signs:
            raise sent_more(order.host.id)
        error = error_of(Ending(code=code, host=order.host.id, messages=self.messages))
        if error is not None:
            for line in self._said:
                self.watcher.log(as_theirs(line, order.host.id))
            raise error

    def _on_stderr(self, chunk: bytes) -> None:
        *lines, rest = (self._rest + chunk).split(b"\n")
        self._rest = rest[:_LONGEST_LINE]
        for line in lines:
            self.messages.read(line.rstrip(b"\r"))
            if len(self._said) < _LOGGED_LINES and line.strip(b"@ "):
                self._said.append(line)

    def _tick(self) -> None:
        if self.watcher.is_cancelled():
            raise JobCancelledError("The comparison with the PC was cancelled.")
        if self._deadline is not None and time.monotonic() >= self._deadline:
            raise TransferTimeoutError(
                f"Reading files again took longer than the {self.order.options.total_timeout} s it may take.",
                meaning="It was stopped. Nothing was changed.",
            )
