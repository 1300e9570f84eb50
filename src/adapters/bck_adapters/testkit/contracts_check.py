"""What every Catalog promises to a check. Subclass and give the fixture ``database``."""

# A suite asserts, as tests do.
# ruff: noqa: S101

from dataclasses import replace

import pytest

from bckcore.domain.file_version import EntryKind, FileEntry, FileVersion
from bckcore.domain.ids import ProfileId, SourceName
from bckcore.domain.manifest import Change, ChangeOp
from bckcore.domain.paths import RelPath
from bckcore.errors import ConflictError
from bckcore.plugins.registry import Database

P, S = ProfileId("docs"), SourceName("home")
PATHS = (b".", b"a", b"a-b", b"a/b", b"b", b"\xff\n")


def _entry(path: bytes, size: int, digest: bytes = b"") -> FileEntry:
    return FileEntry(RelPath(path), EntryKind.FILE, 0o644, 1, 2, 3_000_000_004, size, digest=digest)


class CheckedCatalogContract:
    """Histories page by page, known paths, learned digests."""

    @pytest.fixture
    def database(self) -> Database:
        """A fresh, migrated database."""
        raise NotImplementedError

    @pytest.fixture
    def filled(self, database: Database) -> Database:
        """Every path at run 1, ``a/b`` changed by runs 2 to 5, ``b`` gone with run 3."""
        with database.units() as uow:
            uow.catalog.apply(P, 1, [Change(S, ChangeOp.ADDED, _entry(path, 1)) for path in PATHS])
            for seq in range(2, 6):
                uow.catalog.apply(P, seq, [Change(S, ChangeOp.CONTENT, _entry(b"a/b", seq))])
            uow.catalog.apply(P, 3, [Change(S, ChangeOp.GONE, _entry(b"b", 1))])
            uow.commit()
        return database

    @pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 100])
    def test_history_gives_every_version_of_whole_paths_in_order(self, filled: Database, limit: int) -> None:
        found: list[FileVersion] = []
        after: RelPath | None = None
        with filled.units(read_only=True) as uow:
            while page := uow.catalog.history(P, S, after=after, limit=limit):
                after = page[-1].entry.path
                assert len(page) <= limit or {version.entry.path for version in page} == {after}
                found += page
            by_path = [version for path in PATHS for version in uow.catalog.versions(P, S, RelPath(path))]
        assert found == by_path
        assert len(found) == 10

    def test_history_of_an_unknown_source_is_empty(self, filled: Database) -> None:
        with filled.units(read_only=True) as uow:
            assert not uow.catalog.history(P, SourceName("other"), after=None, limit=10)

    def test_known_are_paths_that_ever_stood_there(self, filled: Database) -> None:
        asked = [RelPath(path) for path in (b"a", b"b", b"never", b"a/", b"\xff\n")]
        with filled.units(read_only=True) as uow:
            assert uow.catalog.known(P, S, asked) == {b"a", b"b", b"\xff\n"}
            assert uow.catalog.known(P, S, []) == set()

    def test_newest_are_the_last_versions_live_or_ended(self, filled: Database) -> None:
        asked = [RelPath(path) for path in (b"a/b", b"b", b"never", b"\xff\n")]
        wanted = {b"a/b": _entry(b"a/b", 5), b"b": _entry(b"b", 1), b"\xff\n": _entry(b"\xff\n", 1)}
        with filled.units(read_only=True) as uow:
            assert dict(uow.catalog.newest(P, S, asked)) == wanted
            assert dict(uow.catalog.newest(P, S, [])) == {}
            assert dict(uow.catalog.newest(P, SourceName("other"), asked)) == {}
            assert dict(uow.catalog.newest(ProfileId("other"), S, asked)) == {}

    def test_newest_takes_ten_thousand_paths(self, filled: Database) -> None:
        asked = [RelPath(b"%05d" % number) for number in range(9_999)] + [RelPath(b"b")]
        with filled.units(read_only=True) as uow:
            assert list(uow.catalog.newest(P, S, asked)) == [b"b"]

    def test_learn_enters_a_digest_once_and_for_that_version_only(self, filled: Database) -> None:
        with filled.units(read_only=True) as uow:
            first, *rest = uow.catalog.versions(P, S, RelPath(b"a/b"))
        learned = replace(first, entry=replace(first.entry, digest=b"d" * 16))
        other = replace(first, entry=replace(first.entry, digest=b"e" * 16))
        grown = replace(rest[0], entry=replace(rest[0].entry, size=99, digest=b"f" * 16))
        with filled.units() as uow:
            assert uow.catalog.learn(P, [learned, grown]) == 1
            assert uow.catalog.learn(P, [other]) == 0
            uow.commit()
        with filled.units(read_only=True) as uow:
            assert list(uow.catalog.versions(P, S, RelPath(b"a/b"))) == [learned, *rest]

    def test_learn_needs_a_writing_unit(self, filled: Database) -> None:
        with filled.units(read_only=True) as uow:
            version = uow.catalog.versions(P, S, RelPath(b"a"))[0]
            with pytest.raises(ConflictError):
                uow.catalog.learn(P, [version])
