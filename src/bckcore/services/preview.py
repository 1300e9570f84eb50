"""Preview: what a backup of a profile would do now, and what its filters leave out. Nothing is changed.

It takes no lock: it only reads ``current`` and the catalog, and what a backup changes meanwhile makes its
answer a little old, no more. Lists stay in files of a scratch folder; the answer is bounded.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

from bckcore.domain.credential import Credential
from bckcore.domain.file_version import EntryKind, FileEntry
from bckcore.domain.host import Host
from bckcore.domain.ids import ProfileId
from bckcore.domain.manifest import ChangeOp
from bckcore.domain.paths import ROOT, RelPath, display, parents
from bckcore.domain.preview import Coming, PreviewOrder, PreviewReport
from bckcore.domain.profile import Profile
from bckcore.domain.secret import Secret
from bckcore.domain.source import Source
from bckcore.domain.transfer import Phase, TransferProgress
from bckcore.errors import JobCancelledError
from bckcore.ports.catalog import Catalog, SourceState
from bckcore.ports.storage import Storage
from bckcore.ports.transport import PathFilterFactory, Transport, Watcher
from bckcore.ports.unit_of_work import UnitOfWorkFactory
from bckcore.services.credentials import Credentials
from bckcore.services.filtering import Sieve, all_rules, filter_of, sieve_of
from bckcore.services.host_rules import HostRules
from bckcore.services.missing import Missing
from bckcore.services.preview_sample import Sample, first_that_fit
from bckcore.services.pull import said_by_host
from bckcore.services.whole_sources import Reading, dropped, reading_of, require_something_read

MOST_RULES_TOLD = 100
MOST_TOO_LARGE = 100_000
BATCH = 2000
_Item = TypeVar("_Item")


@dataclass(kw_only=True)
class PreviewTally:
    """What was found so far, over all sources."""

    counts: Counter[Coming] = field(default_factory=Counter)
    bytes: int = 0
    """Of new and changed files, whole."""
    returning: int = 0
    """New paths whose copies are stored already: they were hidden or gone, and nothing of them is sent."""
    seen: int = 0
    seen_bytes: int = 0
    coming: Sample = field(default_factory=Sample)
    gone: Sample = field(default_factory=Sample)
    hidden: Sample = field(default_factory=Sample)
    rules: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How many each rule hides, by rule and the file on the PC that it comes from, if it does."""
    too_large: Sample = field(default_factory=Sample)
    problems: Sample = field(default_factory=Sample)
    left_out_stored: int = 0
    """Stored paths that the next run would take out of the state: a filter hides them."""
    suspect: list[str] = field(default_factory=list)
    dropped: Sequence[SourceState] = ()
    """Sources that the profile no longer has: the next run would take all of them out of the state."""

    def data(self) -> dict[str, object]:
        """As JSON."""
        told = (
            {"rule": rule, "file": file, "count": count}
            for (rule, file), count in self.rules.most_common(MOST_RULES_TOLD)
        )
        return {
            "new": self.counts[Coming.NEW],
            "changed": self.counts[Coming.CHANGED],
            "attributes": self.counts[Coming.ATTRIBUTES],
            "returning": self.returning,
            "bytes": self.bytes,
            "seen": {"files": self.seen, "bytes": self.seen_bytes},
            "paths": self.coming.data(),
            "gone": self.gone.data(),
            "excluded": {
                **self.hidden.data(),
                "stored": self.left_out_stored,
                "rules": first_that_fit(told),
            },
            "too_large": self.too_large.data(),
            "problems": self.problems.data(),
            "suspect": self.suspect,
            "dropped": [{"source": one.source, "paths": one.paths} for one in self.dropped],
        }


