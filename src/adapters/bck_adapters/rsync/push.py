"""One push: look at what the PC has, send what it is to get, and tell what became of each path."""

import contextlib
import io
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path

from bck_adapters.rsync.argv import Invocation, environment
from bck_adapters.rsync.exit import FINISHED, Ending, error_of
from bck_adapters.rsync.landing import Landing
from bck_adapters.rsync.listing import checked_path, unescaped
from bck_adapters.rsync.messages import Sign, as_theirs
from bck_adapters.rsync.output import OutputReader
from bck_adapters.rsync.process import Program, run
from bck_adapters.rsync.push_argv import (
    ITEM_WIDTH,
    dress_argv,
    listed,
    look_argv,
    partial_name,
    root_argv,
    send_argv,
)
from bck_adapters.rsync.push_messages import PushMessages
from bck_adapters.rsync.push_plan import Plan
from bckcore.domain.paths import ROOT, RelPath
from bckcore.domain.push import Conflict, PushOrder, PushReport
from bckcore.domain.stored_stat import XATTR_NAME, decoded
from bckcore.domain.transfer import PathProblem, ProblemKind
from bckcore.errors import (
    BckError,
    JobCancelledError,
    StorageError,
    TransferFailedError,
    TransferInterruptedError,
    TransferTimeoutError,
)
from bckcore.ports.transport import Watcher

_LOGGED_LINES = 500
_LONGEST_LINE = 1 << 16
_PRIVATE_FOLDER = re.compile(rb"/ssh-[0-9a-f]{8}/")


@dataclass(slots=True)
class _Heard:
    """What one start of rsync said, or several."""

    items: dict[RelPath, bytes] = field(default_factory=dict)
    problems: dict[RelPath, PathProblem] = field(default_factory=dict)
    unknown: list[bytes] = field(default_factory=list)
    bytes_done: int = 0

    def add(self, other: "_Heard", *, with_items: bool = True) -> None:
        """Add what a later start said."""
        if with_items:
            self.items |= other.items
        self.problems = {**other.problems, **self.problems}
        self.unknown += other.unknown
        self.bytes_done += other.bytes_done


