"""The catalog under load: how fast a run enters it, and how soon people get an answer from it.

A synthetic profile: a million files in folders of 49, some of 1,000, three levels below the root, and twenty
points, each with 1 % of the files changed, some gone, some new. Called by ``bench.py``, or alone. Settings:
BCK_BENCH_CATALOG_FILES (1000000), BCK_BENCH_CATALOG_POINTS (20).
"""

import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HERE))

from bck_adapters.clock import SystemClock  # noqa: E402  # path set above
from bck_adapters.sql import sql_database  # noqa: E402
from bckcore.domain.file_version import EntryKind, FileEntry  # noqa: E402
from bckcore.domain.ids import ProfileId, SourceName  # noqa: E402
from bckcore.domain.manifest import Change, ChangeOp  # noqa: E402
from bckcore.domain.paths import ROOT, RelPath  # noqa: E402
from bckcore.domain.pattern import Pattern  # noqa: E402
from bckcore.plugins.registry import Database  # noqa: E402
from bckcore.ports.catalog import Catalog  # noqa: E402

P, S = ProfileId("docs"), SourceName("docs")
WORDS = b"report Invoice photo draft Meeting budget scan letter IMG notes".split(b" ")
ENDINGS = b"txt pdf docx JPG xlsx log py md".split(b" ")
PER_FOLDER, IN_LARGE, LARGE_EVERY = 49, 1000, 1000
LS_GOAL, FIND_GOAL = 0.050, 0.300
ROUNDS = 20
FIRST_PAGE = 100
LISTED = 50_000

Question = Callable[[Catalog, random.Random], int]


def entry(path: bytes, number: int, version: int = 0, *, folder: bool = False) -> FileEntry:
    """What stands at a path."""
    kind, mode = (EntryKind.FOLDER, 0o755) if folder else (EntryKind.FILE, 0o644)
    mtime = 1_700_000_000_000_000_000 + number * 1_000 + version
    digest = b"" if folder else number.to_bytes(16, "big")
    return FileEntry(RelPath(path), kind, mode, 1000, 1000, mtime, number % 100_000, b"", digest)


