"""Cost follows the change (L7): a quiet run asks neither the storage nor the catalog about any path."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import pytest

from bck_adapters.memory import MemoryDatabase, SettableClock
from bck_adapters.memory.catalog import MemoryCatalog
from bck_adapters.storage_fs import FsStorage
from bckcore.domain.file_version import EntryKind, FileEntry
from bckcore.domain.ids import HostId, ProfileId, SourceName
from bckcore.domain.manifest import Change, ChangeOp
from bckcore.domain.paths import ROOT, RelPath
from bckcore.domain.run import ProfileRef
from bckcore.domain.transfer import Seen
from bckcore.ports.catalog import SourceState
from bckcore.ports.storage import Storage
from bckcore.ports.transport import PullReport
from bckcore.services.filtering import Sieve
from bckcore.services.fingerprint import fingerprint
from bckcore.services.ingest import SourceIngest
from tests.support.values import entry

PROFILE, DOCS = ProfileId("docs"), SourceName("docs")
REF = ProfileRef(host=HostId("pc1"), profile=PROFILE)
COUNT = 3000


class Listed:
    """A listing from two lists."""

    def __init__(self, paths: Sequence[RelPath], changes: Sequence[Seen] = ()) -> None:
        self._paths, self._changes = paths, changes

    def paths(self) -> Iterator[RelPath]:
        """See the port."""
        return iter(self._paths)

    def changes(self) -> Iterator[Seen]:
        """See the port."""
        return iter(self._changes)


class Asked(FsStorage):
    """A storage that holds what it is told and counts the questions."""

    def __init__(self, held: Mapping[RelPath, FileEntry]) -> None:
        self.held = held
        self.asked = 0

    def stat(
        self, ref: ProfileRef, source: SourceName, paths: Iterable[RelPath]
    ) -> Iterator[tuple[RelPath, FileEntry | None]]:
        """See the port."""
        for path in paths:
            self.asked += 1
            yield path, self.held.get(path)


class Counted(MemoryCatalog):
    """A catalog that counts the paths it is asked about."""

    asked = 0

    def live(
        self, profile: ProfileId, source: SourceName, paths: Sequence[RelPath]
    ) -> Mapping[RelPath, FileEntry]:
        """See the port."""
        Counted.asked += len(paths)
        return super().live(profile, source, paths)


class Tree:
    """A source of many files, known to the catalog and standing in the storage."""

    def __init__(self, count: int = COUNT) -> None:
        root = FileEntry(ROOT, EntryKind.FOLDER, 0o755, 1000, 1000, 7, 0)
        files = [entry(b"%03d/%06d" % (number % 500, number)) for number in range(count)]
        self.entries = {one.path: one for one in (root, *files)}
        self.storage = Asked(self.entries)
        self.database = MemoryDatabase(SettableClock())
        with self.database.units() as uow:
            uow.catalog.apply(
                PROFILE, 1, (Change(DOCS, ChangeOp.ADDED, one) for one in self.entries.values())
            )
            uow.commit()
        total, paths = fingerprint(self.entries)
        self.state = SourceState(
            source=DOCS, fingerprint=total, paths=paths, files=count, bytes=count, interrupted=False
        )
        Counted.asked = 0

    def ingest(
        self, listing: Listed, storage: Storage | None = None, *, compare_all: bool = False
    ) -> SourceIngest:
        """An ingest of that listing."""
        with self.database.units(read_only=True) as uow:
            catalog = Counted(uow.catalog._session)
        catalog._session.begin()
        return SourceIngest(
            catalog=catalog,
            storage=storage or self.storage,
            ref=REF,
            source=DOCS,
            prior=self.state,
            report=PullReport(listing=listing),
            compare_all=compare_all,
            sieve=Sieve(),
        )


@pytest.fixture
def tree() -> Tree:
    return Tree()


def test_a_quiet_run_asks_about_no_path(tree: Tree) -> None:
    ingest = tree.ingest(Listed(list(tree.entries)))
    assert list(ingest.changes()) == []
    assert (tree.storage.asked, Counted.asked) == (0, 0)
    assert ingest.state == tree.state


def test_the_order_of_the_listing_means_nothing(tree: Tree) -> None:
    ingest = tree.ingest(Listed(list(reversed(tree.entries))))
    assert list(ingest.changes()) == []
    assert tree.storage.asked == 0


def test_a_run_with_few_hints_asks_about_those_only(tree: Tree) -> None:
    changed = [RelPath(b"%03d/%06d" % (number, number)) for number in (1, 7, 9)]
    held = tree.entries | {path: entry(path, size=2, mtime_ns=9) for path in changed}
    storage = Asked(held)
    hints = [Seen(path, EntryKind.FILE, 2, 0, b"") for path in changed]
    ingest = tree.ingest(Listed(list(tree.entries), hints), storage)
    assert [(change.op, change.entry.size) for change in ingest.changes()] == [(ChangeOp.CONTENT, 2)] * 3
    assert (storage.asked, Counted.asked) == (3, 3)
    assert (ingest.counts.changed, ingest.counts.bytes) == (3, COUNT + 3)


def test_after_an_interrupted_run_every_path_is_compared_once(tree: Tree) -> None:
    ingest = tree.ingest(Listed(list(tree.entries)), compare_all=True)
    assert list(ingest.changes()) == []
    assert tree.storage.asked == len(tree.entries)


def test_the_fingerprint_after_a_run_is_that_of_what_is_left(tree: Tree) -> None:
    gone = RelPath(b"001/000001")
    new = RelPath(b"new")
    left = [path for path in tree.entries if path != gone] + [new]
    storage = Asked(tree.entries | {new: entry(new)})
    ingest = tree.ingest(Listed(left, [Seen(new, EntryKind.FILE, 1, 0, b"")]), storage)
    assert {(change.op, change.entry.path) for change in ingest.changes()} == {
        (ChangeOp.ADDED, new),
        (ChangeOp.GONE, gone),
    }
    assert (ingest.state.fingerprint, ingest.state.paths) == fingerprint(left)
    assert storage.asked == 1
