"""Pull: bring one source's files in, attempt by attempt, and fold what each attempt displaced."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from random import Random

from bckcore.domain.credential import Credential
from bckcore.domain.gather import GatherOrder
from bckcore.domain.host import Host
from bckcore.domain.paths import display
from bckcore.domain.preview import PreviewOrder
from bckcore.domain.profile import Profile
from bckcore.domain.run import Attempt, Run
from bckcore.domain.secret import Secret
from bckcore.domain.source import Source
from bckcore.domain.transfer import Phase, PullOrder, TransferOptions, TransferProgress
from bckcore.domain.wording import counted
from bckcore.errors import (
    BckError,
    HostUnreachableError,
    JobCancelledError,
    TransferInterruptedError,
    TransientError,
)
from bckcore.ports.clock import Clock
from bckcore.ports.storage import AttemptDirs, ProfileLock, Storage
from bckcore.ports.transport import PathFilterFactory, PullReport, Transport, Watcher
from bckcore.services.credentials import Credentials
from bckcore.services.filtering import all_rules
from bckcore.services.host_rules import NOTHING, HostRules, host_rules
from bckcore.services.pacing import PacedWatcher
from bckcore.services.quota import QuotaWatcher
from bckcore.services.time_limit import TimeLimit

TransportFor = Callable[[Host], Transport]
"""The transport that a host names. Raises NotFoundError when no plugin offers it."""

FIRST_BACKOFF = 5.0
LONGEST_BACKOFF = 120.0
NAMED_TOO_LARGE = 50


def backoff(attempt: int, random: Random) -> float:
    """Seconds to wait after attempt ``attempt`` (from 1): doubling, capped, half of it by chance."""
    longest = min(LONGEST_BACKOFF, FIRST_BACKOFF * 2.0 ** (attempt - 1))
    return longest / 2 + random.random() * longest / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """One source that a transport brought to its end."""

    source: Source
    attempt: AttemptDirs
    """Its ``work_dir`` still holds the listing; fold it when the listing is no longer needed."""
    report: PullReport
    retried: bool
    """An attempt before this one broke off: current may differ beyond what the listing tells."""
    said: HostRules = NOTHING
    """What files on the host said about filters; its problems are in the report."""


class Puller:
    """Runs the transport for a source until it comes to its end or the error does not pass."""

    def __init__(
        self,
        *,
        storage: Storage,
        transport_for: TransportFor,
        credentials: Credentials,
        filters: PathFilterFactory,
        clock: Clock,
        random: Random,
    ) -> None:
        self._storage = storage
        self._transport_for = transport_for
        self._credentials = credentials
        self._filters = filters
        self._clock = clock
        self._random = random

    def require_reachable(self, host: Host, watcher: Watcher, password: Secret[str] | None = None) -> None:
        """Raise HostUnreachableError if the host does not answer; what else is wrong, the run will tell.

        ``watcher`` may stop the look: JobCancelledError.
        """
        try:
            credential = self._credentials.of(host, password, purpose="probe")
            self._transport_for(host).probe(host, credential, (), watcher)
        except (HostUnreachableError, JobCancelledError):
            raise
        except BckError:
            return

    def pull(  # noqa: PLR0913  # one keyword for each thing that a source is read with
        self,
        run: Run,
        profile: Profile,
        host: Host,
        source: Source,
        *,
        lock: ProfileLock,
        watcher: QuotaWatcher,
        note: Callable[[Attempt], None],
        limit: TimeLimit,
        password: Secret[str] | None = None,
    ) -> Pulled:
        """Pull one source. ``note`` is told of every attempt as it ends. Raises BckError.

        A host with a quota, which ``watcher`` knows, is stopped when what is stored of it has reached that:
        QuotaExceededError.

        At the end of ``limit`` the run has taken as long as it may. ``password``: see
        :class:`Credentials`.
        """
        transport = self._transport_for(host)
        shown = partial(self._credentials.of, host, password, purpose=f"run {run.id}")
        number = failures = 0
        while True:
            number += 1
            left = limit.left()
            dirs = self._storage.begin_attempt(run.ref, run.id, source.name)
            started = self._clock.now()
            options = replace(profile.options_at(started), total_timeout=left)
            order = _order(run, profile, options, host, source, dirs, number, lock)
            watcher.progress(TransferProgress(phase=Phase.CONNECTING, source=source.name))
            watcher.log(f"Reading {source.name} ({source.path}), attempt {number}.")
            if profile.bandwidth_plan:
                watcher.log(f"The bandwidth plan allows {_rate_text(options.bandwidth_limit)}.")
            paced = PacedWatcher(watcher, profile, started, self._clock, resumes=transport.resumes)
            try:
                said = said_by_host(transport, shown, profile, order, self._filters, watcher)
                # Reading what the host says took of the same time.
                options = replace(options, total_timeout=limit.left())
                order = replace(order, filters=all_rules(profile, said), options=options)
                report = _with_problems(transport.pull(order, shown(), paced), said)
            except BckError as caught:
                outpaced = paced.outpaced and watcher.error is None and isinstance(caught, JobCancelledError)
                error = watcher.error or (_outpaced() if outpaced else caught)
                self._storage.fold(dirs, gives_back=True)
                note(_attempt(source, number, started, self._clock, error))
                if outpaced:
                    watcher.log(error.what)
                    continue
                failures += 1
                if not isinstance(error, TransientError) or failures >= profile.options.attempts:
                    raise error from caught
                self._wait(failures, error, watcher)
            else:
                self._storage.keep_displaced(dirs)
                note(_attempt(source, number, started, self._clock, None))
                return Pulled(source=source, attempt=dirs, report=report, retried=number > 1, said=said)

    def _wait(self, number: int, error: BckError, watcher: Watcher) -> None:
        seconds = backoff(number, self._random)
        watcher.log(f"{error.what} Trying again in {seconds:.0f} s.", level="warning")
        if self._clock.wait(seconds, until=watcher.is_cancelled):
            raise JobCancelledError("The job was cancelled while it waited to try again.")


def said_by_host(
    transport: Transport,
    shown: Callable[[], Credential | None],
    profile: Profile,
    order: PullOrder | PreviewOrder,
    filters: PathFilterFactory,
    watcher: Watcher,
) -> HostRules:
    """What files on the host say about filters; nothing, at no cost, where the profile does not ask.

    ``shown`` makes what the host is shown. Raises BckError.
    """
    names = profile.filters.wanted_names
    if not names:
        return NOTHING
    watcher.progress(TransferProgress(phase=Phase.FILTERS, source=order.source.name))
    asked = GatherOrder(
        host=order.host,
        source=order.source,
        names=names,
        filters=profile.rules,
        options=order.options,
        folder=order.work_dir / "gathered",
    )
    if isinstance(order, PullOrder):  # a preview holds no lock
        asked = replace(asked, inherit_fds=order.inherit_fds, on_group=order.on_group)
    found = transport.gather(asked, shown(), watcher)
    ignore_case = order.host.platform.ignores_case
    said = host_rules(
        found, lambda rule: filters((rule,), ignore_case=ignore_case), names_are_text=ignore_case
    )
    if said.rules:
        files = len(found.files)
        watcher.log(f"{order.source.name}: {files} files on the PC bring {len(said.rules)} filter rules.")
    if (more := said.problem_count - len(said.problems)) > 0:
        watcher.log(f"{more} more filter problems in {order.source.name} are not listed.", level="warning")
    return said


def _with_problems(report: PullReport, said: HostRules) -> PullReport:
    return replace(
        report,
        problems=(*said.problems, *report.problems),
        problem_count=report.problem_count + len(said.problems),
    )


def log_report(pulled: Pulled, watcher: Watcher) -> None:
    """What the attempt read, and each path that needs attention, in the job's log."""
    stats = pulled.report.stats
    received = f"{stats.bytes_sent} bytes received"
    seen = counted(stats.files_seen, "file")
    watcher.log(f"{pulled.source.name}: {seen} seen, {stats.files_sent} sent; {received}.")
    for problem in pulled.report.problems:
        where = f"{pulled.source.name}/{display(problem.path)}"
        watcher.log(f"{problem.kind.value}: {where}: {problem.message}", level="warning")
    _log_too_large(pulled, watcher)
    hidden = pulled.report.problem_count - len(pulled.report.problems)
    if hidden > 0:
        watcher.log(f"{hidden} more problems in {pulled.source.name} are not listed.", level="warning")


