"""Transport by the rsync program: one implementation, over any way to reach the other side."""

import os
import re
import secrets
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import BinaryIO

from bck_adapters.landlock import Rules
from bck_adapters.rsync.argv import Invocation, environment, pull_argv
from bck_adapters.rsync.conversation import nobody_stops
from bck_adapters.rsync.exit import Ending, error_of, sent_twice, store_full
from bck_adapters.rsync.fetch import Fetch
from bck_adapters.rsync.filters import rsync_rules
from bck_adapters.rsync.gather import Gather
from bck_adapters.rsync.keeping import NOT_HELD, keeping_rules
from bck_adapters.rsync.listing import ItemListing, PathRecords
from bck_adapters.rsync.messages import MessageReader, Sign, as_theirs
from bck_adapters.rsync.output import OutputReader
from bck_adapters.rsync.preview import Preview
from bck_adapters.rsync.probing import Question
from bck_adapters.rsync.process import MEMORY, Program, run
from bck_adapters.rsync.push import Push, not_run
from bck_adapters.rsync.routes import Route
from bck_adapters.rsync.rule_file import filter_args
from bck_adapters.rsync.version import can_resume, require_local_rsync
from bckcore.domain.credential import Credential
from bckcore.domain.fetch import FetchOrder
from bckcore.domain.gather import Gathered, GatherOrder
from bckcore.domain.host import Host
from bckcore.domain.paths import display
from bckcore.domain.preview import PreviewOrder, PreviewReport
from bckcore.domain.push import PushOrder, PushReport
from bckcore.domain.transfer import HostFacts, PullOrder, TransportCapabilities
from bckcore.errors import (
    BckError,
    InvalidInputError,
    JobCancelledError,
    TransferFailedError,
    TransferTimeoutError,
)
from bckcore.ports.transport import PullReport, Watcher

_LOGGED_LINES = 2_000
"""Lines of standard error that reach a job's log; a PC can produce any number of them."""
_PRIVATE_FOLDER = re.compile(rb"/ssh-[0-9a-f]{8}/")
_LONGEST_LINE = 1 << 16
_FULL_ERRNOS = (28, 122)
_Order = PullOrder | PushOrder | FetchOrder | GatherOrder | PreviewOrder


