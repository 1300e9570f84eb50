"""What all parts of the bench share: trees, an installation, jobs carried out as the runner does it."""

import os
import random
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bck_adapters.rsync.argv import Invocation, environment, pull_argv
from bck_adapters.rsync.ssh_config import ssh_shell
from bck_apps.runner.execution import Execution
from bck_apps.wiring import Application, initialise
from bckcore.domain.credential import Credential
from bckcore.domain.host import Host
from bckcore.domain.ids import HostId, JobId, ProfileId, RunId, SourceName
from bckcore.domain.profile import Profile
from bckcore.domain.secret import Secret
from bckcore.domain.source import Source
from bckcore.domain.transfer import PullOrder, TransferOptions

DOCS = ProfileId("docs")
FILES_PER_FOLDER = 100


def build_tree(root: Path, files: int) -> None:
    """Small files of random bytes, a hundred to a folder."""
    chance = random.Random(1)  # the same tree each time
    for number in range(files):
        folder = root / f"a{number // (FILES_PER_FOLDER * 50)}" / f"b{number // FILES_PER_FOLDER}"
        if number % FILES_PER_FOLDER == 0:
            folder.mkdir(parents=True, exist_ok=True)
        (folder / f"file-{number}.dat").write_bytes(chance.randbytes(chance.randrange(100, 4000)))


def change_tree(root: Path, share: float, seed: int) -> int:
    """Rewrite a share of the files; how many."""
    chance = random.Random(seed)  # repeatable
    files = [path for path in sorted(root.rglob("*.dat")) if chance.random() < share]
    for path in files:
        path.write_bytes(chance.randbytes(chance.randrange(100, 4000)))
    return len(files)


def timed(action: Callable[[], object]) -> float:
    """Seconds that the action took."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def bare_order(host: Host, tree: Path, base: Path, number: int) -> PullOrder:
    """What rsync by hand is to do: the tree of a host below ``base``; ``number`` tells its runs apart."""
    folders = {name: base / f"{name}{number}" for name in ("displaced", "temp", "work")}
    folders |= {name: base / name for name in ("destination", "partial")}
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    return PullOrder(
        run=RunId("bench"),
        attempt=1,
        host=host,
        source=Source(name=SourceName("docs"), path=str(tree)),
        filters=(),
        options=TransferOptions(),
        destination=folders["destination"],
        displaced_dir=folders["displaced"],
        partial_dir=folders["partial"],
        temp_dir=folders["temp"],
        work_dir=folders["work"],
    )


def run_bare(order: PullOrder, credential: Credential, runtime: Path) -> None:
    """rsync with exactly our options, its listing read by nobody."""
    with ssh_shell(order.host, credential, order.options, runtime) as shell:
        argv = pull_argv(order, Invocation(remote_shell=shell, tag="0" * 16), ())
        with (order.work_dir / "listing").open("wb") as listing:
            env = dict(environment(os.environ["PATH"]))
            subprocess.run(argv, check=True, env=env, stdout=listing)


def run_job(application: Application, job_id: JobId) -> None:
    """Claim the job and carry it out; ends the bench unless it succeeds."""
    claim = application.queue.claim("bench", lease_seconds=60, only=job_id)
    if claim is None:
        raise SystemExit("The queue did not give the job out.")
    Execution(
        claim,
        queue=application.queue,
        worker=application.worker,
        clock=application.clock,
        lease_seconds=60,
    ).carry_out()
    job = application.jobs.get(job_id)
    if job.status.value != "succeeded":
        raise SystemExit(f"The job ended as {job.status.value}: {job.result.error}")


@contextmanager
def local_installation(tmp: Path, tree: Path) -> Iterator[Application]:
    """An installation that backs up a folder of this machine."""
    password = Secret("bench bench bench")
    with initialise(tmp / "home", storage=tmp / "store", admin="bench", password=password) as application:
        host = Host(id=HostId("here"), address="", transport="local", allowed_roots=(str(tree),))
        application.hosts.add(host, key=None, trust_on_first_use=False)
        source = Source(name=SourceName("docs"), path=str(tree))
        application.profiles.add(Profile(id=DOCS, host=host.id, sources=(source,)))
        yield application
