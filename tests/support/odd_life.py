"""A PC full of odd names, two sources, nine runs: what every kept point must restore to."""

from __future__ import annotations

from pathlib import Path
from random import Random

from bck_adapters.memory.hosts import MemoryHost, MemoryTree
from bck_adapters.memory.transport import MemoryTransport
from bckcore.domain.file_version import EntryKind
from tests.support.house import PC, House
from tests.support.restoring import odd_names
from tests.support.worlds import World, world_of_memory

DOCS_PATH, PICS_PATH = "/home/u/docs", "/home/u/pics"
SECOND = 1_000_000_000
TIMES = (0, 1, -1, -SECOND, -1_500_000_001, 1_700_000_000_123_456_789, 5_000_000_000 * SECOND + 7)
MODES = (0o644, 0o600, 0o400, 0o000, 0o755, 0o4711, 0o666)
FOLDER_MODES = (0o755, 0o700, 0o500, 0o000, 0o1777, 0o2750)


class OddLife:
    """The PC and the house that backs it up."""

    def __init__(self, root: Path, *, seed: int = 20_260_105, names: int = 1000) -> None:
        self.random = Random(seed)
        self._names = odd_names(self.random)
        self._clock = 1_700_000_000 * SECOND
        self.host = MemoryHost()
        self.docs, self.pics = self.host.source(DOCS_PATH), self.host.source(PICS_PATH)
        self.house = House(root, MemoryTransport({PC: self.host}), sources=(DOCS_PATH, PICS_PATH))
        self.expected: dict[int, dict[str, World]] = {}
        self.files: list[tuple[MemoryTree, bytes]] = []
        self.folders: list[tuple[MemoryTree, bytes]] = []
        self._fill(names)

    # --- the runs -----------------------------------------------------------------------------------

    def live(self) -> None:
        """Nine runs, the fifth of them cut off."""
        self.back_up()
        self.change_content(150)
        self.change_attributes(120)
        lost = self.lose(100)
        self.back_up()
        self.change_types(30)
        self.change_content(60)
        self.back_up()
        self.come_back(lost)
        self.back_up()
        self.change_content(120)
        self.host.cut_after = 70
        assert self.house.back_up().outcome == "failed"
        self.change_content(60)
        self.change_attributes(60)
        for _ in range(4):
            self.back_up()
            self.change_content(40)
            self.lose(5)
            self.change_types(3)

    def live_days(self) -> None:
        """Twelve runs, some hours or days apart, the sixth cut off."""
        for number in range(12):
            if number == 5:
                self.host.cut_after = 20
                assert self.house.back_up().outcome == "failed"
            else:
                self.back_up()
            self.change_content(30)
            self.come_back(self.lose(6)[:3])
            self.change_types(6)
            self.change_attributes(20)
            self.house.clock.advance(9 * 3600)

    def back_up(self) -> None:
        """A run that ends well and makes a point."""
        world = {"docs": world_of_memory(self.docs), "pics": world_of_memory(self.pics)}
        run = self.house.back_up()
        assert run.outcome == "succeeded", run
        assert run.made_point, run
        self.expected[run.seq] = world

    # --- what happens on the PC -----------------------------------------------------------------------

    def _fill(self, names: int) -> None:
        for number in range(names):
            tree = self.pics if number % 7 == 0 else self.docs
            path = self._place(tree) + next(self._names)
            kind = self.random.random()
            if kind < 0.12:
                tree.mkdir(path, self._time(), 0o755)
                self.folders.append((tree, path))
            elif kind < 0.25:
                tree.symlink(path, next(self._names), self._time())
            elif kind < 0.27:
                tree.fifo(path, self._time(), 0o640)
            else:
                tree.write(path, self._data(), self._time(), 0o644)
                self.files.append((tree, path))

    def _place(self, tree: MemoryTree) -> bytes:
        inside = [path for owner, path in self.folders[-20:] if owner is tree and len(path) < 1000]
        return self.random.choice(inside) + b"/" if inside and self.random.random() < 0.6 else b""

    def _time(self) -> int:
        self._clock += self.random.choice((1, SECOND, 12_345_678_901))
        return self.random.choice(TIMES) if self.random.random() < 0.2 else self._clock

    def _data(self) -> bytes:
        self._clock += 1
        return b"%d " % self._clock * self.random.choice((1, 1, 2, 50))

    def _some(self, many: int) -> list[tuple[MemoryTree, bytes]]:
        return self.random.sample([(tree, path) for tree, path in self.files if path in tree.nodes], many)

    def change_content(self, many: int) -> None:
        """New bytes, sometimes of the same length; always another time."""
        for tree, path in self._some(many):
            self._clock += SECOND
            tree.write(path, self._data(), self._clock, tree.nodes[path].mode)  # type: ignore[index]

    def change_attributes(self, many: int) -> None:
        """Times and modes of files and folders. What cannot be read any more stays as it was stored."""
        for tree, path in self._some(many):
            self._clock += SECOND
            tree.touch(path, self._clock)
            if tree.nodes[path].kind is not EntryKind.FILE:  # type: ignore[index]
                continue
            tree.chmod(path, self.random.choice([mode for mode in MODES if mode & 0o400]))
        for tree, path in self.random.sample(self.folders, many // 10):
            if path in tree.nodes and tree.nodes[path].kind is EntryKind.FOLDER:  # type: ignore[index]
                tree.chmod(path, self.random.choice([mode for mode in FOLDER_MODES if mode & 0o500 == 0o500]))
                tree.touch(path, self._time())

    def lose(self, many: int) -> list[tuple[MemoryTree, bytes]]:
        """Deleted on the PC."""
        lost = self._some(many)
        for tree, path in lost:
            tree.delete(path)
        return lost

    def come_back(self, lost: list[tuple[MemoryTree, bytes]]) -> None:
        """What was deleted is there again, the same names with other bytes."""
        for tree, path in lost:
            self._clock += SECOND
            tree.write(path, self._data(), self._clock)

    def change_types(self, many: int) -> None:
        """Files become folders, links and pipes; folders become files and links."""
        for number, (tree, path) in enumerate(self._some(many)):
            if number % 3 == 0:
                tree.delete(path)
                tree.write(path[:1000] + b"/" + next(self._names), self._data(), self._time())
            elif number % 3 == 1:
                tree.symlink(path, b"to\n" + next(self._names), self._time())
            else:
                tree.fifo(path, self._time(), 0o600)
        for number, (tree, path) in enumerate(self.random.sample(self.folders, many // 3)):
            if number % 2:
                tree.symlink(path, b"../..", self._time())
            else:
                tree.write(path, self._data(), self._time())