def folder_path(number: int) -> bytes:
    """Folder of that number, three levels deep."""
    return b"Area %03d/Project %02d/case-%05d" % (number // 1000, number % 20, number)


def tree(count: int) -> Iterator[FileEntry]:
    """The root, folders and ``count`` files."""
    yield entry(ROOT, 0, folder=True)
    made = folder = 0
    while made < count:
        if folder % 1000 == 0:
            yield entry(b"Area %03d" % (folder // 1000), 0, folder=True)
            for project in range(20):
                yield entry(b"Area %03d/Project %02d" % (folder // 1000, project), 0, folder=True)
        path = folder_path(folder)
        yield entry(path, folder, folder=True)
        for number in range(made, made + (PER_FOLDER if folder % LARGE_EVERY else IN_LARGE)):
            word, ending = WORDS[number * 7 % 10], ENDINGS[number * 3 % 8]
            yield entry(b"%s/%s %05d-%03d.%s" % (path, word, number % 99_991, number % 1000, ending), number)
            made += 1
        folder += 1


def run_changes(files: list[FileEntry], seq: int) -> Iterator[Change]:
    """One run in the life of the tree: 1 % changed, 0.05 % gone, as many new."""
    chance = random.Random(seq)  # repeatable
    for number in sorted(chance.sample(range(len(files)), len(files) // 100)):
        one = files[number]
        if number % 20:
            yield Change(S, ChangeOp.CONTENT, entry(one.path, one.size, seq))
        else:
            yield Change(S, ChangeOp.GONE, one)
            yield Change(S, ChangeOp.ADDED, entry(b"%s.%d" % (one.path, seq), one.size, seq))


def filled(database: Database, count: int, points: int) -> float:
    """Enter all runs; files per second of the first one."""
    entries = list(tree(count))
    started = time.perf_counter()
    with database.units() as uow:
        uow.catalog.apply(P, 1, (Change(S, ChangeOp.ADDED, one) for one in entries))
        uow.commit()
    rate = count / (time.perf_counter() - started)
    files = [one for one in entries if one.kind is EntryKind.FILE]
    for seq in range(2, points + 1):
        with database.units() as uow:
            uow.catalog.apply(P, seq, run_changes(files, seq))
            uow.commit()
    return rate


def rsync_rate(folder: Path) -> float:
    """Files per second that rsync lists, here and without a network."""
    for number in range(LISTED):
        place = folder / f"{number // PER_FOLDER}"
        if number % PER_FOLDER == 0:
            place.mkdir(parents=True)
        (place / f"{number}").touch()
    started = time.perf_counter()
    command = ["rsync", "-a", "--list-only", f"{folder}/"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return LISTED / (time.perf_counter() - started)


def listing(path: bytes | None, points: int) -> Question:
    """A folder at any point; without a path, a small one."""

    def ask(catalog: Catalog, chance: random.Random) -> int:
        where = RelPath(path or folder_path(chance.randrange(1, 999)))
        return sum(1 for _ in islice(catalog.children(P, chance.randint(1, points), S, where), 10_000))

    return ask


def finding(pattern: bytes) -> Question:
    """The first page of what a pattern means; ``%d`` stands for any number."""

    def ask(catalog: Catalog, chance: random.Random) -> int:
        sought = Pattern(pattern.replace(b"%d", b"%05d" % chance.randrange(99_991)))
        return sum(1 for _ in islice(catalog.matching(P, S, sought), FIRST_PAGE))

    return ask


def questions(points: int) -> dict[str, Question]:
    """What people ask, by name; those that begin with ls and find have a goal."""
    last = points
    return {
        "ls root above all": listing(ROOT, points),
        "ls folder of 50 folders": listing(b"Area 000/Project 00", points),
        "ls folder of 1,000 files": listing(folder_path(0), points),
        "ls small folder": listing(None, points),
        "find rare name": finding(b"%d-"),
        "find name that is not there": finding(b"zzzq"),
        "find frequent name": finding(b"invoice"),
        "find prefix glob": finding(b"report %d*"),
        "find suffix glob": finding(b"*-048.jpg"),
        "find infix glob": finding(b"*scan*%d*"),
        "find whole path": finding(b"docs/Area 000/**/*%d*"),
        "find word of folders above": finding(b"project"),
        "diff of two points, first page": lambda catalog, _: sum(
            1 for _ in islice(catalog.differing(P, S, last // 2, last), FIRST_PAGE)
        ),
        "diff of two points, whole": lambda catalog, _: sum(
            1 for _ in catalog.differing(P, S, last - 1, last)
        ),
        "deleted, first page": lambda catalog, _: sum(
            1 for _ in islice(catalog.deleted(P, last, S), FIRST_PAGE)
        ),
    }


def answered(database: Database, question: Question) -> tuple[list[float], list[float]]:
    """Seconds of each round, fastest first, by the clock and of the processor: what a busy machine adds.

    Each round has a unit of its own, as a request has.
    """
    chance = random.Random(7)
    taken: list[float] = []
    worked: list[float] = []
    for _ in range(ROUNDS):
        with database.units(read_only=True) as uow:
            started, begun = time.perf_counter(), time.process_time()
            question(uow.catalog, chance)
            taken.append(time.perf_counter() - started)
            worked.append(time.process_time() - begun)
    return sorted(taken), sorted(worked)


def verdict(name: str, p95: float) -> str:
    """How the goal was met, for what has one."""
    goal = {"ls": LS_GOAL, "find": FIND_GOAL}.get(name.partition(" ")[0])
    if goal is None:
        return ""
    return f"   goal p95 {goal * 1000:.0f} ms: {'met' if p95 <= goal else 'MISSED'}"


def bench_catalog(tmp: Path) -> None:
    """Fill a catalog as set, ask everything, print it."""
    count = int(os.environ.get("BCK_BENCH_CATALOG_FILES", "1000000"))
    points = int(os.environ.get("BCK_BENCH_CATALOG_POINTS", "20"))
    file = tmp / "catalog.sqlite3"
    database = sql_database(f"sqlite:///{file}", SystemClock())
    database.migrate()
    try:
        rate = filled(database, count, points)
        size = file.stat().st_size
        print(f"catalog of {count:,} files x {points} points: {size / 1e6:.0f} MB", flush=True)
        listed = rsync_rate(tmp / "tree")
        print(f"    ingest {rate:,.0f} files/s; rsync alone lists {listed:,.0f} files/s", flush=True)
        for name, question in questions(points).items():
            taken, worked = answered(database, question)
            p50, p95 = statistics.median(taken), taken[int(len(taken) * 0.95) - 1]
            told = f"p50 {p50 * 1000:7.1f} ms   p95 {p95 * 1000:7.1f} ms"
            cpu = f"   processor {statistics.median(worked) * 1000:6.1f} ms"
            print(f"    {name:32} {told}{cpu}{verdict(name, p95)}", flush=True)
    finally:
        database.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        bench_catalog(Path(place))
