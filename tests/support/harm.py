"""A storage with a rich history, and ways to harm it."""

import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bck_adapters.memory import SettableClock
from bck_adapters.memory.hosts import MemoryHost
from bck_adapters.memory.transport import MemoryTransport
from bck_adapters.sql import sql_database
from bck_adapters.sql.engine import make_engine
from bckcore.domain.act import ActKind
from bckcore.domain.run import Run
from bckcore.domain.stored_stat import XATTR_NAME
from bckcore.domain.transfer import PathProblem
from bckcore.plugins.registry import Database
from bckcore.services.acts import Acts
from tests.support.house import DOCS, PC, House
from tests.support.worlds import World, differences, world_of_folder, world_of_memory

SECOND = 1_000_000_000
T = 1_700_000_000 * SECOND
DOCS_PATH = "/home/u/docs"


class Scene:
    """Five runs, four of them points: files, links and folders in current and in increments; two acts."""

    def __init__(self, folder: Path, *, url: str = "") -> None:
        """``url``: the address of an empty database; without one all is in memory."""
        self.root = folder / "store"
        self.url = url
        self.host = MemoryHost()
        self.docs = self.host.source(DOCS_PATH)
        self.transport = MemoryTransport({PC: self.host})
        self.house = House(self.root, self.transport, database=self._database if url else None)
        self.worlds: dict[int, World] = {}
        """What the PC held at each point."""
        self._live()
        self.runs = {run.seq: run.id for run in self._runs()}

    def _database(self, clock: SettableClock) -> Database:
        made = sql_database(self.url, clock)
        made.migrate()
        return made

    def _runs(self) -> Sequence[Run]:
        with self.house.database.units(read_only=True) as uow:
            return uow.runs.list(DOCS)

    def _live(self) -> None:
        docs = self.docs
        for name in (b"a", b"b", b"keep", b"d/x", b"d/y", b"gone", b"t", b"caf\xe9", b"li\nne"):
            docs.write(name, b"first bytes of " + name, T, 0o640)
        docs.symlink(b"link", b"a", T)
        docs.mkdir(b"empty", T)
        self._back_up()
        docs.write(b"a", b"FIRST bytes of a", T + 1)
        docs.write(b"d/x", b"longer bytes than the first ones", T + SECOND)
        docs.delete(b"gone")
        self._back_up()
        acts = Acts(units=self.house.database.units, storage=self.house.storage, clock=self.house.clock)
        with self.house.database.units(read_only=True) as uow:
            place = uow.profiles.get(DOCS).ref
        acts.record(place, ActKind.HOLD, by="anna", reason="audit", points=[1])
        docs.write(b"a", b"first BYTES of a", T + 2)
        docs.delete(b"t")
        docs.write(b"t/inner", b"was a file", T)
        docs.symlink(b"link", b"b", T + SECOND)
        self._back_up()
        acts.record(place, ActKind.RELEASE, by="anna", reason="done", points=[1])
        self._back_up()  # sees no difference: a receipt without a manifest
        docs.chmod(b"b", 0o600)
        docs.write(b"new", b"new", T)
        self._back_up()

    def _back_up(self) -> None:
        run = self.house.back_up()
        if run.made_point:
            self.worlds[run.seq] = world_of_memory(self.docs)

    # --- ways back ----------------------------------------------------------------------------------

    def assert_restores_or_says(self, seq: int, to: Path) -> set[bytes]:
        """Everything of a point comes back into a folder exactly, but what is named; that is given."""
        watcher = self.house.watcher
        report = self.house.restores.restore(DOCS, point=str(seq), to=to, paths=(), watcher=watcher)
        return self._rest_is_exact(seq, report.problems, world_of_folder(to / DOCS))

    def assert_brings_back_or_says(self, seq: int) -> set[bytes]:
        """The same, to another folder of the PC."""
        to = f"/home/u/back{seq}"
        watcher = self.house.watcher
        report = self.house.host_restores.restore(DOCS, point=str(seq), host_dir=to, watcher=watcher)
        return self._rest_is_exact(seq, report.problems, world_of_memory(self.host.sources[f"{to}/docs"]))

    def _rest_is_exact(self, seq: int, problems: Sequence[PathProblem], found: World) -> set[bytes]:
        named = {bytes(one.path.removeprefix(b"docs/")) for one in problems}
        left = {path: thing for path, thing in self.worlds[seq].items() if path not in named}
        assert differences(left, found) == [], f"point {seq}"
        return named

    # --- places -------------------------------------------------------------------------------------

    def current(self, path: bytes = b"") -> bytes:
        """A path in current."""
        return os.path.join(os.fsencode(self.root / "current" / "pc1" / "docs" / "docs"), path)

    def increment(self, seq: int, path: bytes = b"") -> bytes:
        """A path in a run's increment."""
        base = self.root / ".history" / self.runs[seq] / "pc1" / "docs" / "docs"
        return os.path.join(os.fsencode(base), path)

    def record(self, name: str) -> bytes:
        """A receipt, manifest or act."""
        return os.fsencode(self.root / ".receipts" / "pc1" / "docs" / name)

    def sql(self, statement: str, *values: object) -> None:
        """Change a row behind the program's back; ``?`` stands for a value."""
        engine = make_engine(self.url)
        if engine.dialect.name == "postgresql":
            statement = statement.replace("?", "%s")
        with engine.begin() as connection:
            changed = connection.exec_driver_sql(statement, values).rowcount
        engine.dispose()
        assert changed == 1, changed


