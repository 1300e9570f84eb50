"""What every Catalog promises to those who browse, and a state machine that asks every question of a
random history and knows the answers from plain dictionaries.

Subclass BrowsingContract and give the fixture ``database``. Subclass BrowsingMachine and give
``make_database``; its ``TestCase`` is the test.
"""

from collections.abc import Iterable, Iterator

# A suite asserts, as tests do.
# ruff: noqa: S101
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from bck_adapters.testkit.contracts_catalog import P, S, State, T, added, changes_between
from bck_adapters.testkit.samples import sample_entry
from bckcore.domain.difference import Difference, difference
from bckcore.domain.file_version import EntryKind, FileVersion
from bckcore.domain.manifest import Change, ChangeOp
from bckcore.domain.paths import ROOT, RelPath, is_below, parents, rel_path
from bckcore.domain.pattern import Pattern
from bckcore.plugins.registry import Database

_RAW = b". -x A a a-b a-b/c a/b a/b/c a/b-c a/b/.d a0 a0/x b b/a/Deep.TXT b/a z".split(b" ")
PATHS = tuple(map(rel_path, (*_RAW, b"a/\xff\xfe", b"a\n", b"a/100%_!\\", "b/Übung.pdf".encode())))
"""Where byte order and folder order differ, where only the case does, and names that are no text."""

PATTERNS = (
    *(b"a", b"A", b"b", b".", b"x", b"\xff", b"%", b"_", b"!", b"\\", b"\n", b"deep", b"nothing"),
    *(b"*", b"?", b"*.txt", b"*.TXT", b"a*", b"?b*", b"[a-c]", b"[!a]", b"*\xfe", b"*\\\\", b"a\\*"),
    *("übung".encode(), b"?BUNG.*", b"s/a", b"/b", b"docs/*/*", b"docs/**/c", b"**/b/*", b"docs/**"),
)


def paths_of(versions: Iterable[FileVersion]) -> list[bytes]:
    """Just the paths."""
    return [version.entry.path for version in versions]


