"""Look for the few files of a source that have a say about its backup, and bring their content.

One walk over the PC's folders, without those that the profile hides anyway. Links and devices are passed
over; what comes lies in a folder of the order's own, readable by nobody else, and is bounded.
"""

import os
import secrets
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from bck_adapters.rsync.argv import Invocation, environment, old_args, remote_path
from bck_adapters.rsync.exit import Ending, error_of, sent_more
from bck_adapters.rsync.filters import rsync_folder_rules
from bck_adapters.rsync.listing import checked_path, unescaped
from bck_adapters.rsync.messages import MessageReader, Sign, as_theirs
from bck_adapters.rsync.output import NO_FILE, OVER_MAX_SIZE
from bck_adapters.rsync.process import Program, run
from bck_adapters.rsync.rule_file import filter_args
from bck_adapters.rsync.wildcards import in_either_case
from bckcore.domain.gather import LARGEST_GATHERED, MOST_GATHERED, Gathered, GatherOrder
from bckcore.domain.paths import RelPath
from bckcore.errors import JobCancelledError, TransferTimeoutError
from bckcore.ports.transport import Watcher

_LOGGED_LINES = 200
_LONGEST_LINE = 1 << 16


def gather_rules(order: GatherOrder) -> list[bytes]:
    """rsync's rules that let through folders that are not hidden, files of those names, and nothing else."""
    ignore_case = order.host.platform.ignores_case
    names = [in_either_case(name) if ignore_case else name for name in order.names]
    hidden = rsync_folder_rules(order.filters, ignore_case=ignore_case)
    return [*hidden, b"+ */", *(b"+ " + name for name in names), b"- *"]


def gather_argv(order: GatherOrder, call: Invocation, filters: Iterable[bytes]) -> list[bytes]:
    """The command that brings them. It takes plain files and folders only."""
    options = order.options
    argv = ["rsync", "--recursive", "--prune-empty-dirs", "--perms", "--chmod=D700,F600"]
    argv += [f"--max-size={LARGEST_GATHERED}", "--info=skip1", "--max-alloc=1G"]
    argv += [f"--timeout={options.idle_timeout}", f"--out-format={call.tag}%n", "--8-bit-output"]
    if options.bandwidth_limit is not None:
        argv.append(f"--bwlimit={options.bandwidth_limit // 1024}")
    encoded = [os.fsencode(word) for word in argv]
    encoded += [*filters, *old_args(order.source.path), os.fsencode(f"--rsh={call.remote_shell}"), b"--"]
    return [*encoded, remote_path(order.source.path, inside=True), os.fsencode(order.folder) + b"/"]


class _EnoughError(Exception):
    """There are more files than anybody will heed."""


@dataclass(slots=True)
class Gather:
    """One look; used once."""

    order: GatherOrder
    watcher: Watcher
    search_path: str
    memory: int
    shell: str
    messages: MessageReader = field(init=False)
    _tag: bytes = b""
    _out: bytes = b""
    _err: bytes = b""
    _count: int = 0
    _too_large: list[RelPath] = field(default_factory=list)
    _no_files: list[RelPath] = field(default_factory=list)
    _said: list[bytes] = field(default_factory=list)
    _deadline: float | None = None

    def carried_out(self) -> Gathered:
        """What was found. Raises BckError, OSError."""
        order, call = self.order, Invocation(remote_shell=self.shell, tag=secrets.token_hex(8))
        self._tag = call.tag.encode()
        os.mkdir(order.folder, 0o700)
        if order.options.total_timeout is not None:
            self._deadline = time.monotonic() + order.options.total_timeout
        self._tick()
        places = (os.fsencode(order.folder),)
        self.messages = MessageReader(source_root=os.fsencode(order.source.path), places=places)
        rules = filter_args(gather_rules(order), order.folder.with_suffix(".rules"))
        argv = gather_argv(order, call, rules)
        program = Program(
            argv=argv,
            env=environment(self.search_path),
            inherit_fds=order.inherit_fds,
            on_group=order.on_group,
            memory=self.memory,
            largest=LARGEST_GATHERED,
        )
        try:
            code = run(program, on_stdout=self._on_stdout, on_stderr=self._on_stderr, tick=self._tick)
        except _EnoughError:
            return self._found(more=True)
        self._require_good(code)
        return self._found(more=False)

    def _require_good(self, code: int) -> None:
        self._on_stderr(b"\n" if self._err else b"")
        if Sign.TOO_LARGE in self.messages.signs:
            raise sent_more(self.order.host.id)
        error = error_of(Ending(code=code, host=self.order.host.id, messages=self.messages))
        if error is not None:
            for line in self._said:
                self.watcher.log(as_theirs(line, self.order.host.id))
            raise error

    def _found(self, *, more: bool) -> Gathered:
        wanted = {name.lower() for name in self.order.names}
        files = [found for found in self._files() if found[0].rpartition(b"/")[2].lower() in wanted]
        files.sort()
        more = more or len(files) > MOST_GATHERED
        return Gathered(
            files=tuple(files[:MOST_GATHERED]),
            too_large=tuple(self._too_large),
            no_files=tuple(self._no_files),
            more=more,
        )

    def _files(self) -> Iterator[tuple[RelPath, bytes]]:
        base = os.fsencode(self.order.folder)
        for above, _, names in os.walk(base):
            for name in names:
                place = os.path.join(above, name)
                path = checked_path(os.path.relpath(place, base))
                fd = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
                with open(fd, "rb") as file:
                    content = file.read(LARGEST_GATHERED)
                if path is not None:
                    yield path, content

    def _on_stdout(self, chunk: bytes) -> None:
        *lines, rest = (self._out + chunk).split(b"\n")
        self._out = rest[:_LONGEST_LINE]
        for line in lines:
            if line.startswith(self._tag):
                self._count += not line.endswith(b"/")
            elif line.endswith(OVER_MAX_SIZE):
                _keep(line.removesuffix(OVER_MAX_SIZE), self._too_large)
            elif match := NO_FILE.match(line):
                _keep(match["path"], self._no_files)
        if self._count > MOST_GATHERED:
            raise _EnoughError

    def _on_stderr(self, chunk: bytes) -> None:
        *lines, rest = (self._err + chunk).split(b"\n")
        self._err = rest[:_LONGEST_LINE]
        for line in lines:
            self.messages.read(line.rstrip(b"\r"))
            if len(self._said) < _LOGGED_LINES and line.strip(b"@ "):
                self._said.append(line)

    def _tick(self) -> None:
        if self.watcher.is_cancelled():
            raise JobCancelledError("The look for filter files on the PC was cancelled.")
        if self._deadline is not None and time.monotonic() >= self._deadline:
            raise TransferTimeoutError(
                f"The look for filter files took more than the allowed {self.order.options.total_timeout} s.",
                meaning="It was stopped. Nothing was changed.",
                advice="Raise the limit, or switch the look off: bck profile set PROFILE --no-bckignore",
            )


def _keep(name: bytes, paths: list[RelPath]) -> None:
    if len(paths) < MOST_GATHERED and (path := checked_path(unescaped(name))) is not None:
        paths.append(path)