class RsyncTransport:
    """A Transport (see :mod:`bckcore.ports.transport`) that starts rsync for each attempt.

    rsync follows a source root that is a link; so the root and the folders above it are looked at first,
    see :mod:`bck_adapters.rsync.probing`.
    """

    def __init__(self, *, route: Route, search_path: str | None = None, memory: int = MEMORY) -> None:
        self._route = route
        self._memory = memory
        self._search_path = search_path or os.environ.get("PATH", os.defpath)
        self._checked = False
        self._resumes: bool | None = None

    @property
    def capabilities(self) -> TransportCapabilities:
        """What it can do."""
        return self._route.capabilities

    def resumes(self) -> bool:
        """Whether this machine's rsync does: found by trying, once; False while it cannot be tried."""
        try:
            return self._tried(Path(tempfile.gettempdir()))
        except (OSError, subprocess.SubprocessError):  # not kept: it may be possible later
            return False

    def _tried(self, folder: Path) -> bool:
        if self._resumes is None:
            self._resumes = can_resume(self._search_path, folder)
        return self._resumes

    def scan_host_keys(self, host: Host) -> tuple[str, ...]:
        """The public keys the host shows now."""
        return self._route.scan_host_keys(host)

    def probe(
        self,
        host: Host,
        credential: Credential | None,
        paths: Sequence[str],
        watcher: Watcher | None = None,
    ) -> HostFacts:
        """Connect, check trust, find rsync, and try to list each path. Changes nothing."""
        self._require_rsync()
        stop = partial(_stop_if_cancelled, watcher) if watcher else nobody_stops
        stop()
        try:
            return self._route.probe(host, credential, paths, self._search_path, self._memory, stop)
        except OSError as exc:
            raise _not_run(exc) from exc

    def pull(self, order: PullOrder, credential: Credential | None, watcher: Watcher) -> PullReport:
        """Bring the source's files into ``order.destination``."""
        self._require_rsync()
        with self._route.shell(order.host, credential, order.options) as shell:
            question = self._question(order, shell, watcher)
            try:
                with self._route.connected(question):
                    self._route.require_no_link(question, order.source.path)
                    self._drop_useless_partials(order, watcher)
                    return _Pull(order, watcher, self._search_path, self._memory).carry_out(shell)
            except OSError as exc:
                raise _not_run(exc) from exc

    def push(self, order: PushOrder, credential: Credential | None, watcher: Watcher) -> PushReport:
        """Bring what lies below ``order.origin`` to ``order.target_path`` on the host."""
        self._require_rsync()
        with self._route.shell(order.host, credential, order.options) as shell:
            question = self._question(order, shell, watcher)
            try:
                with self._route.connected(question):
                    self._route.require_no_link(question, order.target_path)
                    push = Push(order, watcher, self._search_path, self._memory, shell, self._route.landing)
                    report = push.carried_out()
            except OSError as exc:
                raise not_run(exc) from exc
        return replace(report, sets_owners=self._route.sets_owners(order.host))

    def fetch(self, order: FetchOrder, credential: Credential | None, watcher: Watcher) -> None:
        """Read ``order.paths`` again and nothing else, below ``order.destination``."""
        self._require_rsync()
        with self._route.shell(order.host, credential, order.options) as shell:
            try:
                with self._route.connected(question := self._question(order, shell, watcher)):
                    self._route.require_no_link(question, order.source.path)
                    Fetch(order, watcher, self._search_path, self._memory, shell).carry_out()
            except OSError as exc:
                raise _not_run(exc) from exc

    def gather(self, order: GatherOrder, credential: Credential | None, watcher: Watcher) -> Gathered:
        """Every plain file of the order's names, and its content."""
        self._require_rsync()
        with self._route.shell(order.host, credential, order.options) as shell:
            try:
                with self._route.connected(question := self._question(order, shell, watcher)):
                    self._route.require_no_link(question, order.source.path)
                    return Gather(order, watcher, self._search_path, self._memory, shell).carried_out()
            except OSError as exc:
                raise _not_run(exc) from exc

    def preview(self, order: PreviewOrder, credential: Credential | None, watcher: Watcher) -> PreviewReport:
        """What a pull would do now."""
        self._require_rsync()
        with self._route.shell(order.host, credential, order.options) as shell:
            try:
                with self._route.connected(question := self._question(order, shell, watcher)):
                    self._route.require_no_link(question, order.source.path)
                    rules = filter_args(_filters(order), order.work_dir / "rules")
                    return Preview(
                        order, watcher, self._search_path, self._memory, shell, rules
                    ).carried_out()
            except OSError as exc:
                raise _not_run(exc) from exc

    def _question(self, order: _Order, shell: str, watcher: Watcher) -> Question:
        options = order.options
        patience = options.connect_timeout + options.idle_timeout
        return Question(
            host=order.host,
            shell=shell,
            search_path=self._search_path,
            memory=self._memory,
            patience=min(patience, options.total_timeout or patience),
            inherit_fds=order.inherit_fds,
            on_group=order.on_group if isinstance(order, PullOrder | PushOrder | GatherOrder) else _nobody,
            stop=lambda: _stop_if_cancelled(watcher),
        )

    def _require_rsync(self) -> None:
        if not self._checked:
            require_local_rsync(self._search_path)
            self._checked = True

    def _drop_useless_partials(self, order: PullOrder, watcher: Watcher) -> None:
        """Start over where this machine's rsync would fail for ever on a file it finds half sent."""
        try:
            partials = [entry.path for entry in os.scandir(order.partial_dir)]
            if not partials or self._tried(order.temp_dir):
                return
            watcher.log("This server's rsync cannot go on from half-sent files; they are sent anew.")
            for path in partials:
                os.unlink(path)
        except (OSError, subprocess.SubprocessError) as exc:
            raise _not_run(exc) from exc