@dataclass(slots=True)
class Push:
    """State of one push; used once."""

    order: PushOrder
    watcher: Watcher
    search_path: str
    memory: int
    shell: str
    landing: Callable[[PushOrder], AbstractContextManager[Landing | None]]
    _landed: Landing | None = None
    _rest: bytes = b""
    _said: list[bytes] = field(default_factory=list)
    _reported: float = 0.0
    _deadline: float | None = None
    _looked: bool = False

    def carried_out(self) -> PushReport:
        """Look, send, and set what is left to set. Raises BckError, OSError."""
        order = self.order
        if order.options.total_timeout is not None:
            self._deadline = time.monotonic() + order.options.total_timeout
        staged = dict(_walked(os.fsencode(order.origin)))
        try:
            call = self._call()
            seen = self._run(look_argv(order, call), call, staged, quiet=True)
            closed = _closed(os.fsencode(order.origin), staged)
            self._looked = True
            plan = Plan(order, staged, seen.items, seen.problems, closed)
            self._try_long_names(plan, staged)
            heard = self._brought(plan, staged)
        finally:
            self._log_said()
        return PushReport(
            paths=tuple(plan.outcomes(heard.items, heard.problems)),
            problems=(*plan.problems(heard.items, heard.problems), *_unnamed(heard)),
            bytes_sent=heard.bytes_done,
        )

    def _try_long_names(self, plan: Plan, staged: dict[RelPath, bool]) -> None:
        """rsync ends altogether over a name too long to be kept beside: send only what needs no copy."""
        names, call = plan.too_long(), self._call()
        if names:
            order = replace(self.order, dry_run=True)
            argv = send_argv(order, call, self._list("try", names), partial_dir=partial_name(staged))
            plan.leave_out(self._run(argv, call, staged, quiet=True).items)

    def _brought(self, plan: Plan, staged: dict[RelPath, bool]) -> _Heard:
        if self.order.dry_run or not plan.to_send():
            return self._sent(plan, staged)
        with self.landing(self.order) as self._landed:
            heard = self._sent(plan, staged)
        if self._landed is not None and self._landed.made and ROOT in heard.items:
            heard.items[ROOT] = plan.seen[ROOT]  # rsync found it there, for we had just made it
        return heard

    def _sent(self, plan: Plan, staged: dict[RelPath, bool]) -> _Heard:
        heard = _Heard()
        names = [name for name in plan.to_send() if name != ROOT]
        if names:
            call, file = self._call(), self._list("send", names)
            argv = send_argv(self.order, call, file, partial_dir=partial_name(staged))
            heard.add(self._run(argv, call, staged))
        folders = [name for name in names if staged[name]]
        if folders and self.order.conflict is Conflict.KEEP_BOTH and not self.order.dry_run:
            call, file = self._call(), self._list("dress", folders)
            argv = dress_argv(self.order, call, file)
            heard.add(self._run(argv, call, staged, quiet=True), with_items=False)
        if ROOT in plan.to_send():
            call = self._call()
            heard.add(self._run(root_argv(self.order, call), call, staged, quiet=True))
        return heard

    def _list(self, name: str, paths: list[RelPath]) -> Path:
        file = self.order.work_dir / name
        file.write_bytes(listed(paths))
        return file

    def _call(self) -> Invocation:
        tag = secrets.token_hex(8)
        if self._landed is None:
            return Invocation(remote_shell=self.shell, tag=tag)
        return Invocation(remote_shell=self._landed.shell, tag=tag, folder=".")

    def _run(
        self, argv: list[bytes], call: Invocation, staged: dict[RelPath, bool], *, quiet: bool = False
    ) -> _Heard:
        landed, fds = self._landed, self.order.inherit_fds
        where = landed.path if landed else os.fsencode(self.order.target_path)
        messages = PushMessages(target=where, staged=staged)
        listing, tag = io.BytesIO(), call.tag.encode()
        output = OutputReader(source=self.order.label, first_run=False, tag=tag, listing=listing)
        fds = (*fds, landed.handle) if landed else fds
        program = Program(
            argv=argv,
            env=environment(self.search_path),
            inherit_fds=fds,
            on_group=self.order.on_group,
            memory=self.memory,
        )
        code = run(
            program,
            on_stdout=output.feed,
            on_stderr=lambda chunk: self._on_stderr(chunk, messages),
            tick=lambda: self._tick(None if quiet else output),
        )
        self._on_stderr(b"\n" if self._rest else b"", messages)
        self._require_end(code, messages)
        return _Heard(
            items=dict(_items(listing.getvalue(), tag)),
            problems=messages.problems,
            unknown=messages.connection.unknown if code else [],
            bytes_done=output.progress().bytes_done,
        )

    def _require_end(self, code: int, messages: PushMessages) -> None:
        host = self.order.host.id
        if messages.host_full:
            raise TransferFailedError(
                f"The disk of {host} has no room left for what is to be restored.",
                meaning="What was written there so far stays; nothing in the backup storage was touched.",
                advice="Free some space on the host, or restore to another disk of it, and start again: "
                "what is there already is not sent twice.",
            )
        if code not in FINISHED:
            messages.connection.unknown += messages.about_target
            if self._looked:
                # The PC answered just now. A sender that cannot write any more ends without saying so.
                messages.connection.signs.add(Sign.LOST)
        error = error_of(Ending(code=code, host=host, messages=messages.connection))
        if error is not None:
            raise _told_of_restore(error)

    def _tick(self, output: OutputReader | None) -> None:
        stop_if_cancelled(self.watcher)
        now = time.monotonic()
        if self._deadline is not None and now >= self._deadline:
            raise TransferTimeoutError(
                f"The transfer took longer than the {self.order.options.total_timeout} s it may take.",
                meaning="It was stopped; what had arrived on the host stays there.",
                advice="The next try goes on from there. Raise the limit if it is that much.",
            )
        if output is not None and now - self._reported >= 0.4:
            self._reported = now
            self.watcher.progress(replace(output.progress(), percent=None))

    def _on_stderr(self, chunk: bytes, messages: PushMessages) -> None:
        *lines, rest = (self._rest + chunk).split(b"\n")
        self._rest = rest[:_LONGEST_LINE]
        for line in lines:
            messages.read(line.rstrip(b"\r"))
            if len(self._said) <= _LOGGED_LINES and line.strip(b"@ \r") and not _PRIVATE_FOLDER.search(line):
                self._said.append(line)

    def _log_said(self) -> None:
        for line in self._said[:_LOGGED_LINES]:
            self.watcher.log(as_theirs(line, self.order.host.id))
        if len(self._said) > _LOGGED_LINES:
            self.watcher.log("rsync said more than this; the rest is counted, not shown.")