def _outpaced() -> BckError:
    return TransferInterruptedError(
        "The bandwidth plan allows another speed by now; the transfer goes on with that.",
        meaning="What had arrived stays.",
        advice="Nothing is to be done.",
    )


def _rate_text(limit: int | None) -> str:
    return "any speed" if limit is None else f"{limit} bytes a second"


def _log_too_large(pulled: Pulled, watcher: Watcher) -> None:
    """A note, no problem: a person on the server set the limit. What is stored of such a file stays."""
    count = 0
    for count, path in enumerate(pulled.report.too_large, start=1):
        if count <= NAMED_TOO_LARGE:
            watcher.log(f"left out: {pulled.source.name}/{display(path)}: above the limit of size")
    if count:
        watcher.log(f"{pulled.source.name}: {count} files are above the limit of size and left out.")


def _order(
    run: Run,
    profile: Profile,
    options: TransferOptions,
    host: Host,
    source: Source,
    dirs: AttemptDirs,
    number: int,
    lock: ProfileLock,
) -> PullOrder:
    return PullOrder(
        run=run.id,
        attempt=number,
        host=host,
        source=source,
        filters=profile.rules,
        max_size=profile.filters.max_size,
        options=options,
        destination=dirs.destination,
        displaced_dir=dirs.displaced_dir,
        partial_dir=dirs.partial_dir,
        temp_dir=dirs.temp_dir,
        work_dir=dirs.work_dir,
        inherit_fds=(lock.fd,),
        on_group=lock.note_group,
    )


def _attempt(source: Source, number: int, started: datetime, clock: Clock, error: BckError | None) -> Attempt:
    return Attempt(
        source=source.name,
        number=number,
        started=started,
        finished=clock.now(),
        error_code=error.code if error else "",
        error=str(error) if error else "",
    )
