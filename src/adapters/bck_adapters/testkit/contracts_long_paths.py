"""What every Catalog promises of paths as long as file systems take. Subclass and give ``database``."""

# A suite asserts, as tests do.
# ruff: noqa: S101

from collections.abc import Iterable, Iterator
from dataclasses import replace

import pytest

from bck_adapters.testkit.contracts_catalog import P, S, added, paths_of
from bck_adapters.testkit.samples import long_path, sample_entry
from bckcore.domain.file_version import EntryKind, FileEntry, FileVersion
from bckcore.domain.manifest import Change, ChangeOp
from bckcore.domain.paths import ROOT, RelPath, is_below, rel_path
from bckcore.domain.pattern import Pattern
from bckcore.plugins.registry import Database

LENGTHS = (*range(2_599, 2_603), 2_704, 2_800, 4_000, 4_095, 9_000)
NAMES = (b"x", b"x-", b"x/deep", b"x0", b"\xff")
PATHS = tuple(
    sorted(
        rel_path(raw)
        for raw in (b"a", b"\xff", *(long_path(length, name) for length in LENGTHS for name in NAMES))
    )
)
"""Incompressible; those of about the same length differ in the last bytes only."""
ENTRIES = tuple(sample_entry(path, number) for number, path in enumerate(PATHS))
CHANGED = tuple(sample_entry(path, number + 1) for number, path in enumerate(PATHS))
FOLDER = rel_path(long_path(3_000, b"folder"))
"""Everything in it begins with the same bytes, more of them than an index may hold."""


def _changes(op: ChangeOp, entries: Iterable[FileEntry]) -> Iterator[Change]:
    return (Change(S, op, entry) for entry in entries)


def _listed(versions: Iterable[FileVersion]) -> list[bytes]:
    return [version.entry.path for version in versions]


