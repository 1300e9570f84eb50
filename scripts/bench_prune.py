"""Pruning twenty points, beside ``rm -r`` of as many files; and the peak memory of a backup.

Every run changes one file in a hundred. All points but the newest go at once: first every second one,
so that increments are merged into the next newer, then all the rest, so that they are freed.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from bck_apps.wiring import Application
from bckcore.domain.retention import RetentionPolicy
from scripts.bench_parts import DOCS, build_tree, change_tree, local_installation, run_job, timed

POINTS = 20
_WATCHED = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stderr=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
print(usage.ru_maxrss, file=sys.stderr)
os._exit(os.waitstatus_to_exitcode(status))
"""
"""A small process between: a child's peak counts from what its parent held when it was made."""


def bench_prune(tmp: Path, files: int) -> None:
    """Print what pruning costs."""
    tree = tmp / "pc"
    build_tree(tree, files)
    with local_installation(tmp, tree) as application:
        changed = 0
        for number in range(POINTS + 1):
            changed += change_tree(tree, 0.01, number) if number else 0
            run_job(application, application.jobs.start_backup(DOCS, requested_by="bench").job.id)
        history = application.settings.storage.root / ".history"
        peer = tmp / "peer"
        shutil.copytree(history, peer)
        print(f"prune: {POINTS} increments, {changed} displaced files of {files}")
        merged = timed(lambda: _pruned(application, _every_second))
        freed = timed(lambda: _pruned(application, _all_but_the_newest))
        removed = timed(lambda: subprocess.run(["rm", "-r", str(peer)], check=True))
        left = sum(1 for path in history.rglob("*") if path.is_file())
        print(f"  merge of every second: {merged:6.2f} s   {merged / removed:5.2f} x rm -r")
        print(f"  freeing all the rest:  {freed:6.2f} s   {freed / removed:5.2f} x rm -r")
        print(f"  rm -r of the same:     {removed:6.2f} s   files left in history: {left}")
        _print_memory(application)


def _pruned(application: Application, choose: Callable[[Application], None]) -> None:
    choose(application)
    run_job(application, application.jobs.start_prune(DOCS, requested_by="bench").job.id)


def _every_second(application: Application) -> None:
    """A policy cannot choose so: the points are taken out as a person's release would let them go."""
    _with_policy(application, RetentionPolicy(keep_last=1000, keep_within=timedelta(0), min_age=timedelta(0)))
    with application.units() as uow:
        for point in uow.points.list(DOCS)[:-1:2]:
            uow.points.forget(DOCS, point.seq)
        uow.commit()


def _all_but_the_newest(application: Application) -> None:
    _with_policy(application, RetentionPolicy(keep_last=1, keep_within=timedelta(0), min_age=timedelta(0)))


def _with_policy(application: Application, policy: RetentionPolicy) -> None:
    from dataclasses import replace

    with application.units() as uow:
        uow.profiles.update(replace(uow.profiles.get(DOCS), retention=policy))
        uow.commit()


def _print_memory(application: Application) -> None:
    """What a whole process takes at most for a backup."""
    env = {**os.environ, "BCK_HOME": str(application.home)}
    command = [sys.executable, "-m", "bck_apps.cli", "backup", DOCS, "--wait", "--json"]
    done = subprocess.run(
        [sys.executable, "-S", "-c", _WATCHED, *command], check=True, env=env, capture_output=True, text=True
    )
    print(f"  peak memory of `bck backup --wait`: {int(done.stderr) / 1024:.0f} MB")
