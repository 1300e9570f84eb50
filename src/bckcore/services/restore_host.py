"""Restore to the host: bring a point, or paths of it, back to the PC over its transport."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random

from bckcore.domain.host import Host, normal_posix_path
from bckcore.domain.ids import ProfileId, RunId, SecretRef, SourceName
from bckcore.domain.paths import ROOT, RelPath, parents
from bckcore.domain.profile import Profile
from bckcore.domain.push import Conflict, PushOrder, PushOutcome, PushReport, suffix_at
from bckcore.domain.restore_point import RestorePoint
from bckcore.errors import BckError, InvalidInputError, JobCancelledError, TransientError
from bckcore.ports.clock import Clock
from bckcore.ports.storage import StagedBatch, Storage
from bckcore.ports.transport import Watcher
from bckcore.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from bckcore.ports.vault import Vault
from bckcore.services.backup import LOCK_WAIT_SECONDS
from bckcore.services.points import chosen_point
from bckcore.services.pull import TransportFor, backoff
from bckcore.services.recovery import Recovery
from bckcore.services.restore_host_report import HostRestoreReport, HostRestoreWork
from bckcore.services.selection import Selection, entries_with_folders, selected_paths, there


class HostRestore:
    """Carries out restores to hosts. Thread-safe; one call per profile at a time, its lock sees to it."""

    def __init__(
        self,
        *,
        units: UnitOfWorkFactory,
        storage: Storage,
        recovery: Recovery,
        transport_for: TransportFor,
        vault: Vault,
        clock: Clock,
        random: Random,
    ) -> None:
        self._units = units
        self._storage = storage
        self._recovery = recovery
        self._transport_for = transport_for
        self._vault = vault
        self._clock = clock
        self._random = random

    def check_request(
        self, profile_id: ProfileId, *, point: str, paths: Sequence[bytes] = (), host_dir: str | None = None
    ) -> RestorePoint:
        """Raise what :meth:`restore` would raise for this request, before a job is made of it."""
        with self._units(read_only=True) as uow:
            profile = uow.profiles.get(profile_id)
            host = uow.hosts.get(profile.host)
            chosen = chosen_point(uow.points.list(profile_id), point)
            _targets(profile, host, _wanted(uow, profile, chosen, paths), host_dir)
            return chosen

    def restore(
        self,
        profile_id: ProfileId,
        *,
        point: str,
        paths: Sequence[bytes] = (),
        host_dir: str | None = None,
        conflict: Conflict = Conflict.KEEP_BOTH,
        dry_run: bool = False,
        watcher: Watcher,
    ) -> HostRestoreReport:
        """Bring the chosen paths of a point (none: all) back to the profile's host.

        Without ``host_dir`` they go in place, each source to its own folder; with it, to
        ``host_dir``/<source>/…, a full path on the host. The host's allow-list must cover either.
        ``conflict`` says what becomes of files that are in the way; nothing else on the host is touched. A
        dry run changes nothing there. Asked again after a cut or a cancel, it goes on: what is there
        exactly so is not sent twice.

        Raises NotFoundError, InvalidInputError, PathNotAllowedError (nothing was changed), what the transport
        raises, StoreBusyError, StoreFullError (no room to get files ready), JobCancelledError; what was
        written so far stays.
        """
        with self._units(read_only=True) as uow:
            profile = uow.profiles.get(profile_id)
            host = uow.hosts.get(profile.host)
        with self._storage.lock(profile.ref, wait_seconds=LOCK_WAIT_SECONDS) as lock:
            for sentence in self._recovery.tidy(profile.ref):
                watcher.log(sentence, level="warning")
            with self._units(read_only=True) as uow:
                chosen = chosen_point(uow.points.list(profile_id), point)
                wanted = _wanted(uow, profile, chosen, paths)
                targets = _targets(profile, host, wanted, host_dir)
                wanted, missing = there(uow.catalog, chosen, wanted)
                work = HostRestoreWork(chosen, targets, dry_run, watcher)
                work.missed(missing)
                pushing = _Pushing(profile, host, conflict, suffix_at(self._clock.now()), (lock.fd,))
                increments = [run.id for run in uow.runs.increments(profile_id, after_seq=chosen.seq)]
                for name, tops in wanted.items():
                    self._push_source(uow, pushing, name, tops, increments, work)
        return work.report()

    def _push_source(
        self,
        uow: UnitOfWork,
        pushing: "_Pushing",
        name: SourceName,
        tops: list[RelPath],
        increments: Sequence[RunId],
        work: HostRestoreWork,
    ) -> None:
        made: frozenset[RelPath] = frozenset()
        entries = entries_with_folders(uow.catalog, work.point, name, tops)
        with self._storage.stage(pushing.profile.ref, name, entries, increments) as batches:
            for batch in batches:
                work.begin(name, batch)
                order = pushing.order(work, batch, frozenset(tops), made)
                report = self._pushed(pushing, order, work)
                work.take(report, batch)
                made = _still_open(made, report, batch)

    def _pushed(self, pushing: "_Pushing", order: PushOrder, work: HostRestoreWork) -> PushReport:
        """Push one batch, again where the error may pass. Raises BckError."""
        host = pushing.host
        transport = self._transport_for(host)
        key = self._vault.get(SecretRef(host.key)) if host.key else None
        number = 0
        while True:
            number += 1
            try:
                return transport.push(order, key, work)
            except TransientError as error:
                if number >= pushing.profile.options.attempts:
                    raise
                self._wait(number, error, work)

    def _wait(self, number: int, error: BckError, watcher: Watcher) -> None:
        seconds = backoff(number, self._random)
        watcher.log(f"{error.what} Trying again in {seconds:.0f} s.", level="warning")
        if self._clock.wait(seconds, until=watcher.is_cancelled):
            raise JobCancelledError("The restore was cancelled while it waited to try again.")


@dataclass(frozen=True, slots=True)
class _Pushing:
    """What all orders of one restore have in common."""

    profile: Profile
    host: Host
    conflict: Conflict
    suffix: str
    inherit_fds: tuple[int, ...]

    def order(
        self, work: HostRestoreWork, batch: StagedBatch, tops: frozenset[RelPath], made: frozenset[RelPath]
    ) -> PushOrder:
        folders = batch.folders | {ROOT}
        chosen = {path for path in batch.folders if path in tops or not tops.isdisjoint(parents(path))}
        return PushOrder(
            host=self.host,
            target_path=work.targets[work.source],
            label=work.source,
            origin=batch.origin,
            work_dir=batch.work_dir,
            conflict=self.conflict,
            suffix=self.suffix,
            options=self.profile.options,
            dry_run=work.dry_run,
            frame=frozenset(folders - chosen),
            made=made,
            inherit_fds=self.inherit_fds,
        )


def _still_open(made: frozenset[RelPath], report: PushReport, batch: StagedBatch) -> frozenset[RelPath]:
    """Of the folders made so far, those that stand in later batches too, by the order of paths."""
    new = {one.path for one in report.paths if one.is_folder and one.outcome is PushOutcome.CREATED}
    return frozenset(path for path in made | new if path == ROOT or batch.last < path + b"0")


def _wanted(uow: UnitOfWork, profile: Profile, point: RestorePoint, paths: Sequence[bytes]) -> Selection:
    names = uow.catalog.sources_at(profile.id, point.seq)
    return selected_paths(profile, paths, names) if paths else {name: [ROOT] for name in names}


def _targets(
    profile: Profile, host: Host, names: Iterable[SourceName], host_dir: str | None
) -> dict[SourceName, str]:
    """The folder on the host for each source. Raises InvalidInputError, PathNotAllowedError."""
    targets = {}
    places = {source.name: source.path for source in profile.sources}
    for name in names:
        if host_dir is not None:
            targets[name] = f"{normal_posix_path(host_dir).rstrip('/')}/{name}"
        elif name in places:
            targets[name] = places[name]
        else:
            raise InvalidInputError(
                f"{name} is no source of {profile.id} any more, so it has no place on {host.id}.",
                advice="Name a folder on the host to restore into, or leave this source out.",
            )
        host.require_allowed(targets[name])
    return targets