def _told_of_restore(error: BckError) -> BckError:
    """The same error; what its words say of a backup is said of a restore."""
    if isinstance(error, TransferFailedError | TransferInterruptedError):
        return type(error)(
            error.what.replace("The transfer from ", "The transfer to "),
            meaning="What the host had received stays there; a file that was half sent is none of its files.",
            advice="Read the last lines of the job's log, then start the restore again: it goes on.",
        )
    return error


def stop_if_cancelled(watcher: Watcher) -> None:
    """Raise JobCancelledError once the restore must stop."""
    if watcher.is_cancelled():
        raise JobCancelledError(
            "The restore was cancelled.",
            meaning="What the host had received stays there.",
            advice="Start it again when you like; what is there already is not sent twice.",
        )


def not_run(error: OSError) -> BckError:
    """rsync could not be started, or its lists not be written."""
    return TransferFailedError(
        f"rsync could not be run: {error.strerror or error}.",
        meaning="Nothing more was sent to the host.",
        advice="See that the storage is mounted, has some room, and that this server can start processes.",
    )


def _walked(base: bytes) -> Iterator[tuple[RelPath, bool]]:
    """Every path of the origin, folders before what they hold, and whether it is one."""
    yield ROOT, True
    pending = [b""]
    while pending:
        folder = pending.pop()
        with os.scandir(base + b"/" + folder if folder else base) as entries:
            for entry in entries:
                path = RelPath(folder + b"/" + entry.name if folder else entry.name)
                is_folder = entry.is_dir(follow_symlinks=False)
                yield path, is_folder
                if is_folder:
                    pending.append(path)


def _closed(base: bytes, staged: Mapping[RelPath, bool]) -> list[RelPath]:
    """The folders of the origin that stand for ones in which their owner may not write."""
    found = []
    for path, is_folder in staged.items():
        if is_folder:
            with contextlib.suppress(OSError, StorageError):
                if decoded(os.getxattr(base + b"/" + path, XATTR_NAME)).mode & 0o300 != 0o300:
                    found.append(path)
    return found


def _items(text: bytes, tag: bytes) -> Iterator[tuple[RelPath, bytes]]:
    """What rsync itemised: path and the 11 letters."""
    for line in text.split(b"\n"):
        parts = line.split(tag, 2)
        if len(parts) == 3 and len(parts[1]) > ITEM_WIDTH - 1:
            name = unescaped(parts[2].removesuffix(b"/")) or b"."
            path = checked_path(name)
            if path is not None:
                yield path, parts[1][:ITEM_WIDTH]


def _unnamed(heard: _Heard) -> Iterator[PathProblem]:
    """Complaints about no path that we know."""
    for line in heard.unknown[:100]:
        yield PathProblem(kind=ProblemKind.UNKNOWN, path=b"", message=as_theirs(line, ""))
