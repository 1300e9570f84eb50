"""Pull: bring one source's files in, attempt by attempt, and fold what each attempt displaced."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from random import Random

from bckcore.domain.host import Host
from bckcore.domain.ids import SecretRef
from bckcore.domain.paths import display
from bckcore.domain.profile import Profile
from bckcore.domain.run import Attempt, Run
from bckcore.domain.secret import Secret
from bckcore.domain.source import Source
from bckcore.domain.transfer import PullOrder
from bckcore.domain.wording import counted
from bckcore.errors import BckError, JobCancelledError, TransientError
from bckcore.ports.clock import Clock
from bckcore.ports.storage import AttemptDirs, ProfileLock, Storage
from bckcore.ports.transport import PullReport, Transport, Watcher
from bckcore.ports.vault import Vault

TransportFor = Callable[[Host], Transport]
"""The transport that a host names. Raises NotFoundError when no plugin offers it."""

FIRST_BACKOFF = 5.0
LONGEST_BACKOFF = 120.0


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


class Puller:
    """Runs the transport for a source until it comes to its end or the error does not pass."""

    def __init__(
        self, *, storage: Storage, transport_for: TransportFor, vault: Vault, clock: Clock, random: Random
    ) -> None:
        self._storage = storage
        self._transport_for = transport_for
        self._vault = vault
        self._clock = clock
        self._random = random

    def key_of(self, host: Host) -> Secret[str] | None:
        """The host's private key, if it has one."""
        return self._vault.get(SecretRef(host.key)) if host.key else None

    def pull(
        self,
        run: Run,
        profile: Profile,
        host: Host,
        source: Source,
        *,
        lock: ProfileLock,
        watcher: Watcher,
        note: Callable[[Attempt], None],
    ) -> Pulled:
        """Pull one source. ``note`` is told of every attempt as it ends. Raises BckError."""
        transport, key = self._transport_for(host), self.key_of(host)
        number = 0
        while True:
            number += 1
            dirs = self._storage.begin_attempt(run.ref, run.id, source.name)
            order = _order(run, profile, host, source, dirs, number, lock)
            started = self._clock.now()
            watcher.log(f"Reading {source.name} ({source.path}), attempt {number}.")
            try:
                report = transport.pull(order, key, watcher)
            except BckError as error:
                self._storage.fold(dirs, gives_back=True)
                note(_attempt(source, number, started, self._clock, error))
                if not isinstance(error, TransientError) or number >= profile.options.attempts:
                    raise
                self._wait(number, error, watcher)
            else:
                self._storage.keep_displaced(dirs)
                note(_attempt(source, number, started, self._clock, None))
                return Pulled(source=source, attempt=dirs, report=report, retried=number > 1)

    def _wait(self, number: int, error: BckError, watcher: Watcher) -> None:
        seconds = backoff(number, self._random)
        watcher.log(f"{error.what} Trying again in {seconds:.0f} s.", level="warning")
        if self._clock.wait(seconds, until=watcher.is_cancelled):
            raise JobCancelledError("The job was cancelled while it waited to try again.")


def log_report(pulled: Pulled, watcher: Watcher) -> None:
    """What the attempt read, and each path that needs attention, in the job's log."""
    stats = pulled.report.stats
    received = f"{stats.bytes_sent} bytes received"
    seen = counted(stats.files_seen, "file")
    watcher.log(f"{pulled.source.name}: {seen} seen, {stats.files_sent} sent; {received}.")
    for problem in pulled.report.problems:
        where = f"{pulled.source.name}/{display(problem.path)}"
        watcher.log(f"{problem.kind.value}: {where}: {problem.message}", level="warning")
    hidden = pulled.report.problem_count - len(pulled.report.problems)
    if hidden > 0:
        watcher.log(f"{hidden} more problems in {pulled.source.name} are not listed.", level="warning")


def _order(
    run: Run,
    profile: Profile,
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
        filters=profile.excludes,
        options=profile.options,
        destination=dirs.destination,
        displaced_dir=dirs.displaced_dir,
        partial_dir=dirs.partial_dir,
        temp_dir=dirs.temp_dir,
        work_dir=dirs.work_dir,
        inherit_fds=(lock.fd,),
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
