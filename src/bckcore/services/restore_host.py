"""Restore to the host: bring a point, or paths of it, back to the PC over its transport."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from random import Random

from bckcore.domain.host import Host
from bckcore.domain.host_path import typed_path
from bckcore.domain.ids import ProfileId, SourceName
from bckcore.domain.paths import ROOT, RelPath, parents
from bckcore.domain.profile import Profile
from bckcore.domain.push import Conflict, PushOrder, PushOutcome, PushReport, suffix_at
from bckcore.domain.restore import RestoreOptions
from bckcore.domain.restore_point import RestorePoint
from bckcore.domain.secret import Secret
from bckcore.errors import BckError, InvalidInputError, JobCancelledError, TransientError
from bckcore.ports.clock import Clock
from bckcore.ports.storage import ProfileLock, StagedBatch, Storage
from bckcore.ports.transport import Watcher
from bckcore.ports.unit_of_work import UnitOfWorkFactory
from bckcore.services.credentials import Credentials
from bckcore.services.own_ground import Borders
from bckcore.services.pull import TransportFor, backoff
from bckcore.services.recovery import Recovery
from bckcore.services.restorable import HeldPoint, Restorable
from bckcore.services.restore_host_report import HostRestoreReport, HostRestoreWork
from bckcore.services.selection import selected_paths
from bckcore.services.stopping import require_wanted
from bckcore.services.time_limit import TimeLimit, time_of_restore


class HostRestore:
    """Carries out restores to hosts. Thread-safe; one call per profile at a time, its lock sees to it."""

    def __init__(
        self,
        *,
        units: UnitOfWorkFactory,
        storage: Storage,
        recovery: Recovery,
        transport_for: TransportFor,
        borders: Borders,
        credentials: Credentials,
        clock: Clock,
        random: Random,
    ) -> None:
        self._units = units
        self._storage = storage
        self._restorable = Restorable(units=units, storage=storage, recovery=recovery)
        self._transport_for = transport_for
        self._borders = borders
        self._credentials = credentials
        self._clock = clock
        self._random = random

    def check_request(
        self,
        profile_id: ProfileId,
        *,
        point: str,
        paths: Sequence[bytes] = (),
        host_dir: str | None = None,
        include_deleted: bool = False,
    ) -> RestorePoint:
        """Raise what :meth:`restore` would raise for this request, before a job is made of it."""
        chosen = self._restorable.check(profile_id, point, paths, include_deleted=include_deleted)
        with self._units(read_only=True) as uow:
            profile = uow.profiles.get(profile_id)
            host = uow.hosts.get(profile.host)
            host.require_enrolled()
            names = uow.catalog.sources_at(profile_id, chosen.seq)
            if paths:
                names = list(selected_paths(profile, paths, uow.catalog.source_states(profile_id)))
            _targets(profile, host, names, host_dir, self._borders)
        return chosen

    def restore(
        self,
        profile_id: ProfileId,
        *,
        point: str,
        paths: Sequence[bytes] = (),
        host_dir: str | None = None,
        options: RestoreOptions | None = None,
        dry_run: bool = False,
        watcher: Watcher,
        password: Secret[str] | None = None,
    ) -> HostRestoreReport:
        """Bring the chosen paths of a point (none: all) back to the profile's host.

        Without ``host_dir`` they go in place, each source to its own folder; with it, to
        ``host_dir``/<source>/…, a full path on the host. The host's allow-list must cover either; on a host
        that is this machine it is apart from what is the installation's own.
        ``options.conflict`` says what becomes of files that are in the way (unsaid: both are kept);
        nothing else on the host is touched. ``password`` is what came with the job to enter it.
        A dry run changes nothing there. Asked again after a cut or a cancel, it goes on: what is there
        exactly so is not sent twice. Files up to 256 KiB, with ``options.verify`` all, are compared with
        their digest first; one that differs is not sent and is a problem. The storage stays locked until
        the end. The profile's time for a whole run is that of the whole restore, with all its batches,
        attempts and the waits between them.

        Raises NotFoundError, InvalidInputError, PathNotAllowedError (nothing was changed), what the
        transport raises, TransferTimeoutError, StoreBusyError, StoreFullError (no room to get files ready),
        JobCancelledError; what was written so far stays.
        """
        options = options or RestoreOptions()
        conflict = options.conflict or Conflict.KEEP_BOTH
        with self._restorable.held(
            profile_id,
            point,
            paths,
            include_deleted=options.include_deleted,
            tell=lambda sentence: watcher.log(sentence, level="warning"),
        ) as held:
            require_wanted(watcher, "restore")
            with self._units(read_only=True) as uow:
                host = uow.hosts.get(held.profile.host)
            targets = _targets(held.profile, host, held.selection, host_dir, self._borders)
            work = HostRestoreWork(held.point, targets, dry_run, watcher, self._clock)
            work.missed(held.missing)
            suffix = suffix_at(self._clock.now())
            limit = time_of_restore(held.profile, self._clock)
            pushing = _Pushing(
                held.profile, host, conflict, suffix, options.verify, password, limit, held.lock
            )
            for name in held.selection:
                work.begin(name)
                self._push_source(held, pushing, name, work)
        return work.report()

    def _push_source(
        self, held: HeldPoint, pushing: "_Pushing", name: SourceName, work: HostRestoreWork
    ) -> None:
        made: frozenset[RelPath] = frozenset()
        tops = frozenset(held.selection[name])
        wanted = work.followed(held.wanted(name, work.blocked))
        staged = self._storage.stage(
            held.profile.ref, name, wanted, held.increments, work.moved, verify=pushing.verify
        )
        with staged as batches:
            for batch in batches:
                report = self._pushed(pushing, pushing.order(work, batch, tops, made), work)
                work.take(report, batch)
                made = _still_open(made, report, batch)

    def _pushed(self, pushing: "_Pushing", order: PushOrder, work: HostRestoreWork) -> PushReport:
        """Push one batch, again where the error may pass. Raises BckError."""
        host = pushing.host
        transport = self._transport_for(host)
        shown = partial(self._credentials.of, host, pushing.password, purpose="restore")
        number = 0
        while True:
            number += 1
            left = replace(order.options, total_timeout=pushing.limit.left())
            try:
                return transport.push(replace(order, options=left), shown(), work)
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
    verify: bool
    password: Secret[str] | None
    limit: TimeLimit
    lock: ProfileLock

    def order(
        self, work: HostRestoreWork, batch: StagedBatch, tops: frozenset[RelPath], made: frozenset[RelPath]
    ) -> PushOrder:
        folders = batch.folders | {ROOT}
        chosen = {path for path in batch.folders if path in tops or not tops.isdisjoint(parents(path))}
        return PushOrder(
            inherit_fds=(self.lock.fd,),
            on_group=self.lock.note_group,
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
        )


def _still_open(made: frozenset[RelPath], report: PushReport, batch: StagedBatch) -> frozenset[RelPath]:
    """Of the folders made so far, those that stand in later batches too, by the order of paths."""
    new = {one.path for one in report.paths if one.is_folder and one.outcome is PushOutcome.CREATED}
    return frozenset(path for path in made | new if path == ROOT or batch.last < path + b"0")


def _targets(
    profile: Profile, host: Host, names: Iterable[SourceName], host_dir: str | None, borders: Borders
) -> dict[SourceName, str]:
    """The folder on the host for each source. Raises InvalidInputError, PathNotAllowedError."""
    targets = {}
    places = {source.name: source.path for source in profile.sources}
    for name in names:
        if host_dir is not None:
            targets[name] = f"{typed_path(host_dir, host.platform).text.rstrip('/')}/{name}"
        elif name in places:
            targets[name] = places[name]
        else:
            raise InvalidInputError(
                f"{name} is no source of {profile.id} any more, so it has no place on {host.id}.",
                advice="Name a folder on the host to restore into, or leave this source out.",
            )
        host.require_allowed(targets[name])
        borders.require_target(host, targets[name])
    return targets