class PreviewService:
    """Thread-safe."""

    def __init__(
        self,
        *,
        units: UnitOfWorkFactory,
        storage: Storage,
        transport_for: Callable[[Host], Transport],
        credentials: Credentials,
        filters: PathFilterFactory,
    ) -> None:
        self._units = units
        self._storage = storage
        self._transport_for = transport_for
        self._credentials = credentials
        self._filters = filters

    def preview(
        self, profile_id: ProfileId, watcher: Watcher, password: Secret[str] | None = None
    ) -> PreviewTally:
        """Look at every source. ``password`` is what came with the job.

        Raises BckError; SourceMissingError, as the run would, where none of them could be read.
        """
        with self._units(read_only=True) as uow:
            profile = uow.profiles.get(profile_id)
            host = uow.hosts.get(profile.host)
        for source in profile.sources:
            host.require_allowed(source.path)
        filter_of(profile, host, self._filters)
        shown = partial(self._credentials.of, host, password, purpose="preview")
        tally, readings = PreviewTally(), list[Reading]()
        for source in profile.sources:
            if watcher.is_cancelled():
                raise JobCancelledError("The preview was cancelled.", meaning="It had changed nothing.")
            watcher.log(f"Looking at {source.name} ({source.path}).")
            with self._storage.scratch(profile.ref) as folder:
                look = _Look(profile=profile, host=host, source=source, folder=folder, tally=tally)
                readings.append(self._look(look, shown, watcher))
        require_something_read(readings)
        with self._units(read_only=True) as uow:
            tally.dropped = dropped(profile, uow.catalog.source_states(profile.id))
        return tally

    def _look(self, look: "_Look", shown: Callable[[], Credential | None], watcher: Watcher) -> Reading:
        transport = self._transport_for(look.host)
        stored = self._storage.current_folder(look.profile.ref, look.source.name)
        order = look.order(stored)
        watcher.progress(TransferProgress(phase=Phase.PREVIEWING, source=look.source.name))
        said = said_by_host(transport, shown, look.profile, order, self._filters, watcher)
        sieve = sieve_of(look.profile, look.host, self._filters, said)
        order = look.order(stored, all_rules(look.profile, said))
        report = transport.preview(order, shown(), watcher)
        problems = (*said.problems, *report.problems)
        for problem in problems:
            look.tally.problems.name(look.path(RelPath(problem.path)), detail=problem.message)
        look.tally.problems.count += said.problem_count + report.problem_count
        look.take_left_out(report, sieve, said)
        with self._units(read_only=True) as uow:
            new = look.take(report, uow.catalog, first=stored is None)
            if stored is not None:
                look.take_returning(report, uow.catalog, self._storage, new)
            prior = uow.catalog.source_states(look.profile.id).get(look.source.name)
            if prior is not None and prior.paths:
                look.missing(report, sieve, uow.catalog, prior.paths)
        return reading_of(report.paths, report.unlisted, problems)


