"""The history machine: random life of a source tree against a plain-dict model of the world.

After every run, prune and cut, **every** kept point restores exactly: names, bytes, mtimes in ns, modes,
link targets. What the machine compares with is its own copy of the tree, made before each run.
"""

import os
import tempfile
from functools import cache
from pathlib import Path
from typing import ClassVar, Protocol

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from bckcore.domain.run import RunOutcome
from bckcore.domain.transfer import TransferOptions
from tests.support.house import House
from tests.support.patience import patient
from tests.support.places import remove_tree
from tests.support.worlds import World, differences, world_of_folder

NAMES = (b"a", b"b", b"Makefile", b"x y", b"-n", b"caf\xe9", b"li\nne", b"d'q\"$")
ANCHOR = b"always here"
SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND

paths = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3).map(b"/".join)
contents = st.binary(max_size=24)
times = st.integers(0, 3 * SECOND).map(START.__add__)
file_modes = st.sampled_from((0o644, 0o600, 0o444, 0o755, 0o4755))
folder_modes = st.sampled_from((0o755, 0o700, 0o555, 0o1777))


class Tree(Protocol):
    """What MemoryTree and FolderTree have in common."""

    def write(self, path: bytes, data: bytes, mtime_ns: int, mode: int = ...) -> None: ...
    def mkdir(self, path: bytes, mtime_ns: int, mode: int = ...) -> None: ...
    def symlink(self, path: bytes, target: bytes, mtime_ns: int) -> None: ...
    def chmod(self, path: bytes, mode: int) -> None: ...
    def touch(self, path: bytes, mtime_ns: int) -> None: ...
    def rename(self, old: bytes, new: bytes) -> None: ...
    def delete(self, path: bytes) -> None: ...


