"""A PC that is backed up over a real sshd: its folder, our installation, and the obvious recipe beside it."""

import contextlib
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from bck_adapters.rsync.filters import GitIgnoreFilter
from bck_adapters.rsync.routes import SshRoute
from bck_adapters.rsync.transport import RsyncTransport
from bckcore.domain.run import Run
from bckcore.domain.transfer import TransferOptions
from tests.support.house import House
from tests.support.sshd import LoopbackSshd, descendants
from tests.support.worlds import FolderTree, World, differences, world_of_folder

T0 = 1_700_000_000_000_000_000
MIB = 1 << 20
PATIENCE = 60.0


@dataclass
class Pc:
    """One PC with one folder ``docs`` (more on request), and the house that backs it up."""

    house: House
    docs: FolderTree
    folder: Path
    store: Path
    restores: int = 0

    def world(self, folder: Path | None = None) -> World:
        """What the PC's folder holds now."""
        return world_of_folder(folder or self.folder)

    def restored(self, seq: int, source: str = "docs") -> World:
        """What point ``seq`` gives back."""
        self.restores += 1
        target = self.folder.parents[1] / f"restored-{self.restores}"
        point = next(point for point in self.house.points() if point.seq == seq)
        self.house.restore(point, target)
        return world_of_folder(target / source)

    def require_exact(self, expected: dict[int, World]) -> None:
        """Every point that is kept gives back exactly what the oracle saw."""
        assert [point.seq for point in self.house.points()] == sorted(expected)
        for seq, world in expected.items():
            assert differences(world, self.restored(seq)) == [], f"point {seq}"

    def require_clean_current(self, ever: set[bytes], source: str = "docs") -> None:
        """Nothing lies in ``current`` but names the PC had at some time."""
        found = set(world_of_folder(self.house.current(source)))
        assert found <= ever | {b"."}, found - ever


def make_pc(
    tmp: Path,
    sshd: LoopbackSshd,
    *,
    store: Path | None = None,
    sources: tuple[str, ...] = (),
    excludes: tuple[str, ...] = (),
    options: TransferOptions | None = None,
    port: int | None = None,
) -> Pc:
    """A PC below ``tmp``, reached over ``sshd``; at another ``port`` where something stands before that."""
    folder, store = tmp / "pc" / "docs", store or tmp / "store"
    docs = FolderTree(folder)
    runtime = tmp / "run"
    runtime.mkdir(mode=0o700)
    house = House(
        store,
        RsyncTransport(route=SshRoute(runtime)),
        sources=sources or (f"docs={folder}",),
        excludes=excludes,
        host=replace(sshd.host(), port=port or sshd.port),
        filters=GitIgnoreFilter,
        key=sshd.key,
        options=options or TransferOptions(attempts=1),
    )
    return Pc(house=house, docs=docs, folder=folder, store=store)


class ObviousRecipe:
    """What the first description of the product said, and what every second blog says."""

    def __init__(self, tmp: Path, folder: Path) -> None:
        self.folder = folder
        self.root = tmp / "naive"
        self.current = self.root / "current"
        self.current.mkdir(parents=True)

    def history(self, run: str) -> Path:
        """Where a run's displaced files lie."""
        return self.root / ".history" / run

    def argv(self, run: str, *more: str) -> list[str]:
        """The command of one try."""
        backup = ["--backup", f"--backup-dir={self.history(run)}"]
        return ["rsync", "-a", "--partial", *backup, *more, f"{self.folder}/", f"{self.current}/"]

    def run(self, run: str, *more: str) -> int:
        """One try; the exit status."""
        return subprocess.run(self.argv(run, *more), check=False, capture_output=True).returncode

    def contents(self, name: str) -> list[bytes]:
        """Every copy of a file that the recipe still has."""
        return [path.read_bytes() for path in self.root.rglob(name) if path.is_file()]


def awaited(condition: Callable[[], bool], what: str) -> None:
    """Wait until ``condition`` holds; fail the test if it never does."""
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until, f"never happened: {what}"
        time.sleep(0.005)  # nothing to wait on: another program's files and processes


def half_sent(store: Path, name: str = "big") -> list[os.stat_result]:
    """Files under way whose names hold ``name``; they and their folders may go at any moment."""
    found = list[os.stat_result]()
    for folder, _, names in os.walk(store / ".work"):
        for one in names:
            if name in one:
                with contextlib.suppress(FileNotFoundError):
                    found.append(Path(folder, one).stat())
    return found


def bytes_arrived(store: Path) -> int:
    """How much of files under way has arrived in the storage."""
    total = 0
    for place in (store / ".work" / "a").glob("*/t/*"):
        with contextlib.suppress(OSError):
            total += place.stat().st_size
    return total


def rsyncs(*, on_the_pc: bool = False) -> list[int]:
    """Our own rsync processes, the generator before its receiver; or those of the PC."""
    found = []
    for pid in descendants(os.getpid()):
        with contextlib.suppress(OSError):
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            displaces = any(arg.startswith(b"--backup-dir") for arg in command)
            if command[0].endswith(b"rsync") and displaces and (b"--server" in command) is on_the_pc:
                found.append(pid)
    return found


def kill_generator(number: int) -> None:
    """Signal the rsync that leads."""
    os.kill(rsyncs()[0], number)


def kill_receiver(number: int) -> None:
    """Signal the receiver alone."""
    os.kill(rsyncs()[-1], number)


def kill_sender(number: int) -> None:
    """Signal the rsync on the PC."""
    os.kill(rsyncs(on_the_pc=True)[-1], number)


@contextlib.contextmanager
def when_arrived(store: Path, size: int, act: Callable[[], None]) -> Iterator[None]:
    """Meanwhile, as soon as ``size`` bytes of a file under way have arrived, do ``act`` once."""
    failure: list[BaseException] = []

    def watch() -> None:
        try:
            awaited(lambda: bytes_arrived(store) >= size, f"{size} bytes in {store}")
            act()
        except BaseException as exc:  # noqa: BLE001  # told to the test below
            failure.append(exc)

    thread = threading.Thread(target=watch)
    thread.start()
    yield
    thread.join()
    if failure:
        raise failure[0]


def cut_by_signal(argv: list[str], arrived: Callable[[], bool]) -> None:
    """Run the obvious recipe and cut it as a closing terminal would, once ``arrived``."""
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        awaited(arrived, "bytes of the obvious recipe")
        process.send_signal(signal.SIGTERM)


def remove_tree(path: Path) -> None:
    """Remove a tree with closed folders in it."""
    for folder, _, _ in os.walk(path):
        os.chmod(folder, 0o700)
    shutil.rmtree(path)


def good(run: Run) -> Run:
    """The run, which must have succeeded."""
    assert run.outcome is not None
    assert run.outcome.value == "succeeded", run
    return run