@dataclass(kw_only=True)
class _Look:
    """One source."""

    profile: Profile
    host: Host
    source: Source
    folder: Path
    tally: PreviewTally

    def order(self, stored: Path | None, rules: tuple[str, ...] = ()) -> PreviewOrder:
        """``stored`` is where the newest copies lie; without it, everything is new."""
        work, nothing = self.folder / "work", self.folder / "nothing"
        for folder in (work, nothing):
            folder.mkdir(mode=0o700, exist_ok=True)
        return PreviewOrder(
            host=self.host,
            source=self.source,
            filters=rules or self.profile.rules,
            max_size=self.profile.filters.max_size,
            options=self.profile.options,
            destination=stored or nothing,
            work_dir=work,
        )

    def path(self, path: RelPath) -> str:
        """As people see it."""
        return self.source.name if path == ROOT else f"{self.source.name}/{display(path)}"

    def take(self, report: PreviewReport, catalog: Catalog, *, first: bool) -> AbstractSet[RelPath]:
        """What would be sent or set anew; those among it that the next run adds, but of a first one.

        New is what is not in the state, whatever stands in storage: as a run has it. ``first``: nothing
        stands there, and an empty folder was taken for the root.
        """
        tally, new = self.tally, set[RelPath]()
        for batch in _batches(iter(report.foreseen)):
            live = catalog.live(self.profile.id, self.source.name, [one.path for one in batch])
            for one in batch:
                coming = one.coming if one.path in live else Coming.NEW
                tally.counts[coming] += 1
                stored = one.coming is Coming.ATTRIBUTES  # its bytes, so they are not sent
                tally.bytes += 0 if stored else one.size
                tally.coming.add(self.path(one.path), change=coming.value, bytes=0 if stored else one.size)
                if coming is Coming.NEW and not first:
                    new.add(one.path)
                    tally.returning += stored
        return new

    def take_returning(
        self, report: PreviewReport, catalog: Catalog, storage: Storage, new: AbstractSet[RelPath]
    ) -> None:
        """What the next run adds, and nothing of it is sent: it was hidden or gone, and its copy stands."""
        unknown = catalog.unknown(self.profile.id, self.source.name, report.paths)
        back = (path for path in unknown if path not in new)
        for path, stored in storage.stat(self.profile.ref, self.source.name, back):
            if stored is not None:
                self.tally.counts[Coming.NEW] += 1
                self.tally.returning += 1
                self.tally.coming.add(self.path(path), change=Coming.NEW.value, bytes=0)

    def take_left_out(self, report: PreviewReport, sieve: Sieve, said: HostRules) -> None:
        """What is hidden or too large, and how much was looked at."""
        self.tally.seen += report.stats.files_seen
        self.tally.seen_bytes += report.stats.bytes_seen
        self._take_hidden(report, sieve, said)
        for path in report.too_large:
            self.tally.too_large.add(self.path(path))

    def _take_hidden(self, report: PreviewReport, sieve: Sieve, said: HostRules) -> None:
        files = dict(zip(said.rules, map(self.path, said.files), strict=True))
        for own in self.profile.excludes:  # they have the last word, also where a file says the same
            files.pop(own, None)
        for hidden in report.hidden:
            found = sieve.whole.rule(hidden.path, is_folder=hidden.is_folder) if sieve.whole else None
            rule = found or ""
            file = files.get(rule, "")
            self.tally.rules[rule, file] += 1
            name = self.path(hidden.path) + ("/" if hidden.is_folder else "")
            self.tally.hidden.add(name, rule=rule, file=file)

    def missing(self, report: PreviewReport, sieve: Sieve, catalog: Catalog, before: int) -> None:
        """What is stored and was not seen: gone, left out, or not to be told."""
        large = self._stored_and_too_large(report, catalog)
        gone = hidden = 0
        for entry in catalog.unseen(self.profile.id, self.source.name, report.paths):
            fate = _fate(entry, report, sieve, large)
            if fate is ChangeOp.GONE:
                self.tally.gone.add(self.path(entry.path))
                gone += 1
            elif fate is ChangeOp.EXCLUDED:
                self.tally.left_out_stored += 1
                hidden += _on_hosts_word(entry, sieve)
        seen = sum(1 for _ in islice(report.paths, 2))
        missing = Missing(
            source=self.source.name, paths=gone + hidden, hidden=hidden, of=before, emptied=seen <= 1 < before
        )
        if missing.suspect:
            self.tally.suspect.append(str(missing))

    def _stored_and_too_large(self, report: PreviewReport, catalog: Catalog) -> frozenset[RelPath]:
        found: set[RelPath] = set()
        for batch in _batches(iter(report.too_large)):
            found.update(catalog.live(self.profile.id, self.source.name, batch))
            if len(found) >= MOST_TOO_LARGE:
                break
        return frozenset(found)


def _fate(
    entry: FileEntry, report: PreviewReport, sieve: Sieve, large: frozenset[RelPath]
) -> ChangeOp | None:
    unproved = report.unlisted | report.vanished
    if unproved and any(place in unproved for place in (entry.path, *parents(entry.path))):
        return None
    is_folder = entry.kind is EntryKind.FOLDER
    if entry.path in large or sieve.hides(entry.path, is_folder=is_folder):
        return ChangeOp.EXCLUDED
    return None if len(large) >= MOST_TOO_LARGE else ChangeOp.GONE


def _on_hosts_word(entry: FileEntry, sieve: Sieve) -> bool:
    if sieve.hides(entry.path, is_folder=entry.kind is EntryKind.FOLDER):
        return sieve.on_hosts_word(entry)
    return sieve.was_within_limit(entry)


def _batches(items: Iterator[_Item]) -> Iterator[list[_Item]]:
    while batch := list(islice(items, BATCH)):
        yield batch
