"""A job of ours beside bare rsync: same tree, same sshd, same run; ratios are what counts.

Three contenders, each with a destination of its own, pull one tree over one loopback sshd:

* ``job``: a backup job, from claim to durable restore point, carried out as the runner does it;
* ``bare``: rsync with exactly our options, its listing read by nobody;
* ``plain``: ``rsync -a --backup --backup-dir``, what people write by hand.

``cli`` adds what ``bck backup --wait`` costs as a whole process. Rounds alternate between the contenders,
medians are compared. Settings: BCK_BENCH_FILES (100000), BCK_BENCH_ROUNDS (5).
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HERE))

from bck_adapters.rsync.ssh_config import ssh_shell  # noqa: E402  # path set above
from bck_apps.wiring import Application, initialise  # noqa: E402
from bckcore.domain.ids import SourceName  # noqa: E402
from bckcore.domain.profile import Profile  # noqa: E402
from bckcore.domain.secret import Secret  # noqa: E402
from bckcore.domain.source import Source  # noqa: E402
from bckcore.domain.transfer import TransferOptions  # noqa: E402
from scripts.bench_api import bench_api  # noqa: E402
from scripts.bench_catalog import bench_catalog  # noqa: E402
from scripts.bench_fleet import bench_fleet  # noqa: E402
from scripts.bench_parts import (  # noqa: E402
    DOCS,
    bare_order,
    build_tree,
    change_tree,
    run_bare,
    run_job,
    timed,
)
from scripts.bench_prune import bench_prune  # noqa: E402
from scripts.bench_restore import bench_restore  # noqa: E402
from tests.support.sshd import LoopbackSshd, running_sshd  # noqa: E402

BUDGET_RATIO, BUDGET_SECONDS = 1.10, 0.5


class Contest:
    """The contenders on one tree."""

    def __init__(self, tmp: Path, tree: Path, sshd: LoopbackSshd, application: Application) -> None:
        self._tmp, self._tree, self._sshd, self._application = tmp, tree, sshd, application
        self._number = 0

    def job(self) -> None:
        """A whole job of ours."""
        run_job(self._application, self._application.jobs.start_backup(DOCS, requested_by="bench").job.id)

    def cli(self) -> None:
        """The same as a command."""
        command = [sys.executable, "-m", "bck_apps.cli", "backup", DOCS, "--wait", "--json"]
        env = {**os.environ, "BCK_HOME": str(self._application.home)}
        subprocess.run(command, check=True, env=env, stdout=subprocess.DEVNULL)

    def bare(self) -> None:
        """rsync with our options."""
        self._number += 1
        order = bare_order(self._sshd.host(), self._tree, self._tmp / "bare", self._number)
        run_bare(order, self._sshd.credential, self._tmp / "run")

    def plain(self) -> None:
        """What people write by hand."""
        self._number += 1
        destination = self._tmp / "plain"
        destination.mkdir(exist_ok=True)
        with ssh_shell(
            self._sshd.host(), self._sshd.credential, TransferOptions(), self._tmp / "run"
        ) as shell:
            backup = ["--backup", f"--backup-dir={self._tmp / 'plain-history' / str(self._number)}"]
            command = ["rsync", "-a", *backup, f"--rsh={shell}", f"pc:{self._tree}/", f"{destination}/"]
            subprocess.run(command, check=True)


def rounds(
    contest: Contest, names: list[str], count: int, prepare: Callable[[int], None]
) -> dict[str, list[float]]:
    """``count`` rounds; each lets every contender work once, in turning order."""
    taken: dict[str, list[float]] = {name: [] for name in names}
    for number in range(count):
        prepare(number)
        turned = names[number % len(names) :] + names[: number % len(names)]
        for name in turned:
            taken[name].append(timed(getattr(contest, name)))
    return taken


def report(title: str, taken: dict[str, list[float]]) -> None:
    """Medians and ratios of one phase."""
    median = {name: statistics.median(times) for name, times in taken.items()}
    listed = "  ".join(
        f"{name} {median[name]:.2f} s ({min(times):.2f}-{max(times):.2f})" for name, times in taken.items()
    )
    over = median["job"] - BUDGET_RATIO * median["bare"]
    ratios = (
        f"job / bare {median['job'] / median['bare']:.2f}   job / plain {median['job'] / median['plain']:.2f}"
    )
    print(f"{title}: {listed}")
    print(f"    {ratios}   job - {BUDGET_RATIO:.2f} bare = {over:+.2f} s", flush=True)


def opened(tmp: Path, tree: Path, sshd: LoopbackSshd) -> Application:
    """An installation with the PC and a profile for the tree."""
    application = initialise(
        tmp / "home", storage=tmp / "store", admin="bench", password=Secret("bench bench bench")
    )
    application.hosts.add(sshd.host(), key=sshd.key, trust_on_first_use=True)
    source = Source(name=SourceName("docs"), path=str(tree))
    application.profiles.add(Profile(id=DOCS, host=sshd.host().id, sources=(source,)))
    return application


def bench(tmp: Path, files: int, count: int) -> None:
    """All phases."""
    tree = tmp / "tree"
    build_tree(tree, files)
    (tmp / "run").mkdir(mode=0o700)
    with running_sshd(tmp / "sshd", as_installed=True) as sshd, opened(tmp, tree, sshd) as application:
        contest = Contest(tmp, tree, sshd, application)
        print(f"{files} files, {count} rounds; medians (fastest-slowest)", flush=True)
        names = ["bare", "job", "plain"]
        report("first run", rounds(contest, names, 1, lambda _: os.sync()))
        report("no change", rounds(contest, [*names, "cli"], count, lambda _: None))
        changed: list[int] = []
        taken = rounds(contest, names, count, lambda number: changed.append(change_tree(tree, 0.01, number)))
        report(f"1 % changed ({changed[-1]} files)", taken)


def bench_jobs(tmp: Path, settings: argparse.Namespace) -> None:
    """A job beside rsync."""
    bench(tmp, settings.files, settings.rounds)


PARTS: dict[str, Callable[[Path, argparse.Namespace], None]] = {
    "jobs": bench_jobs,
    "prune": lambda tmp, settings: bench_prune(tmp, settings.files),
    "restore": lambda tmp, settings: bench_restore(tmp, settings.files, settings.rounds),
    "catalog": lambda tmp, _: bench_catalog(tmp),
    "api": lambda tmp, settings: bench_api(tmp, settings.rounds),
    "fleet": lambda tmp, settings: bench_fleet(tmp, settings.files, settings.rounds),
}


def main() -> None:
    """Read the settings; for each part make a place, measure, remove it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=int(os.environ.get("BCK_BENCH_FILES", "100000")))
    parser.add_argument("--rounds", type=int, default=int(os.environ.get("BCK_BENCH_ROUNDS", "5")))
    parser.add_argument("--part", action="append", choices=PARTS, help="only this; may be given again")
    settings = parser.parse_args()
    for name in settings.part or PARTS:
        print(f"--- {name}", flush=True)
        tmp = Path(tempfile.mkdtemp(prefix="bench-"))
        try:
            PARTS[name](tmp, settings)
        finally:
            shutil.rmtree(tmp, ignore_errors=True)


if __name__ == "__main__":
    main()