@dataclass(slots=True)
class _Pull:
    """One attempt: the readers of what rsync says, and the decision at the end."""

    order: PullOrder
    watcher: Watcher
    search_path: str
    memory: int
    call: Invocation = field(init=False)
    output: OutputReader = field(init=False)
    messages: MessageReader = field(init=False)
    _present: BinaryIO | None = None
    _rest: bytes = b""
    _said: list[bytes] = field(default_factory=list)
    _reported: float = 0.0
    _deadline: float | None = None

    @property
    def _items(self) -> Path:
        return self.order.work_dir / "items"

    @property
    def _also_present(self) -> Path:
        return self.order.work_dir / "also-present"

    @property
    def _too_large(self) -> Path:
        return self.order.work_dir / "too-large"

    def carry_out(self, shell: str) -> PullReport:
        order = self.order
        self.call = Invocation(
            remote_shell=shell,
            tag=secrets.token_hex(8),
        )
        self.messages = MessageReader(
            source_root=os.fsencode(order.source.path),
            places=(os.fsencode(order.destination), os.fsencode(order.displaced_dir)),
        )
        report: PullReport | None = None
        try:
            report = self._run()
        except OSError as exc:
            raise _not_run(exc) from exc
        finally:
            self._log_said(report)
        return report

    def _run(self) -> PullReport:
        order = self.order
        with os.scandir(order.destination) as entries:
            first_run = next(entries, None) is None
        if order.options.total_timeout is not None:
            self._deadline = time.monotonic() + order.options.total_timeout
        program = Program(
            argv=pull_argv(order, self.call, filter_args(_filters(order), order.work_dir / "rules")),
            env=environment(self.search_path),
            inherit_fds=order.inherit_fds,
            on_group=order.on_group,
            memory=self.memory,
            # Into an empty folder nothing is displaced but what this very transfer has brought.
            rules=None if first_run else self._keeping_rules(),
        )
        with (
            self._items.open("wb") as items,
            self._also_present.open("wb") as self._present,
            self._too_large.open("wb") as too_large,
        ):
            self.output = OutputReader(
                source=order.source.name,
                first_run=first_run,
                tag=self.call.tag.encode(),
                listing=items,
                too_large=None if order.max_size is None else too_large,
            )
            code = run(program, on_stdout=self.output.feed, on_stderr=self._on_stderr, tick=self._tick)
            self._on_stderr(b"\n" if self._rest else b"")
        return self._concluded(code)

    def _keeping_rules(self) -> Rules | None:
        order = self.order
        rules = keeping_rules(
            order.destination, order.partial_dir, order.temp_dir, displaced=order.displaced_dir
        )
        if rules is None:
            self.watcher.log(NOT_HELD, level="warning")
        return rules

    def _concluded(self, code: int) -> PullReport:
        messages = self.messages
        host = self.order.host.id
        if Sign.DISPLACED_TWICE in messages.signs:
            raise sent_twice(host)
        error = error_of(Ending(code=code, host=host, messages=messages))
        if error is not None:
            raise error
        self.watcher.progress(self.output.progress())
        listing = ItemListing(items=self._items, tag=self.call.tag.encode(), also_present=self._also_present)
        if code != 0:
            messages.count_unknown()
            if not messages.problem_count:
                messages.distrust()
        if not self._complete(listing):
            self.watcher.log("The listing is incomplete; no path is taken for deleted.", level="warning")
            messages.distrust()
        return PullReport(
            listing=listing,
            stats=self.output.stats(),
            problems=tuple(messages.problems),
            problem_count=messages.problem_count,
            unlisted=frozenset(messages.unlisted),
            vanished=frozenset(messages.vanished),
            too_large=PathRecords(file=self._too_large),
        )

    def _complete(self, listing: ItemListing) -> bool:
        """True if the listing names as many paths as rsync says it saw; what is missing there for whatever
        reason would otherwise be taken for deleted."""
        return self.output.listed is not None and (
            listing.count() + self.messages.problem_count + self.output.left_out >= self.output.listed
        )

    def _tick(self) -> None:
        _stop_if_cancelled(self.watcher)
        now = time.monotonic()
        if self._deadline is not None and now >= self._deadline:
            raise TransferTimeoutError(
                f"The transfer took longer than the {self.order.options.total_timeout} s it may take.",
                meaning="It was stopped; what had arrived is kept.",
                advice="The next try goes on from there. Raise the limit if the source is that large.",
            )
        if now - self._reported >= 0.4:
            self._reported = now
            progress = self.output.progress()
            arriving = _arriving(self.order.temp_dir)
            self.watcher.progress(replace(progress, current_file=arriving) if arriving else progress)

    def _on_stderr(self, chunk: bytes) -> None:
        *lines, rest = (self._rest + chunk).split(b"\n")
        self._rest = rest[:_LONGEST_LINE]
        for line in lines:
            self._on_message(line.rstrip(b"\r"))

    def _on_message(self, line: bytes) -> None:
        present = self.messages.read(line)
        if present is not None and self._present is not None:
            self._present.write(present + b"\0")
        if _PRIVATE_FOLDER.search(line):
            return  # ssh's advice to edit a file that is gone by now
        if len(self._said) <= _LOGGED_LINES and line.strip(b"@ "):
            self._said.append(line)

    def _log_said(self, report: PullReport | None) -> None:
        """Log what the programs said, without the lines that a report names as problems: whoever gets
        the report logs those."""
        told = {problem.message for problem in report.problems} if report else set()
        for line in self._said[:_LOGGED_LINES]:
            if display(line) not in told:
                self.watcher.log(as_theirs(line, self.order.host.id))
        if len(self._said) > _LOGGED_LINES:
            self.watcher.log("rsync said more than this; the rest is counted, not shown.")


def _nobody(_: int) -> None:
    """For orders whose groups nobody asks about."""


def _arriving(temp_dir: Path) -> str:
    """The name, without its folder, of the file that is being received; rsync names it only afterwards.

    In a folder of their own its temporary files are called as the files are, and six letters after a dot.
    """
    try:
        with os.scandir(os.fsencode(temp_dir)) as entries:
            name = next((entry.name for entry in entries), b"")
    except OSError:
        return ""
    return display(name.rpartition(b".")[0])


def _stop_if_cancelled(watcher: Watcher) -> None:
    if watcher.is_cancelled():
        raise JobCancelledError(
            "The transfer was cancelled.",
            meaning="What had arrived is kept; nothing the storage held was lost.",
            advice="Start the backup again when you like.",
        )


def _not_run(error: Exception) -> BckError:
    if isinstance(error, OSError) and error.errno in _FULL_ERRNOS:
        return store_full()
    return TransferFailedError(
        f"rsync could not be run: {getattr(error, 'strerror', None) or error}.",
        meaning="Nothing was transferred.",
        advice="See that the storage is mounted and that this server can start processes.",
    )


def _filters(order: PullOrder | PreviewOrder) -> list[bytes]:
    try:
        return rsync_rules(order.filters, ignore_case=order.host.platform.ignores_case)
    except InvalidInputError as exc:
        raise TransferFailedError(exc.what, meaning=exc.meaning, advice=exc.advice) from exc
