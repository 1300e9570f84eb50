"""Restoring a whole point, beside ``rsync -a`` of the same tree; both in turns, then on disk (sync)."""

import os
import random
import shutil
import statistics
import subprocess
from pathlib import Path

from bck_apps.wiring import Application
from bckcore.domain.restore import RestoreOptions
from bckcore.services.restore_request import RestoreRequest
from scripts.bench_parts import DOCS, build_tree, local_installation, run_job, timed

ROUNDS = 3
LARGE_FILES = 4
LARGE_BYTES = 50 << 20
AIM = 1.15


def bench_restore(tmp: Path, files: int, rounds: int = ROUNDS) -> None:
    """Print what a restore costs."""
    tree = tmp / "pc"
    build_tree(tree, files)
    _add_large(tree)
    with local_installation(tmp, tree) as application:
        run_job(application, application.jobs.start_backup(DOCS, requested_by="bench").job.id)
        print(f"restore: {files} small files and {LARGE_FILES} of {LARGE_BYTES >> 20} MiB, {rounds} rounds")
        ways = {
            "bck restore": lambda: _restore(application, tmp / "out", RestoreOptions()),
            "bck restore --verify": lambda: _restore(application, tmp / "out", RestoreOptions(verify=True)),
            "rsync -a": lambda: subprocess.run(["rsync", "-a", f"{tree}/", f"{tmp / 'out'}/"], check=True),
            "rsync -a; sync": lambda: _rsync_and_sync(tree, tmp / "out"),
        }
        taken: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(rounds):
            for name, way in ways.items():
                shutil.rmtree(tmp / "out", ignore_errors=True)
                os.sync()
                taken[name].append(timed(way))
        _report(taken)


def _add_large(tree: Path) -> None:
    chance = random.Random(2)  # the same each time
    for number in range(LARGE_FILES):
        (tree / f"large-{number}.bin").write_bytes(chance.randbytes(LARGE_BYTES))


def _restore(application: Application, folder: Path, options: RestoreOptions) -> None:
    request = RestoreRequest(point="latest", folder=folder, options=options)
    run_job(application, application.jobs.start_restore(DOCS, request, requested_by="bench").job.id)


def _rsync_and_sync(tree: Path, folder: Path) -> None:
    subprocess.run(["rsync", "-a", f"{tree}/", f"{folder}/"], check=True)
    os.sync()


def _report(taken: dict[str, list[float]]) -> None:
    bare = taken["rsync -a"]
    for name, seconds in taken.items():
        ratios = [mine / theirs for mine, theirs in zip(seconds, bare, strict=True)]
        ratio = statistics.median(ratios)
        print(f"  {name:<22} {statistics.median(seconds):7.2f} s   {ratio:5.2f} x rsync -a", end="")
        print(f"   (aim: at most {AIM})" if name == "bck restore" else "")
