"""What a pull would do now: a dry run of the same rsync, whose sender also says what it hides.

One walk over the PC, as in a run that finds nothing new; of a folder that is hidden only its name is seen.
"""

import os
import re
import secrets
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from bck_adapters.rsync.argv import Invocation, environment, preview_argv
from bck_adapters.rsync.exit import Ending, error_of
from bck_adapters.rsync.listing import ItemListing, PathRecords, checked_path, nul_separated, unescaped
from bck_adapters.rsync.messages import MessageReader, as_theirs
from bck_adapters.rsync.output import OutputReader
from bck_adapters.rsync.process import Program, run
from bckcore.domain.paths import RelPath
from bckcore.domain.preview import Foreseen, Hidden, PreviewOrder, PreviewReport
from bckcore.errors import JobCancelledError, TransferTimeoutError
from bckcore.ports.transport import Watcher

_HIDING = re.compile(rb"\[sender\] hiding (?P<kind>file|directory) (?P<name>.*) because of pattern .*$")
_LOGGED_LINES = 200
_LONGEST_LINE = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class HiddenRecords:
    """What the sender said that it hides, kept in a file: ``d`` or ``f``, then the path, NUL-separated."""

    file: Path

    def __iter__(self) -> Iterator[Hidden]:
        for raw in nul_separated(self.file):
            if (path := checked_path(raw[1:])) is not None:
                yield Hidden(path, raw[:1] == b"d")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Paths:
    listing: ItemListing

    def __iter__(self) -> Iterator[RelPath]:
        return self.listing.paths()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Coming:
    listing: ItemListing

    def __iter__(self) -> Iterator[Foreseen]:
        return self.listing.foreseen()


@dataclass(slots=True)
class Preview:
    """One look; used once."""

    order: PreviewOrder
    watcher: Watcher
    search_path: str
    memory: int
    shell: str
    filters: Iterable[bytes]
    """Arguments."""
    output: OutputReader = field(init=False)
    messages: MessageReader = field(init=False)
    _present: BinaryIO | None = None
    _rest: bytes = b""
    _said: list[bytes] = field(default_factory=list)
    _reported: float = 0.0
    _deadline: float | None = None

    def carried_out(self) -> PreviewReport:
        """What was found. Raises BckError, OSError."""
        order, call = self.order, Invocation(remote_shell=self.shell, tag=secrets.token_hex(8))
        destination = os.fsencode(order.destination)
        self.messages = MessageReader(source_root=os.fsencode(order.source.path), places=(destination,))
        if order.options.total_timeout is not None:
            self._deadline = time.monotonic() + order.options.total_timeout
        argv = preview_argv(order, call, self.filters)
        program = Program(
            argv=argv, env=environment(self.search_path), inherit_fds=order.inherit_fds, memory=self.memory
        )
        names = ("items", "too-large", "hidden", "present")
        items, too_large, hidden, present = (order.work_dir / name for name in names)
        with (
            items.open("wb") as listed,
            too_large.open("wb") as large,
            hidden.open("wb") as unseen,
            present.open("wb") as self._present,
        ):
            self.output = OutputReader(
                source=order.source.name,
                first_run=False,
                tag=call.tag.encode(),
                listing=listed,
                too_large=None if order.max_size is None else large,
                on_other=lambda line: _keep_hidden(line, unseen),
            )
            code = run(program, on_stdout=self.output.feed, on_stderr=self._on_stderr, tick=self._tick)
            self._on_stderr(b"\n" if self._rest else b"")
        listing = ItemListing(items=items, tag=call.tag.encode(), also_present=present)
        self._conclude(code, listing)
        return self._report(listing, PathRecords(file=too_large), HiddenRecords(file=hidden))

    def _conclude(self, code: int, listing: ItemListing) -> None:
        messages = self.messages
        error = error_of(Ending(code=code, host=self.order.host.id, messages=messages))
        if error is not None:
            for line in self._said:
                self.watcher.log(as_theirs(line, self.order.host.id))
            raise error
        if code != 0:
            messages.count_unknown()
        known = listing.count() + messages.problem_count + self.output.left_out
        if (code != 0 and not messages.problem_count) or known < (self.output.listed or 0):
            messages.distrust()

    def _report(self, listing: ItemListing, too_large: PathRecords, hidden: HiddenRecords) -> PreviewReport:
        return PreviewReport(
            paths=_Paths(listing=listing),
            foreseen=_Coming(listing=listing),
            hidden=hidden,
            too_large=too_large,
            stats=self.output.stats(),
            problems=tuple(self.messages.problems),
            problem_count=self.messages.problem_count,
            unlisted=frozenset(self.messages.unlisted),
            vanished=frozenset(self.messages.vanished),
        )

    def _on_stderr(self, chunk: bytes) -> None:
        *lines, rest = (self._rest + chunk).split(b"\n")
        self._rest = rest[:_LONGEST_LINE]
        for line in lines:
            present = self.messages.read(line.rstrip(b"\r"))
            if present is not None and self._present is not None:
                self._present.write(present + b"\0")
            if len(self._said) < _LOGGED_LINES and line.strip(b"@ "):
                self._said.append(line)

    def _tick(self) -> None:
        if self.watcher.is_cancelled():
            raise JobCancelledError("The preview was cancelled.", meaning="It had changed nothing.")
        now = time.monotonic()
        if self._deadline is not None and now >= self._deadline:
            raise TransferTimeoutError(
                f"The preview took longer than the {self.order.options.total_timeout} s it may take.",
                meaning="It was stopped. It had changed nothing.",
                advice="Raise the limit if the source is that large.",
            )
        if now - self._reported >= 0.4:
            self._reported = now
            self.watcher.progress(self.output.progress())


def _keep_hidden(line: bytes, file: BinaryIO) -> None:
    if match := _HIDING.match(line):
        file.write(match["kind"][:1] + unescaped(match["name"]) + b"\0")
