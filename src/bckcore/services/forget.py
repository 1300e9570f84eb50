"""Forget: remove a path from ``current`` and all of history, on purpose and for good.

The act is durable first and takes the path out of the catalog; then the bytes go, everywhere. A crash in
between is finished by the next start. Manifests and receipts are chained and stay as they are: names, sizes
and digests of what was forgotten can still be read in them.
"""

import re
from collections.abc import Container, Iterable
from dataclasses import dataclass

from bckcore.domain.act import Act, ActKind
from bckcore.domain.file_version import EntryKind
from bckcore.domain.hold import Hold
from bckcore.domain.host import Host
from bckcore.domain.ids import ProfileId, SourceName, checked_name
from bckcore.domain.job import Job
from bckcore.domain.paths import ROOT, RelPath, display
from bckcore.domain.profile import Profile
from bckcore.domain.restore_point import RestorePoint
from bckcore.domain.wording import counted
from bckcore.errors import InvalidInputError, NotFoundError, RefusedError
from bckcore.ports.catalog import Catalog
from bckcore.ports.job_queue import Claim
from bckcore.ports.put_back import StoredPlace
from bckcore.ports.storage import Storage
from bckcore.ports.transport import PathFilterFactory, Watcher
from bckcore.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from bckcore.services.acts import Acts
from bckcore.services.filtering import filter_of
from bckcore.services.history_requests import ForgetRequest
from bckcore.services.ledger import Ledger
from bckcore.services.recovery import Recovery
from bckcore.services.selection import selected_paths
from bckcore.services.stopping import require_wanted

_SPECIAL = re.compile(r"([*?\[\\])")


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetPlan:
    """What is held of a path, and what forgetting it comes to."""

    source: SourceName
    path: RelPath
    places: tuple[StoredPlace, ...]
    """``current`` first, then increments by age."""
    points: tuple[RestorePoint, ...]
    """Kept points that show the path, or something below it."""
    holds: tuple[Hold, ...]
    """Holds on such points; they do not keep the path."""
    comes_back: bool
    """True if the profile still covers the path: a backup stores it again where the PC has it."""
    rule: str
    """An exclude rule that keeps it out; empty where none is needed, or none can say it."""

    @property
    def name(self) -> str:
        """The path for people."""
        return self.source if self.path == ROOT else f"{self.source}/{display(self.path)}"

    @property
    def files(self) -> int:
        """How many stored files go."""
        return sum(place.files for place in self.places)

    @property
    def bytes(self) -> int:
        """How many bytes they have; files that share their bytes count each."""
        return sum(place.bytes for place in self.places)


