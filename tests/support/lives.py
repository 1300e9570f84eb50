"""One eventful life of a PC with two sources, run by run, and what every point must then restore to."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from bck_adapters.memory.hosts import MemoryHost
from bck_adapters.memory.transport import MemoryTransport
from tests.support.crashes import CrashingHouse, crashing_house
from tests.support.house import DOCS, PC
from tests.support.replay import Books, state_in_catalog
from tests.support.worlds import World, differences, world_of_folder, world_of_memory

DOCS_PATH, PICS_PATH = "/home/u/docs", "/home/u/pics"
SECOND = 1_000_000_000
T = 1_700_000_000 * SECOND


@dataclass
class Life:
    """A PC, the house that backs it up, and the test's own memory of the PC at each run."""

    folder: Path
    expected: dict[int, dict[str, World]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.host = MemoryHost()
        self.docs, self.pics = self.host.source(DOCS_PATH), self.host.source(PICS_PATH)
        self.house: CrashingHouse = crashing_house(
            self.folder / "store", MemoryTransport({PC: self.host}), sources=(DOCS_PATH, PICS_PATH)
        )
        self._restores = self._marks = 0

    def worlds(self) -> dict[str, World]:
        """The PC as it is now."""
        return {"docs": world_of_memory(self.docs), "pics": world_of_memory(self.pics)}

    def back_up(self) -> None:
        """A run that is expected to end well."""
        worlds = self.worlds()
        run = self.house.back_up()
        assert run.outcome == "succeeded", run
        if run.made_point:
            self.expected[run.seq] = worlds

    def begin(self) -> "Life":
        """Two good runs, and one that was cut off."""
        docs = self.docs
        for name in (b"a", b"b", b"away", b"d/x", b"d/y", b"d/deep/z", b"f", b"caf\xe9", b"li\nne"):
            docs.write(name, b"first " + name, T)
        docs.symlink(b"link", b"a", T)
        docs.mkdir(b"empty", T, 0o700)
        self.pics.write(b"p", b"picture", T)
        self.pics.write(b"q", b"picture", T)
        self.back_up()
        docs.write(b"a", b"second", T + SECOND)
        docs.delete(b"away")
        docs.chmod(b"b", 0o600)
        self.pics.write(b"p", b"changed", T + 1)
        self.back_up()
        docs.write(b"a", b"third!", T + SECOND + 1)
        docs.write(b"d/x", b"changed before the cut", T + SECOND)
        self.host.cut_after = 4
        run = self.house.back_up()
        assert run.outcome == "failed"
        return self

    def change_much(self) -> None:
        """Everything that may happen to a path between two runs. May be called again."""
        docs = self.docs
        docs.write(b"a", b"FOURTH", T + SECOND + 2)
        docs.write(b"d/x", b"changed after the cut", T + SECOND + 1)
        docs.write(b"f/inner", b"was a file", T)
        docs.write(b"away", b"first away", T)
        here, there = b"caf\xe9", b"caf\xe8"
        docs.rename(*((here, there) if here in docs.nodes else (there, here)))
        docs.delete(b"d/deep")
        docs.symlink(b"d/deep", b"../a", T)
        docs.chmod(b"b", 0o4755)
        docs.touch(b"empty", T + 5)
        docs.write(b"new/one", b"1", T)
        self.pics.write(b"p", b"again", T + 2)
        self.pics.delete(b"q")

    def change_little(self, mark: bytes) -> None:
        """A few more changes, so that the next run sees a difference for sure."""
        self._marks += 1
        self.docs.write(b"a", b"after " + mark, T + 3 * SECOND + self._marks)
        self.docs.write(b"d/x", b"after " + mark, T + 3 * SECOND + self._marks)
        self.docs.write(mark, mark, T)

    # --- what must always hold ------------------------------------------------------------------------

    def assert_every_point_restores(self) -> None:
        """The promise, compared with the test's own copy."""
        points = self.house.points()
        assert points, "no point is left"
        for point in points:
            self._restores += 1
            target = self.folder / f"r{self._restores}"
            self.house.restore(point, target)
            for source, world in self.expected[point.seq].items():
                found = world_of_folder(target / source)
                wrong = differences(world, found)
                assert not wrong, f"point {point.seq}, source {source}: {wrong}"

    def assert_books_are_right(self) -> None:
        """Receipts chained; replaying them gives what the catalog says; no run open; nothing left over."""
        books = Books(self.house.root)
        books.assert_chained()
        with self.house.database.units(read_only=True) as uow:
            runs = uow.runs.list(DOCS)
            assert [run.seq for run in runs if run.outcome is None] == []
            assert [run.seq for run in runs] == list(books.receipts)
            for point in uow.points.list(DOCS):
                assert books.state(point.seq) == state_in_catalog(self.house, point.seq), f"point {point.seq}"
        assert os.listdir(self.house.root / ".work" / "a") == []

    def assert_current_holds_only_files_of_the_pc(self, ever: set[bytes]) -> None:
        """Nothing of ours lies in ``current``."""
        for source in ("docs", "pics"):
            found = world_of_folder(self.house.current(source)).keys()
            assert found <= ever, f"not from the PC: {found - ever}"