def lives(share: int, steps: int = 50) -> int:
    """How many lives of so many steps a machine has: one in ``share`` of all that the profile asks for.

    In `make test-long` short lives are more lives, and in `make robustness` there is no sharing.
    """
    most = settings().max_examples
    if patient():
        most = most * 50 // steps
    return most if os.environ.get("HYPOTHESIS_PROFILE") == "robustness" else max(5, most // share)


@cache
def _fast_place() -> str | None:
    """Memory, where it can hold a store (user attributes need Linux 6.6 there); else the usual place."""
    try:
        with tempfile.NamedTemporaryFile(dir="/dev/shm") as probe:
            os.setxattr(probe.name, "user.bck", b"1")
    except OSError:
        return None
    return "/dev/shm"


class HistoryMachine(RuleBasedStateMachine):
    """Subclasses say where the tree lives and how a run is cut."""

    points_checked: ClassVar[int] = 0
    """Restores compared by all machines of this process, for the report."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="hm-", dir=_fast_place()))
        self.expected: dict[int, World] = {}
        self.graveyard: dict[bytes, tuple[bytes, int, int]] = {}
        self.looks: dict[tuple[int, int], bytes] = {}
        """The bytes of every file ever written, by size and time."""
        self.cut_pending = False
        self.restored = 0
        self.tree, self.house = self.built()

    def built(self) -> tuple[Tree, House]:
        """The tree to edit and the installation that backs it up."""
        raise NotImplementedError  # abstract

    def world(self) -> World:
        """The tree as it is now."""
        raise NotImplementedError  # abstract

    def cut(self, after: int, *, mid_file: bool) -> None:
        """Have the next run broken off."""
        raise NotImplementedError  # abstract

    def teardown(self) -> None:
        """Remove what the machine made."""
        remove_tree(self.folder)

    def _write(self, path: bytes, data: bytes, mtime_ns: int, mode: int = 0o644) -> None:
        self.tree.write(path, data, self._time_for(data, mtime_ns), mode)

    def _time_for(self, data: bytes, mtime_ns: int) -> int:
        """That time, or the next at which no other bytes of this size stood: rsync goes by size and time."""
        while self.looks.setdefault((len(data), mtime_ns), data) != data:
            mtime_ns += 1
        return mtime_ns

    def _place(self, kinds: str, index: int) -> bytes | None:
        """One of the paths of these kinds; the root and the file that is always here left out."""
        world = self.world()
        found = sorted(path for path in world if world[path].kind in kinds and path not in (b".", ANCHOR))
        return found[index % len(found)] if found else None

    # --- life of the tree -----------------------------------------------------------------------

    @initialize(names=st.lists(st.tuples(paths, contents, times, file_modes), max_size=5))
    def some_files(self, names: list[tuple[bytes, bytes, int, int]]) -> None:
        for path, data, mtime, mode in names:
            self._write(path, data, mtime, mode)
        self._write(ANCHOR, b"so that the folder is never empty", START)
        self.tree.mkdir(b".", START)

    @rule(path=paths, data=contents, mtime=times, mode=file_modes)
    def write(self, path: bytes, data: bytes, mtime: int, mode: int) -> None:
        self._write(path, data, mtime, mode)

    @rule(index=st.integers(0, 99), data=contents)
    def edit_in_the_same_second(self, index: int, data: bytes) -> None:
        path = self._place("f", index)
        if path is None:
            return
        thing = self.world()[path]
        same_second = thing.mtime_ns // SECOND * SECOND + (thing.mtime_ns + 1) % SECOND
        self._write(path, bytes(byte ^ 1 for byte in thing.data) or data, same_second, thing.mode)

    @rule(path=paths, mtime=times, mode=folder_modes)
    def make_folder(self, path: bytes, mtime: int, mode: int) -> None:
        self.tree.mkdir(path, mtime, mode)

    @rule(path=paths, points_to=st.sampled_from((b"a", b"../b", b"/etc/passwd", b"\xff\n")), mtime=times)
    def make_link(self, path: bytes, points_to: bytes, mtime: int) -> None:
        self.tree.symlink(path, points_to, mtime)

    @rule(index=st.integers(0, 99))
    def delete(self, index: int) -> None:
        path = self._place("fdl", index)
        if path is None:
            return
        thing = self.world()[path]
        if thing.kind == "f":
            self.graveyard[path] = (thing.data, thing.mtime_ns, thing.mode)
        self.tree.delete(path)

    @precondition(lambda self: bool(self.graveyard))
    @rule(index=st.integers(0, 99))
    def come_back_unchanged(self, index: int) -> None:
        path = sorted(self.graveyard)[index % len(self.graveyard)]
        data, mtime, mode = self.graveyard.pop(path)
        self._write(path, data, mtime, mode)

    @rule(index=st.integers(0, 99), new=paths)
    def rename(self, index: int, new: bytes) -> None:
        path = self._place("fdl", index)
        if path is None or new == path or new.startswith(path + b"/") or path.startswith(new + b"/"):
            return
        self.tree.rename(path, new)

    @rule(index=st.integers(0, 99), mode=file_modes)
    def chmod_file(self, index: int, mode: int) -> None:
        if (path := self._place("f", index)) is not None:
            self.tree.chmod(path, mode)

    @rule(index=st.integers(0, 99), mode=folder_modes)
    def chmod_folder(self, index: int, mode: int) -> None:
        if (path := self._place("d", index)) is not None:
            self.tree.chmod(path, mode)

    @rule(index=st.integers(0, 99), mtime=times)
    def touch(self, index: int, mtime: int) -> None:
        if (path := self._place("fdl", index)) is not None:
            thing = self.world()[path]
            self.tree.touch(path, self._time_for(thing.data, mtime) if thing.kind == "f" else mtime)

    # --- runs -----------------------------------------------------------------------------------

    @rule()
    def back_up(self) -> None:
        self._ran_well(self.world())

    @rule(index=st.integers(0, 99), data=contents)
    def edit_and_back_up_again_and_again(self, index: int, data: bytes) -> None:
        """One file that every run displaces: the shape in which a wrong merge or fold does harm."""
        path = self._place("f", index)
        if path is None:
            return
        for number in range(3):
            self._write(path, data + bytes((number,)), START + number)
            self.back_up()

    @rule(index=st.integers(0, 99))
    def back_up_with_a_closed_folder(self, index: int) -> None:
        """What lies in a folder that cannot be listed keeps its last state."""
        if self.cut_pending:  # what the cut left there is not known to the model; a whole run first
            self.back_up()
        path = self._place("d", index)
        if path is None:
            return
        mode = self.world()[path].mode
        before = next(reversed(self.expected.values()), {})
        self.tree.chmod(path, 0)
        seen = self.world()
        beneath = path + b"/"
        hidden = {name for name in seen if name.startswith(beneath)}
        expected = {name: thing for name, thing in seen.items() if name not in hidden}
        if path in before and before[path].kind == "d":
            expected |= {name: thing for name, thing in before.items() if name.startswith(beneath)}
        self._ran_well(expected, outcome=RunOutcome.PARTIAL)
        self.tree.chmod(path, mode)

    @rule(after=st.integers(0, 12), mid_file=st.booleans())
    def back_up_cut(self, after: int, mid_file: bool) -> None:
        self.cut(after, mid_file=mid_file)
        before = self.world()
        run = self.house.back_up()
        if run.outcome is RunOutcome.FAILED:
            self.cut_pending = True
        else:
            self._note(run.seq, before)
        self.every_point_restores()

    @rule(after=st.integers(0, 12), mid_file=st.booleans(), data=contents, mtime=times)
    def back_up_cut_and_retried(self, after: int, mid_file: bool, data: bytes, mtime: int) -> None:
        """Broken off, and tried again in the same run after a file changed once more."""
        self._retried(self._place("f", after), after, mid_file, data, mtime)

    @rule(index=st.integers(0, 99), after=st.integers(1, 12), data=contents, mtime=times)
    def edit_twice_around_a_cut(self, index: int, after: int, data: bytes, mtime: int) -> None:
        """The same file is displaced by both attempts: the shape in which a wrong fold does harm."""
        path = self._place("f", index)
        if path is not None:
            self._write(path, b"before " + data, mtime)
            self._retried(path, after, False, b"after " + data, mtime)

    def _retried(self, victim: bytes | None, after: int, mid_file: bool, data: bytes, mtime: int) -> None:
        self.cut(after, mid_file=mid_file)
        if victim is not None:
            self.house.clock.on_wait = lambda: self._write(victim, data, mtime)
        self.house.change_profile(options=TransferOptions(attempts=2))
        run = self.house.back_up()
        self.house.change_profile(options=TransferOptions(attempts=1))
        self.house.clock.on_wait = None
        assert run.outcome is RunOutcome.SUCCEEDED, run
        self._note(run.seq, self.world())
        self.every_point_restores()

    @rule(keep_last=st.integers(1, 4))
    def prune(self, keep_last: int) -> None:
        for decision in self.house.prune(keep_last).forgotten:
            del self.expected[decision.point.seq]
        self.every_point_restores()

    @rule(index=st.integers(0, 99))
    def forget_any_point(self, index: int) -> None:
        """Whichever point a policy lets go, also one in the middle: its increment is merged forward."""
        points = self.house.points()[:-1]
        if not points:
            return
        point = points[index % len(points)]
        with self.house.database.units() as uow:
            uow.points.forget(point.profile, point.seq)
            uow.commit()
        del self.expected[point.seq]
        self.prune(keep_last=1000)

    def _ran_well(self, world: World, outcome: RunOutcome = RunOutcome.SUCCEEDED) -> None:
        run = self.house.back_up()
        assert run.outcome is outcome, run
        self._note(run.seq, world)
        self.every_point_restores()

    def _note(self, seq: int, world: World) -> None:
        self.cut_pending = False
        points = {point.seq for point in self.house.points()}
        if seq in points:
            self.expected[seq] = world
        else:
            newest = next(reversed(self.expected.values()), {})
            assert differences(newest, world) == [], "a run that saw a difference made no point"

    def every_point_restores(self) -> None:
        """The promise."""
        points = self.house.points()
        assert [point.seq for point in points] == sorted(self.expected)
        for point in points:
            self.restored += 1
            target = self.folder / f"r{self.restored}"
            self.house.restore(point, target)
            found = world_of_folder(target / "docs")
            assert differences(self.expected[point.seq], found) == [], f"point {point.seq}"
            type(self).points_checked += 1
            remove_tree(target)