class LongPathsContract:
    """Entered, found, ended and dropped as any other."""

    @pytest.fixture
    def database(self) -> Database:
        """A fresh, migrated database."""
        raise NotImplementedError

    @pytest.fixture
    def filled(self, database: Database) -> Database:
        """Every path at run 1; every other one changed by run 2, every third gone with run 3."""
        with database.units() as uow:
            uow.catalog.apply(P, 1, added(*reversed(ENTRIES)))
            uow.catalog.apply(P, 2, _changes(ChangeOp.CONTENT, CHANGED[::2]))
            uow.catalog.apply(P, 3, _changes(ChangeOp.GONE, ENTRIES[::3]))
            uow.catalog.apply(P, 3, _changes(ChangeOp.GONE, ENTRIES[::3]))  # once more changes nothing
            uow.commit()
        return database

    def test_each_is_found_by_itself(self, filled: Database) -> None:
        second = {entry.path: entry for entry in (*ENTRIES, *CHANGED[::2])}
        third = {path: entry for path, entry in second.items() if path not in PATHS[::3]}
        other = rel_path(long_path(4_000, b"none"))
        with filled.units(read_only=True) as uow:
            for path, entry in zip(PATHS, ENTRIES, strict=True):
                versions = uow.catalog.versions(P, S, path)
                assert [one.entry for one in versions] == list(dict.fromkeys([entry, second[path]]))
                assert (versions[-1].until_seq is None) is (path in third)
            assert dict(uow.catalog.live(P, S, [other, *PATHS])) == third
            assert dict(uow.catalog.newest(P, S, [*PATHS, other])) == second
            assert uow.catalog.known(P, S, [*PATHS, other]) == set(PATHS)
            assert uow.catalog.versions(P, S, other) == ()

    def test_points_are_exact_and_in_order(self, filled: Database) -> None:
        with filled.units(read_only=True) as uow:
            assert list(uow.catalog.entries(P, 1, S)) == list(ENTRIES)
            left = [path for path in PATHS if path not in PATHS[::3]]
            assert paths_of(uow.catalog.entries(P, 3, S)) == left
            for below in (path for path in PATHS if path.endswith(b"/x/deep")):
                top = RelPath(below[: -len(b"/deep")])
                wanted = [path for path in PATHS if is_below(path, top)]
                assert below in wanted
                assert paths_of(uow.catalog.entries(P, 1, S, [top])) == wanted
            assert paths_of(uow.catalog.entries(P, 1, S, PATHS[5:9])) == list(PATHS[5:9])

    def test_what_is_gone_and_what_is_new_is_told(self, filled: Database) -> None:
        live = [path for path in PATHS if path not in PATHS[::3]]
        with filled.units() as uow:
            assert paths_of(uow.catalog.unseen(P, S, iter(live[::2]))) == live[1::2]
            assert list(uow.catalog.unknown(P, S, iter([*PATHS, *PATHS]))) == list(PATHS[::3])

    @pytest.mark.parametrize("limit", [1, 7, 1000])
    def test_histories_come_page_by_page(self, filled: Database, limit: int) -> None:
        found: list[FileVersion] = []
        after: RelPath | None = None
        with filled.units(read_only=True) as uow:
            while page := uow.catalog.history(P, S, after=after, limit=limit):
                after = page[-1].entry.path
                found += page
            assert found == [one for path in PATHS for one in uow.catalog.versions(P, S, path)]

    def test_digests_are_learned(self, filled: Database) -> None:
        with filled.units() as uow:
            found = [uow.catalog.versions(P, S, path)[0] for path in PATHS if len(path) > 4_000]
            unread = [one for one in found if not one.entry.digest]
            read = [replace(one, entry=replace(one.entry, digest=b"0123456789abcdef")) for one in unread]
            assert uow.catalog.learn(P, read) == len(read) > 0
            assert [uow.catalog.versions(P, S, one.entry.path)[0] for one in unread] == read

    def test_they_are_dropped_and_forgotten(self, filled: Database) -> None:
        top = next(RelPath(path[:-5]) for path in PATHS if len(path) > 3_900 and path.endswith(b"/deep"))
        with filled.units() as uow:
            before = [one for path in PATHS for one in uow.catalog.versions(P, S, path)]
            kept = [one for one in before if not is_below(one.entry.path, top)]
            assert uow.catalog.drop_below(P, S, top, up_to_seq=3) == len(before) - len(kept) > 0
            assert uow.catalog.compact(P, [3]) > 0
            newest = [one for one in kept if one.until_seq != 2]
            assert [one for path in PATHS for one in uow.catalog.versions(P, S, path)] == newest

    def test_a_folder_of_them_is_browsed(self, database: Database) -> None:
        """More names than one page of any adapter, with folders between the files."""
        names = [RelPath(FOLDER + b"/n%04d" % number) for number in range(600)]
        inner = [RelPath(name + b"/x") for name in names[::7]]
        entries = [sample_entry(FOLDER, kind=EntryKind.FOLDER), *map(sample_entry, (*names, *inner))]
        with database.units() as uow:
            uow.catalog.apply(P, 1, added(*entries))
            uow.catalog.apply(P, 2, _changes(ChangeOp.GONE, map(sample_entry, names[::2])))
            assert _listed(uow.catalog.children(P, 1, S, FOLDER)) == names
            assert _listed(uow.catalog.children(P, 2, S, FOLDER)) == names[1::2]
            assert _listed(uow.catalog.children(P, 2, S, FOLDER, after=names[500])) == names[501::2]
            above = rel_path(FOLDER.rpartition(b"/")[0])
            assert _listed(uow.catalog.children(P, 2, S, above)) == [FOLDER]
            assert not any(uow.catalog.children(P, 1, S, ROOT))  # no version of the folders above
            assert _listed(uow.catalog.deleted(P, 2, S, after=names[4])) == names[6::2]
            pairs = list(uow.catalog.differing(P, S, 1, 2, below=FOLDER, after=names[4]))
            assert [old.entry.path for old, new in pairs if old and not new] == names[6::2]

    def test_they_are_sought_by_name(self, filled: Database) -> None:
        wanted = [path for path in PATHS if path.endswith(b"/deep")]
        with filled.units(read_only=True) as uow:
            found = [versions[0].entry.path for versions in uow.catalog.matching(P, S, Pattern(b"deep"))]
            assert found == wanted
            later = uow.catalog.matching(P, S, Pattern(b"deep"), after=wanted[2])
            assert [versions[0].entry.path for versions in later] == wanted[3:]