class BrowsingContract:
    """Single promises; BrowsingMachine proves how they hold together."""

    @pytest.fixture
    def database(self) -> Database:
        """A fresh, migrated database."""
        raise NotImplementedError

    def test_what_was_never_seen_is_empty(self, database: Database) -> None:
        with database.units(read_only=True) as uow:
            assert list(uow.catalog.children(P, 1, S, ROOT)) == []
            assert list(uow.catalog.matching(P, S, Pattern(b"*"))) == []
            assert list(uow.catalog.differing(P, S, 1, 2)) == []

    def test_sources_and_profiles_do_not_mix(self, database: Database) -> None:
        with database.units() as uow:
            uow.catalog.apply(P, 1, added(sample_entry(b"x")) + added(sample_entry(b"y"), source=T))
            assert paths_of(uow.catalog.children(P, 1, S, ROOT)) == [b"x"]
            assert [paths_of(one) for one in uow.catalog.matching(P, T, Pattern(b"*"))] == [[b"y"]]
            assert [new and new.entry.path for _, new in uow.catalog.differing(P, T, 0, 1)] == [b"y"]

    def test_a_large_folder_is_listed_whole_and_in_order(self, database: Database) -> None:
        """More names than one page of any adapter, each a folder with files, some of them gone."""
        names = sorted(rel_path(b"f/n%04d" % number) for number in range(5_000))
        entries = [sample_entry(name, kind=EntryKind.FOLDER) for name in names]
        inner = [sample_entry(name + b"/x") for name in names]
        with database.units() as uow:
            uow.catalog.apply(P, 1, added(*entries, *inner))
            uow.catalog.apply(P, 2, [Change(S, ChangeOp.GONE, one) for one in (*entries[::2], *inner[::2])])
            assert paths_of(uow.catalog.children(P, 1, S, rel_path(b"f"))) == names
            assert paths_of(uow.catalog.children(P, 2, S, rel_path(b"f"))) == names[1::2]
            rest = uow.catalog.children(P, 2, S, rel_path(b"f"), after=names[4_990])
            assert paths_of(rest) == names[4_991::2]

    def test_many_differences_come_in_order_and_once(self, database: Database) -> None:
        paths = [rel_path(b"%05d" % number) for number in range(6_000)]
        with database.units() as uow:
            uow.catalog.apply(P, 1, added(*(sample_entry(path, 1) for path in paths)))
            uow.catalog.apply(P, 2, (Change(S, ChangeOp.CONTENT, sample_entry(path, 2)) for path in paths))
            uow.catalog.apply(P, 3, (Change(S, ChangeOp.GONE, sample_entry(path, 2)) for path in paths))
            pairs = list(uow.catalog.differing(P, S, 1, 2))
            assert [(old and old.entry.size % 8, new and new.entry.path) for old, new in pairs] == [
                (1, path) for path in paths
            ]
            assert paths_of(uow.catalog.deleted(P, 3, S, after=paths[4])) == paths[5:]
            found = [versions[0].entry.path for versions in uow.catalog.matching(P, S, Pattern(b"01*"))]
            assert found == [path for path in paths if path.startswith(b"01")]

    def test_what_was_left_out_is_told_from_what_is_gone(self, database: Database) -> None:
        x, y = sample_entry(b"x"), sample_entry(b"y")
        with database.units() as uow:
            uow.catalog.apply(P, 1, added(x, y))
            ends = [Change(S, ChangeOp.EXCLUDED, x), Change(S, ChangeOp.GONE, y)]
            uow.catalog.apply(P, 2, ends)
            uow.catalog.apply(P, 2, [Change(S, ChangeOp.GONE, x), Change(S, ChangeOp.EXCLUDED, y)])
            assert [one.excluded for path in (x, y) for one in uow.catalog.versions(P, S, path.path)] == [
                True,
                False,
            ]
            uow.catalog.apply(P, 3, added(x))
            uow.catalog.apply(P, 4, [Change(S, ChangeOp.CONTENT, sample_entry(b"x", 2))])
            assert [one.excluded for one in uow.catalog.versions(P, S, x.path)] == [True, False, False]
            assert [one.excluded for one in uow.catalog.history(P, S, after=None, limit=9)] == [
                True,
                False,
                False,
                False,
            ]

    def test_what_came_and_went_in_between_counts_as_it_ended_last(self, database: Database) -> None:
        x, y = sample_entry(b"x"), sample_entry(b"y")
        with database.units() as uow:
            uow.catalog.apply(P, 1, added(x))
            uow.catalog.apply(P, 2, [Change(S, ChangeOp.EXCLUDED, x), *added(y)])
            uow.catalog.apply(P, 3, [*added(x), Change(S, ChangeOp.GONE, y)])
            uow.catalog.apply(P, 4, [Change(S, ChangeOp.GONE, x)])
            ((old, new),) = uow.catalog.differing(P, S, 1, 2, below=x.path)
            assert old is not None
            assert (old.since_seq, old.excluded, new) == (1, True, None)
            ((old, new),) = uow.catalog.differing(P, S, 1, 4)
            assert old is not None
            assert (old.since_seq, old.excluded, new) == (1, False, None)

    def test_an_answer_may_be_left_half_way(self, database: Database) -> None:
        with database.units() as uow:
            uow.catalog.apply(P, 1, added(*map(sample_entry, PATHS)))
            uow.commit()
        with database.units(read_only=True) as uow:
            first, second = uow.catalog.children(P, 1, S, ROOT), uow.catalog.matching(P, S, Pattern(b"*"))
            assert next(first).entry.path == b"-x"
            assert next(second)[0].entry.path == b"-x"


_ENTRIES = st.builds(
    sample_entry,
    st.sampled_from(PATHS),
    st.integers(0, 3),
    st.sampled_from([EntryKind.FILE, EntryKind.FOLDER, EntryKind.LINK]),
)
_STATES = st.lists(_ENTRIES, max_size=12).map(lambda entries: {entry.path: entry for entry in entries})
_AFTER = st.none() | st.sampled_from(PATHS)


