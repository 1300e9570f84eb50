"""Check: compare what the storage holds with what catalog, receipts and digests say. It repairs nothing.

The one thing that it may enter: the digest of a live file that had none, where size and time agree.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from bckcore.domain.check import MOST_FINDINGS, Cause, CheckCounts, CheckReport, CheckRequest, Finding
from bckcore.domain.ids import ProfileId, SourceName
from bckcore.domain.profile import Profile
from bckcore.domain.secret import Secret
from bckcore.errors import BckError, JobCancelledError, LeaseLostError, NotFoundError, StorageError
from bckcore.ports.clock import Clock
from bckcore.ports.storage import Storage
from bckcore.ports.transport import Watcher
from bckcore.ports.unit_of_work import UnitOfWorkFactory
from bckcore.services.check_access import Access
from bckcore.services.check_books import BookCheck, Books, Known
from bckcore.services.check_extras import ExtraCheck
from bckcore.services.check_files import FileCheck
from bckcore.services.check_findings import Findings
from bckcore.services.check_host import HostCheck, HostReader, HostSample
from bckcore.services.check_manifests import ManifestCheck
from bckcore.services.recovery import Recovery


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """What the steps of one check share."""

    profile: Profile
    request: CheckRequest
    random: Random
    access: Access
    findings: Findings
    counts: CheckCounts
    password: Secret[str] | None


class CheckService:
    """Checks profiles. Thread-safe; a backup waits for a check only a moment at a time."""

    def __init__(
        self,
        *,
        units: UnitOfWorkFactory,
        storage: Storage,
        recovery: Recovery,
        host_reader: HostReader,
        clock: Clock,
        new_seed: Callable[[], int],
    ) -> None:
        self._units = units
        self._storage = storage
        self._recovery = recovery
        self._host_reader = host_reader
        self._clock = clock
        self._new_seed = new_seed

    def check(
        self,
        profile_id: ProfileId,
        request: CheckRequest,
        watcher: Watcher,
        password: Secret[str] | None = None,
    ) -> CheckReport:
        """Check one profile and say what is not as it must be.

        ``password`` is what came with the job, for a check against the host. What a crash left is put in
        order first, as before a restore, and told. Raises NotFoundError, JobCancelledError, StorageError
        where the storage as a whole cannot be read. A PC that cannot be asked is told in the report.
        """
        with self._units(read_only=True) as uow:
            profile = uow.profiles.get(profile_id)
        seed, started, counts = self._new_seed(), self._clock.now(), CheckCounts()
        access = Access(
            storage=self._storage,
            units=self._units,
            recovery=self._recovery,
            ref=profile.ref,
            watcher=watcher,
            clock=self._clock,
        )
        work = _Work(
            profile=profile,
            request=request,
            random=Random(seed),  # noqa: S311  # it chooses files, it keeps no secret
            access=access,
            findings=Findings(profile=profile_id, watcher=watcher),
            counts=counts,
            password=password,
        )
        host_error = self._carry_out(work)
        return CheckReport(
            profile=profile_id,
            request=request,
            seed=seed,
            started=started,
            finished=self._clock.now(),
            counts=counts,
            causes=dict(work.findings.causes),
            findings=tuple(work.findings)[:MOST_FINDINGS],
            host_error=host_error,
        )

    def _carry_out(self, work: _Work) -> BckError | None:
        known, sources = self._known(work)
        books = self._books(work, known)
        manifests = ManifestCheck(
            storage=self._storage,
            units=self._units,
            ref=work.profile.ref,
            books=books,
            findings=work.findings,
            counts=work.counts,
            pause=work.access.pause,
        )
        sample = HostSample(request=work.request, random=work.random)
        self._files(work, sources, manifests, sample)
        self._extras(work, sources, books, manifests)
        manifests.compare(_chosen([point.seq for point in known.points], work))
        return self._ask_host(work, sample) if work.request.against_host else None

    def _ask_host(self, work: _Work, sample: HostSample) -> BckError | None:
        """Compare with the PC; the reason if that is not possible, for the rest is worth telling."""
        check = HostCheck(
            units=self._units,
            storage=self._storage,
            reader=self._host_reader,
            profile=work.profile,
            access=work.access,
            findings=work.findings,
            counts=work.counts,
            password=work.password,
        )
        try:
            check.run(sample.chosen)
        except (JobCancelledError, LeaseLostError):
            raise
        except BckError as error:
            work.access.watcher.log(str(error), level="warning")
            return error
        return None

    def _known(self, work: _Work) -> tuple[Known, frozenset[SourceName]]:
        with work.access.held() as moment:
            known = Known.at(moment)
            states = moment.uow.catalog.source_states(work.profile.id)
            seqs = [point.seq for point in known.points]
            past = {name for seq in seqs for name in moment.uow.catalog.sources_at(work.profile.id, seq)}
        own = {source.name for source in work.profile.sources}
        return known, frozenset({*own, *states, *past})

    def _books(self, work: _Work, known: Known) -> Books:
        check = BookCheck(
            ref=work.profile.ref,
            known=known,
            lagging=bool(work.access.untidy),
            findings=work.findings,
            counts=work.counts,
            lines_of=lambda seq: self._lines(work.profile, seq),
        )
        for record in self._storage.records(work.profile.ref):
            work.access.pause()
            check.take(record)
        books = check.conclude()
        if work.access.untidy and not work.findings.causes:
            work.findings.add(
                Finding(
                    cause=Cause.CATALOG_DIFFERS,
                    profile=work.profile.id,
                    source=None,
                    path=b".",
                    place="database",
                    detail=work.access.untidy.rstrip("."),
                )
            )
        return books

    def _lines(self, profile: Profile, seq: int) -> int | None:
        try:
            return sum(1 for _ in self._storage.read_manifest(profile.ref, seq))
        except (NotFoundError, StorageError):
            return None

    def _files(
        self, work: _Work, sources: frozenset[SourceName], manifests: ManifestCheck, sample: HostSample
    ) -> None:
        files = FileCheck(
            storage=self._storage,
            units=self._units,
            access=work.access,
            ref=work.profile.ref,
            share=work.request.share,
            random=work.random,
            findings=work.findings,
            counts=work.counts,
            on_live=sample.offer,
        )
        for source in sorted(sources):
            files.run(source)
        manifests.settle(files.doubts)

    def _extras(
        self, work: _Work, sources: frozenset[SourceName], books: Books, manifests: ManifestCheck
    ) -> None:
        ExtraCheck(
            storage=self._storage,
            units=self._units,
            access=work.access,
            ref=work.profile.ref,
            books=books,
            manifests=manifests,
            findings=work.findings,
            counts=work.counts,
            sources=sources,
        ).run()


def _chosen(points: list[int], work: _Work) -> list[int]:
    """Points to be compared with the manifests: all, or one by chance."""
    if work.request.read_data or not points:
        return points
    return [work.random.choice(points)]
