"""What every Catalog promises, and a state machine that compares it with plain dictionaries.

Subclass CatalogContract and give the fixture ``database``. Subclass CatalogMachine and give
``make_database``; its ``TestCase`` is the test.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

# A suite asserts, as tests do.
# ruff: noqa: S101
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bck_adapters.testkit.samples import sample_entry
from bckcore.domain.file_version import EntryKind, FileEntry, FileVersion
from bckcore.domain.ids import ProfileId, SourceName
from bckcore.domain.manifest import Change, ChangeOp
from bckcore.domain.paths import ROOT, RelPath, is_below, rel_path
from bckcore.plugins.registry import Database
from bckcore.ports.catalog import SourceState

P, Q = ProfileId("docs"), ProfileId("other")
S, T = SourceName("docs"), SourceName("pics")
State = dict[RelPath, FileEntry]

PATHS = tuple(
    rel_path(raw)
    for raw in (b".", b"-x", b"a", b"a-b", b"a/b", b"a/b/c", b"a/\xff\xfe", b"a0", b"a\n", b"b", b"b/a", b"z")
)
"""Where byte order and folder order differ, and names that are no text."""


def added(*entries: FileEntry, source: SourceName = S) -> list[Change]:
    """Changes that add entries."""
    return [Change(source, ChangeOp.ADDED, entry) for entry in entries]


def paths_of(entries: Iterable[FileEntry]) -> list[bytes]:
    """Just the paths."""
    return [entry.path for entry in entries]


class CatalogContract:
    """Single promises; CatalogMachine proves how they hold together."""

    @pytest.fixture
    def database(self) -> Database:
        """A fresh, migrated database."""
        raise NotImplementedError

    def test_source_states_come_back_whole(self, database: Database) -> None:
        state = SourceState(
            source=S, fingerprint=2**128 - 1, paths=5, files=4, bytes=2**50, interrupted=False
        )
        with database.units() as uow:
            assert dict(uow.catalog.source_states(P)) == {}
            uow.catalog.save_source_state(P, replace(state, source=T))
            uow.catalog.save_source_state(P, SourceState(source=S))
            uow.catalog.save_source_state(P, state)
            uow.catalog.apply(P, 1, added(sample_entry(b"x"), source=SourceName("unsaved")))
            assert dict(uow.catalog.source_states(P)) == {S: state, T: replace(state, source=T)}
            assert dict(uow.catalog.source_states(Q)) == {}

    @pytest.mark.parametrize("kind", list(EntryKind))
    def test_entries_come_back_whole(self, database: Database, kind: EntryKind) -> None:
        entries = [sample_entry(path, number, kind) for number, path in enumerate(sorted(PATHS))]
        with database.units() as uow:
            uow.catalog.apply(P, 1, added(*reversed(entries)))
            assert list(uow.catalog.entries(P, 1, S)) == entries
            assert dict(uow.catalog.live(P, S, PATHS)) == {entry.path: entry for entry in entries}

    def test_profiles_and_sources_do_not_mix(self, database: Database) -> None:
        here, there, far = (sample_entry(b"x", number) for number in range(3))
        with database.units() as uow:
            uow.catalog.apply(P, 1, added(here) + added(there, source=T))
            uow.catalog.apply(Q, 1, added(far))
            assert list(uow.catalog.entries(P, 1, S)) == [here]
            assert list(uow.catalog.entries(P, 1, T)) == [there]
            assert list(uow.catalog.sources_at(P, 1)) == [S, T]
            assert list(uow.catalog.sources_at(P, 0)) == []
            uow.catalog.forget_profile(P)
            assert list(uow.catalog.entries(P, 1, S)) == []
            assert list(uow.catalog.entries(Q, 1, S)) == [far]
            uow.catalog.apply(P, 1, added(there))
            assert list(uow.catalog.entries(P, 1, S)) == [there]

    def test_what_was_never_seen_is_empty(self, database: Database) -> None:
        with database.units(read_only=True) as uow:
            assert list(uow.catalog.entries(P, 1, S)) == []
            assert list(uow.catalog.versions(P, S, ROOT)) == []
            assert dict(uow.catalog.live(P, S, [ROOT])) == {}
            assert dict(uow.catalog.live(P, S, [])) == {}
            assert list(uow.catalog.unseen(P, S, [ROOT])) == []
            assert list(uow.catalog.unknown(P, S, iter([rel_path(b"b"), ROOT, ROOT]))) == [ROOT, b"b"]

    def test_equal_lines_are_passed_over(self, database: Database) -> None:
        with database.units() as uow:
            uow.catalog.apply(P, 1, [Change(S, ChangeOp.SAME, sample_entry(b"x"))])
            assert list(uow.catalog.entries(P, 1, S)) == []

    def test_a_caller_may_write_while_it_reads(self, database: Database) -> None:
        """The changes of a run are found by reading the very catalog that they are entered into."""
        count = 12_000
        entries = [sample_entry(b"f%05d" % number, number) for number in range(count)]
        with database.units() as uow:
            uow.catalog.apply(P, 1, added(*entries))
            gone = uow.catalog.unseen(P, S, (entry.path for entry in entries[::2]))
            uow.catalog.apply(P, 2, (Change(S, ChangeOp.GONE, entry) for entry in gone))
            assert list(uow.catalog.entries(P, 2, S)) == entries[::2]
            assert list(uow.catalog.entries(P, 1, S)) == entries

    def test_two_comparisons_may_go_on_at_once_and_be_left_early(self, database: Database) -> None:
        entries = [sample_entry(path) for path in sorted(PATHS)]
        with database.units() as uow:
            uow.catalog.apply(P, 1, added(*entries))
            uow.commit()
        with database.units(read_only=True) as uow:
            first, second = uow.catalog.unseen(P, S, []), uow.catalog.unseen(P, S, PATHS[:3])
            assert next(first) == entries[0]
            assert len(list(second)) == len(PATHS) - 3
        with database.units(read_only=True) as uow:
            assert list(uow.catalog.unseen(P, S, [])) == entries

    def test_part_of_a_point_is_what_lies_at_or_below_the_folders_asked_for(self, database: Database) -> None:
        with database.units() as uow:
            uow.catalog.apply(P, 1, added(*map(sample_entry, PATHS)))
            for below in ([path] for path in PATHS):
                wanted = [path for path in sorted(PATHS) if is_below(path, below[0])]
                assert paths_of(uow.catalog.entries(P, 1, S, below)) == wanted
            twice = [rel_path(b"a/b"), rel_path(b"a-b"), rel_path(b"a"), rel_path(b"nothing"), rel_path(b"a")]
            wanted = [path for path in sorted(PATHS) if path[:2] in (b"a", b"a/") or path == b"a-b"]
            assert paths_of(uow.catalog.entries(P, 1, S, twice)) == wanted

    def test_what_began_after_the_given_run_is_not_dropped(self, database: Database) -> None:
        with database.units() as uow:
            uow.catalog.apply(P, 1, added(*map(sample_entry, PATHS)))
            uow.catalog.apply(P, 3, [Change(S, ChangeOp.CONTENT, sample_entry(b"a/b", 5))])
            uow.catalog.apply(P, 1, added(sample_entry(b"a/b"), source=T))
            assert uow.catalog.drop_below(P, S, rel_path(b"a"), up_to_seq=2) == 4
            left = [path for path in sorted(PATHS) if not is_below(path, rel_path(b"a"))]
            assert paths_of(uow.catalog.entries(P, 2, S)) == left
            assert b"a/b" in paths_of(uow.catalog.entries(P, 3, S))
            assert paths_of(uow.catalog.entries(P, 3, T)) == [b"a/b"]
            assert uow.catalog.drop_below(P, S, rel_path(b"nothing"), up_to_seq=9) == 0

    def test_live_takes_ten_thousand_paths(self, database: Database) -> None:
        asked = [rel_path(b"f%05d" % number) for number in range(10_000)]
        with database.units() as uow:
            uow.catalog.apply(P, 1, added(sample_entry(asked[7])))
            assert list(uow.catalog.live(P, S, asked)) == [asked[7]]


_ENTRIES = st.builds(
    sample_entry,
    st.sampled_from(PATHS),
    st.integers(0, 5),
    st.sampled_from([EntryKind.FILE, EntryKind.FOLDER, EntryKind.LINK]),
)
_STATES = st.lists(_ENTRIES, max_size=8).map(lambda entries: {entry.path: entry for entry in entries})
_SOME_PATHS = st.lists(st.sampled_from(PATHS), max_size=4)


def changes_between(old: State, new: State) -> Iterator[Change]:
    """The changes that lead from one state to the next, in no useful order."""
    for path, entry in new.items():
        if path not in old:
            yield Change(S, ChangeOp.ADDED, entry)
        elif old[path].kind is not entry.kind or old[path].size != entry.size:
            yield Change(S, ChangeOp.CONTENT, entry)
        elif old[path] != entry:
            yield Change(S, ChangeOp.ATTRIBUTES, entry)
        else:
            yield Change(S, ChangeOp.SAME, entry)
    for number, path in enumerate(old.keys() - new.keys()):
        yield Change(S, (ChangeOp.GONE, ChangeOp.EXCLUDED)[number % 2], old[path])


class CatalogMachine(RuleBasedStateMachine):
    """Random runs, repeated, rolled back and compacted; every kept point stays exactly what it was."""

    def make_database(self) -> Database:
        """A fresh, migrated database."""
        raise NotImplementedError

    @initialize()
    def begin(self) -> None:
        """An empty catalog."""
        self.database = self.make_database()
        self.states: dict[int, State] = {0: {}}
        self.last: list[Change] = []
        self.seq = 0

    def teardown(self) -> None:
        """Let go of the database."""
        if hasattr(self, "database"):
            self.database.close()

    @rule(state=_STATES, skipped=st.integers(0, 2))
    def run(self, state: State, skipped: int) -> None:
        """A run finds a new state; runs before it may have changed nothing."""
        self.last = list(changes_between(self.states[self.seq], state))
        self.seq += 1 + skipped
        self.states[self.seq] = state
        self._apply(commit=True)

    @rule(state=_STATES)
    def run_rolled_back(self, state: State) -> None:
        """A run whose unit of work never commits."""
        with self.database.units() as uow:
            uow.catalog.apply(P, self.seq + 1, changes_between(self.states[self.seq], state))

    @precondition(lambda self: self.seq > 0)
    @rule()
    def apply_again(self) -> None:
        """A crash between storage and catalog is healed by applying the manifest again."""
        self._apply(commit=True)

    def _apply(self, *, commit: bool) -> None:
        with self.database.units() as uow:
            uow.catalog.apply(P, self.seq, self.last)
            if commit:
                uow.commit()

    @rule(data=st.data())
    def compact(self, data: st.DataObject) -> None:
        """Points are forgotten; their versions go unless another point needs them or none is newer."""
        kept = data.draw(st.sets(st.sampled_from(sorted(self.states))))
        before = self._versions()
        newest = {version.entry.path: version.since_seq for version in before}
        with self.database.units() as uow:
            dropped = uow.catalog.compact(P, sorted(kept))
            uow.commit()
        needed = [
            version
            for version in before
            if version.until_seq is None
            or version.since_seq == newest[version.entry.path]
            or any(version.since_seq <= seq < version.until_seq for seq in kept)
        ]
        assert self._versions() == needed
        assert dropped == len(before) - len(needed)
        self.states = {seq: state for seq, state in self.states.items() if seq in kept | {self.seq}}

    @rule(path=st.sampled_from(PATHS))
    def drop_below(self, path: RelPath) -> None:
        """A path is removed from all of history on purpose."""
        before = self._versions()
        with self.database.units() as uow:
            dropped = uow.catalog.drop_below(P, S, path, up_to_seq=self.seq)
            uow.commit()
        kept = [version for version in before if not is_below(version.entry.path, path)]
        assert self._versions() == kept
        assert dropped == len(before) - len(kept)
        self.last = [change for change in self.last if not is_below(change.entry.path, path)]
        self.states = {
            seq: {one: entry for one, entry in state.items() if not is_below(one, path)}
            for seq, state in self.states.items()
        }

    def _versions(self) -> list[FileVersion]:
        with self.database.units(read_only=True) as uow:
            return [version for path in PATHS for version in uow.catalog.versions(P, S, path)]

    @rule(below=_SOME_PATHS, data=st.data())
    def look_below(self, below: list[RelPath], data: st.DataObject) -> None:
        """Part of a point, in order of path, nothing twice."""
        seq = data.draw(st.sampled_from(sorted(self.states)))
        state = self.states[seq]
        wanted = [path for path in sorted(state) if not below or any(is_below(path, top) for top in below)]
        with self.database.units(read_only=True) as uow:
            assert paths_of(uow.catalog.entries(P, seq, S, below)) == wanted

    @rule(seen=_SOME_PATHS)
    def compare(self, seen: list[RelPath]) -> None:
        """What was not seen of the live state, and what was seen and is not live."""
        live = self.states[self.seq]
        with self.database.units(read_only=True) as uow:
            assert paths_of(uow.catalog.unseen(P, S, iter(seen))) == sorted(live.keys() - set(seen))
            assert list(uow.catalog.unknown(P, S, iter(seen))) == sorted(set(seen) - live.keys())

    @invariant()
    def every_kept_point_is_exact(self) -> None:
        """Whole states, and the live one looked up by path."""
        if not hasattr(self, "database"):
            return
        with self.database.units(read_only=True) as uow:
            for seq, state in self.states.items():
                wanted = [state[path] for path in sorted(state)]
                assert list(uow.catalog.entries(P, seq, S)) == wanted
                assert list(uow.catalog.sources_at(P, seq)) == ([S] if state else [])
            assert dict(uow.catalog.live(P, S, PATHS)) == self.states[self.seq]

    @invariant()
    def what_is_deleted_at_a_point_is_the_newest_of_before(self) -> None:
        """Told by the versions of each path."""
        if not hasattr(self, "database"):
            return
        versions = self._versions()
        with self.database.units(read_only=True) as uow:
            for seq in self.states:
                newest = {v.entry.path: v for v in versions if v.since_seq <= seq}
                gone = [
                    v for _, v in sorted(newest.items()) if v.until_seq is not None and v.until_seq <= seq
                ]
                assert list(uow.catalog.deleted(P, seq, S)) == gone
                below = [v for v in gone if is_below(v.entry.path, PATHS[2])]
                assert list(uow.catalog.deleted(P, seq, S, [PATHS[2]])) == below