@contextmanager
def same_time(place: bytes) -> Iterator[None]:
    """Within it the file is changed; afterwards it has its old time again."""
    status = os.lstat(place)
    yield
    os.utime(place, ns=(status.st_atime_ns, status.st_mtime_ns), follow_symlinks=False)


def flip(place: bytes, bit: int = 3) -> None:
    """Turn over one bit of the file, as a failing disk does."""
    data = bytearray(Path(os.fsdecode(place)).read_bytes())
    data[bit // 8 % len(data)] ^= 1 << bit % 8
    with same_time(place), open(place, "r+b") as file:
        file.write(data)


def overwrite(place: bytes) -> None:
    """Other bytes of the same size, and another time."""
    size = os.path.getsize(place)
    with open(place, "r+b") as file:
        file.write(b"#" * size)


def cut_short(place: bytes) -> None:
    """Half of it, the time as before."""
    with same_time(place):
        os.truncate(place, os.path.getsize(place) // 2)


def remove(place: bytes) -> None:
    """Take it away."""
    if os.path.isdir(place) and not os.path.islink(place):
        shutil.rmtree(place)
    else:
        os.unlink(place)


def put(place: bytes, data: bytes = b"from a stranger") -> None:
    """A file that no run brought."""
    os.makedirs(os.path.dirname(place), exist_ok=True)
    with open(place, "wb") as file:
        file.write(data)


def put_link(place: bytes) -> None:
    """A link in its place."""
    if os.path.lexists(place):
        remove(place)
    os.symlink(b"/etc/passwd", place)


def put_pipe(place: bytes) -> None:
    """A pipe in its place."""
    if os.path.lexists(place):
        remove(place)
    os.mkfifo(place)


def close_off(place: bytes) -> None:
    """Take all rights away."""
    os.chmod(place, 0)


def new_time(place: bytes) -> None:
    """Another time, the bytes as before."""
    os.utime(place, ns=(T + 77, T + 77), follow_symlinks=False)


def set_attribute(place: bytes, value: bytes) -> None:
    """Another stored attribute."""
    os.setxattr(place, XATTR_NAME, value)


def drop_attribute(place: bytes) -> None:
    """No stored attribute any more."""
    os.removexattr(place, XATTR_NAME)


def open_again(root: Path) -> None:
    """Give rights back, so that the folder can be removed."""
    for folder, names, _ in os.walk(root):
        for name in names:
            place = os.path.join(folder, name)
            if not os.path.islink(place):
                os.chmod(place, stat.S_IMODE(os.lstat(place).st_mode) | 0o700)