class ForgetService:
    """Thread-safe: one call per profile at a time, the storage lock sees to it."""

    def __init__(
        self,
        *,
        units: UnitOfWorkFactory,
        storage: Storage,
        acts: Acts,
        ledger: Ledger,
        recovery: Recovery,
        filters: PathFilterFactory,
    ) -> None:
        self._units = units
        self._storage = storage
        self._acts = acts
        self._ledger = ledger
        self._recovery = recovery
        self._filters = filters

    def check(self, profile_id: ProfileId, path: bytes) -> tuple[SourceName, RelPath]:
        """Which path is meant. A source that only the storage knows goes by its name, too.

        Raises NotFoundError for an unknown profile, InvalidInputError for a path in no source, RefusedError
        for a whole source that the profile still has, StorageError.
        """
        with self._units(read_only=True) as uow:
            return self._located(uow, uow.profiles.get(profile_id), path)

    def plan(self, profile_id: ProfileId, path: bytes) -> ForgetPlan:
        """What :meth:`forget` would remove now; changes nothing.

        Raises what :meth:`check` raises, and NotFoundError where nothing is held of the path.
        """
        with self._units(read_only=True) as uow:
            profile = uow.profiles.get(profile_id)
            host = uow.hosts.get(profile.host)
            source, rel = self._located(uow, profile, path)
            points = [
                point for point in uow.points.list(profile_id) if _shows(uow.catalog, point, source, rel)
            ]
            versions = uow.catalog.versions(profile_id, source, rel)
            seqs = {point.seq for point in points}
            holds = [hold for hold in uow.holds.list(profile_id) if hold.seq in seqs]
        places = self._storage.places_of(profile.ref, source, rel)
        if not (places or points or versions):
            raise NotFoundError(
                f"Nothing is stored of {display(path)}.",
                advice=f"Give SOURCE/path, as 'bck ls {profile_id}' shows it.",
            )
        is_folder = bool(versions) and versions[-1].entry.kind is EntryKind.FOLDER
        rule = self._rule(profile, host, source, rel, is_folder=is_folder)
        return ForgetPlan(
            source=source,
            path=rel,
            places=tuple(places),
            points=tuple(points),
            holds=tuple(holds),
            comes_back=rule is not None,
            rule=rule or "",
        )

    def forget(self, claim: Claim, watcher: Watcher) -> ForgetPlan:
        """Carry out the claimed job; return what was removed. Once the act stands there is no way back.

        Raises what :meth:`plan` raises, StoreBusyError, StoreFullError before anything changed, StorageError,
        JobCancelledError (likewise), LeaseLostError; what is left is removed by the next start.
        """
        with self._units(read_only=True) as uow:
            ref = uow.profiles.get(claim.job.profile).ref
        request = ForgetRequest.of(claim.job)
        with self._storage.lock(ref):
            for sentence in self._recovery.recover(ref):
                watcher.log(sentence, level="warning")
            done = self._done_before(claim, request)
            if done is not None:
                watcher.log(f"{done.name} was removed already, before another runner took this job up.")
                return done
            require_wanted(watcher, "forgetting")
            plan = self.plan(claim.job.profile, request.path)
            watcher.log(f"Forgetting {plan.name}, as {claim.job.requested_by} asked: {request.reason}")
            self._acts.record(
                ref,
                ActKind.FORGET,
                by=claim.job.requested_by,
                reason=request.reason,
                points=[point.seq for point in plan.points],
                paths=[(plan.source, plan.path)],
                claim=claim,
            )
            self._storage.remove_path(ref, plan.source, plan.path)
            self._storage.settle(ref)  # nobody is told that it is gone while a power cut may bring it back
            self._ledger.catch_up(ref)  # counts the source anew
        for line in told(plan):
            watcher.log(line)
        return plan

    def _done_before(self, claim: Claim, request: ForgetRequest) -> ForgetPlan | None:
        """An empty plan if a runner died over this job after its act was written; recovery did the rest.

        Others may have done something to the history since. The same, asked for by the same person for the
        same reason and done since this job was asked for, is what it asks for, too.
        """
        job = claim.job
        if job.claims <= 1:
            return None
        with self._units(read_only=True) as uow:
            acts = [act for act in uow.acts.list(job.profile) if _is_own(act, job, request)]
            # What was forgotten may have been all that told of its source.
            names = [name for act in acts for name, _ in act.paths]
            profile = uow.profiles.get(job.profile)
            source, path = self._located(uow, profile, request.path, also=names)
        if ((source, path),) not in [act.paths for act in acts]:
            return None
        return ForgetPlan(source=source, path=path, places=(), points=(), holds=(), comes_back=False, rule="")

    def _located(
        self, uow: UnitOfWork, profile: Profile, path: bytes, *, also: Iterable[SourceName] = ()
    ) -> tuple[SourceName, RelPath]:
        present = {one.name for one in profile.sources}
        known = {*present, *uow.catalog.source_states(profile.id), *also}
        chosen = selected_paths(profile, [path], {*known, *self._only_stored(profile, path, known)})
        [(source, [rel])] = chosen.items()
        if rel == ROOT and source in present:
            raise RefusedError(
                f"{source} is a whole source of {profile.id}, which still has it.",
                meaning="Its backup would be lost as a whole. Nothing was changed.",
                advice="Name a path in it, or take the source out of the profile first.",
            )
        return source, rel

    def _only_stored(self, profile: Profile, path: bytes, known: Container[SourceName]) -> list[SourceName]:
        """The source that the path begins with, if the storage has files of it that no manifest tells of.

        Failed runs of a source that was dropped later leave such files; a rebuild does not learn of them.
        """
        try:
            name = SourceName(checked_name(path.partition(b"/")[0].decode("ascii"), "source"))
        except (UnicodeDecodeError, InvalidInputError):
            return []
        if name in known or not self._storage.places_of(profile.ref, name, ROOT):
            return []
        return [name]

    def _rule(
        self, profile: Profile, host: Host, source: SourceName, path: RelPath, *, is_folder: bool
    ) -> str | None:
        """None if the profile does not cover the path; empty if no rule can name it."""
        if path == ROOT or source not in {one.name for one in profile.sources}:
            return None
        own = filter_of(profile, host, self._filters)
        if own is not None and own.excludes(path, is_folder=is_folder):
            return None
        try:
            rule = "/" + _SPECIAL.sub(r"\\\1", path.decode("utf-8"))
        except UnicodeDecodeError:
            return ""
        if rule.endswith(" "):
            rule = rule[:-1] + "\\ "
        try:
            fits = "\n" not in rule and self._filters((rule,)).excludes(path, is_folder=is_folder)
        except InvalidInputError:
            fits = False
        return rule if fits else ""


def told(plan: ForgetPlan) -> list[str]:
    """What a person must know afterwards."""
    lines = [
        f"{plan.name}: {counted(plan.files, 'stored file')} of {plan.bytes} bytes removed from "
        f"{counted(len(plan.places), 'place')}; {len(plan.points)} points no longer show it.",
        "Its names, sizes and digests stay in earlier manifests: they are chained and cannot be changed.",
    ]
    if plan.comes_back:
        rule = f"Exclude it: {plan.rule}" if plan.rule else "Exclude it with a pattern that fits its name"
        lines.append(f"The next backup stores it again if the PC still has it. {rule}")
    return lines


def _is_own(act: Act, job: Job, request: ForgetRequest) -> bool:
    """True for an act that the job, asked for so, may have left."""
    same = (act.kind, act.by, act.reason) == (ActKind.FORGET, job.requested_by, request.reason)
    return same and act.at >= job.created


def _shows(catalog: Catalog, point: RestorePoint, source: SourceName, path: RelPath) -> bool:
    return next(iter(catalog.entries(point.profile, point.seq, source, [path])), None) is not None
