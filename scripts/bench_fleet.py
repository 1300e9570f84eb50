"""Fifty PCs: all backed up by one runner, beside the same rsync commands run by hand, as many at once.

Each PC is an address of its own, reached over ssh. The runner is a process of its own on SQLite; its time
counts from the first request to the end of the last job. By hand means: our rsync options, no listing read,
no catalog, nothing made durable.
"""

import statistics
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from bckcore.domain.ids import HostId, ProfileId
from scripts.bench_parts import bare_order, build_tree, change_tree, run_bare, timed
from tests.support.fleet import LISTENS, Fleet, Plan, RunnerProcess, made_fleet

HOSTS, AT_ONCE = 50, 4
PATIENCE = 3600.0


def jobs(fleet: Fleet) -> None:
    """Ask for a backup of every PC and wait for the last one; ends the bench unless all go well."""
    asked = [fleet.application.jobs.start_backup(one, requested_by="bench").job.id for one in fleet.docs()]
    if not fleet.application.clock.wait(PATIENCE, until=lambda: not fleet.unfinished()):
        raise SystemExit("The jobs did not come to their end.")
    ended = {fleet.application.jobs.get(job).status.value for job in asked}
    if ended != {"succeeded"}:
        raise SystemExit(f"Jobs ended as {ended}.")


def by_hand(fleet: Fleet, number: int, runtime: Path) -> None:
    """The same rsync commands, AT_ONCE of them at any time."""

    def one(place: int) -> None:
        docs = fleet.docs()[ProfileId(f"pc{place}-0")]
        host = fleet.application.hosts.get(HostId(f"pc{place}"))
        base = fleet.folder.parent / "by-hand" / host.id
        run_bare(bare_order(host, docs, base, number), fleet.sshds[place // LISTENS].credential, runtime)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(one, range(HOSTS)))


def report(title: str, ours: list[float], bare: list[float]) -> None:
    """Medians and their ratio."""
    mine, theirs = statistics.median(ours), statistics.median(bare)
    print(
        f"{title}: jobs {mine:.1f} s ({min(ours):.1f}-{max(ours):.1f}), by hand {theirs:.1f} s "
        f"({min(bare):.1f}-{max(bare):.1f}), {mine / theirs:.2f} x, "
        f"{(mine - theirs) * AT_ONCE / HOSTS:+.2f} s a job",
        flush=True,
    )


@contextmanager
def fleet_at_work(tmp: Path, files: int) -> Iterator[Fleet]:
    """PCs with trees of equal size, and a runner."""
    with made_fleet(tmp, Plan(hosts=HOSTS, profiles=1)) as fleet:
        for docs in fleet.docs().values():
            build_tree(docs, files)
        fleet.bck.settings["BCK_RUNNER__JOBS"] = str(AT_ONCE)
        fleet.bck.cold = True
        with RunnerProcess(fleet.bck):
            yield fleet


def bench_fleet(tmp: Path, files: int, rounds: int) -> None:
    """A first run, runs without a change, and runs with one."""
    runtime = tmp / "run"
    runtime.mkdir(mode=0o700)
    with fleet_at_work(tmp, max(1, files // HOSTS)) as fleet:
        print(f"{HOSTS} hosts, {AT_ONCE} at once, {max(1, files // HOSTS)} files each", flush=True)
        numbers = count()
        for title, share, times in (
            ("first run", 0.0, 1),
            ("no change", 0.0, rounds),
            ("1 % changed", 0.01, rounds),
        ):
            ours, bare = list[float](), list[float]()
            for number in range(times):
                if share:
                    for docs in fleet.docs().values():
                        change_tree(docs, share, number)
                taken = next(numbers)
                ours.append(timed(lambda: jobs(fleet)))
                bare.append(timed(lambda taken=taken: by_hand(fleet, taken, runtime)))  # type: ignore[misc]
            report(title, ours, bare)