class BrowsingMachine(RuleBasedStateMachine):
    """Random runs of one source, each run a state; questions at any point between them."""

    def make_database(self) -> Database:
        """A fresh, migrated database."""
        raise NotImplementedError

    @initialize()
    def begin(self) -> None:
        """An empty catalog."""
        self.database = self.make_database()
        self.states: dict[int, State] = {0: {}}
        self.left_out: dict[RelPath, list[tuple[int, bool]]] = {}
        self.seq = 0

    def teardown(self) -> None:
        """Let go of the database."""
        if hasattr(self, "database"):
            self.database.close()

    @rule(state=_STATES, skipped=st.integers(0, 1))
    def run(self, state: State, skipped: int) -> None:
        """A run finds a new state; runs before it may have changed nothing."""
        before = self.states[self.seq]
        for _ in range(skipped):
            self.seq += 1
            self.states[self.seq] = before
        self.seq += 1
        self.states[self.seq] = state
        changes = list(changes_between(before, state))
        for change in changes:
            if change.op.ends:
                ends = self.left_out.setdefault(change.entry.path, [])
                ends.append((self.seq, change.op is ChangeOp.EXCLUDED))
        with self.database.units() as uow:
            uow.catalog.apply(P, self.seq, changes)
            uow.commit()

    def _excluded(self, path: RelPath, seq: int) -> bool:
        """How the path ended last, up to a point."""
        return [excluded for at, excluded in self.left_out.get(path, [(0, False)]) if at <= seq][-1:] == [
            True
        ]

    @rule(folder=st.sampled_from(PATHS), after=_AFTER, data=st.data())
    def list_folder(self, folder: RelPath, after: RelPath | None, data: st.DataObject) -> None:
        """Direct children at any point."""
        seq = data.draw(st.sampled_from(sorted(self.states)))
        state = self.states[seq]
        wanted = [path for path in _from(state, after) if path != ROOT and next(parents(path)) == folder]
        with self.database.units(read_only=True) as uow:
            found = list(uow.catalog.children(P, seq, S, folder, after=after))
        assert [version.entry for version in found] == [state[path] for path in wanted]
        for version in found:
            assert self.states[version.since_seq][version.entry.path] == version.entry

    @rule(raw=st.sampled_from(PATTERNS), cased=st.booleans(), below=st.sampled_from(PATHS), after=_AFTER)
    def find(self, raw: bytes, cased: bool, below: RelPath, after: RelPath | None) -> None:
        """Every path that ever was and that the pattern means, with all it ever was."""
        pattern = Pattern(raw, ignore_case=not cased)
        ever = {path for state in self.states.values() for path in state if is_below(path, below)}
        wanted = [path for path in _from(ever, after) if pattern.matches(S, path)]
        with self.database.units(read_only=True) as uow:
            found = list(uow.catalog.matching(P, S, pattern, below=below, after=after))
            assert [versions[0].entry.path for versions in found] == wanted
            assert found == [list(uow.catalog.versions(P, S, path)) for path in wanted]

    @rule(below=st.sampled_from(PATHS), after=_AFTER, data=st.data())
    def compare(self, below: RelPath, after: RelPath | None, data: st.DataObject) -> None:
        """What differs between two points."""
        points = st.sampled_from(sorted(self.states))
        old_seq, new_seq = sorted((data.draw(points), data.draw(points)))
        old, new = self.states[old_seq], self.states[new_seq]
        paths = [path for path in _from(old.keys() | new.keys(), after) if is_below(path, below)]
        wanted = [
            one
            for path in paths
            if (one := difference(S, old.get(path), new.get(path), excluded=self._excluded(path, new_seq)))
        ]
        with self.database.units(read_only=True) as uow:
            pairs = list(uow.catalog.differing(P, S, old_seq, new_seq, below=below, after=after))
        assert list(_differences(pairs)) == wanted

    @precondition(lambda self: self.seq > 0)
    @rule(below=st.sampled_from(PATHS), after=_AFTER, gone_from=st.integers(0, 8))
    def look_for_what_went(self, below: RelPath, after: RelPath | None, gone_from: int) -> None:
        """The newest version of what is not there any more, and when it went."""
        last: dict[RelPath, int] = {}
        for seq, state in self.states.items():
            last.update(dict.fromkeys(state, seq))
        gone = {path: seq for path, seq in last.items() if gone_from <= seq + 1 <= self.seq}
        paths = [path for path in _from(gone, after) if is_below(path, below)]
        with self.database.units(read_only=True) as uow:
            found = list(uow.catalog.deleted(P, self.seq, S, [below], after=after, gone_from=gone_from))
        assert [(one.entry, one.until_seq, one.excluded) for one in found] == [
            (self.states[gone[path]][path], gone[path] + 1, self._excluded(path, gone[path] + 1))
            for path in paths
        ]


def _from(paths: Iterable[RelPath], after: RelPath | None) -> list[RelPath]:
    return sorted(path for path in paths if after is None or path > after)


def _differences(pairs: Iterable[tuple[FileVersion | None, FileVersion | None]]) -> Iterator[Difference]:
    for old, new in pairs:
        states = None if old is None else old.entry, None if new is None else new.entry
        found = difference(S, *states, excluded=old is not None and old.excluded)
        if found is not None:
            yield found
