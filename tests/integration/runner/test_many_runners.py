"""Several runner processes, each with settings of its own, on one database and one storage."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path

from bck_apps.runner.presence import serve_is_up
from bck_apps.wiring import database_place, initialise, open_application
from bckcore.domain.host import Host
from bckcore.domain.ids import HostId, ProfileId
from bckcore.domain.job import Job, JobStatus
from bckcore.domain.profile import Profile
from bckcore.domain.secret import Secret
from bckcore.domain.source import parsed_sources
from tests.support.cli import PATIENCE, Bck, Running, eventually, processes_about

HOSTS, PROFILES_OF_A_HOST, RUNNERS, FILES = 3, 2, 3, 20


def made(tmp_path: Path, url: str) -> Bck:
    """An installation with a few PCs, each with a few profiles."""
    (tmp_path / "server").mkdir()
    runner = {"BCK_RUNNER__POLL_SECONDS": "0.1", "BCK_RUNNER__JOBS": "2", "BCK_CHECK__ENABLED": "false"}
    bck = Bck(tmp_path / "server", runner)
    secret, place = Secret("a long enough password"), database_place(url)
    with (
        initialise(
            bck.home, storage=bck.storage, admin="ann", password=secret, database=place
        ) as application,
        application.units() as uow,
    ):
        for number in range(HOSTS):
            pc = tmp_path / f"pc{number}"
            host = Host(id=HostId(pc.name), address="", transport="local", allowed_roots=(str(pc),))
            uow.hosts.add(host)
            for name in (f"docs{each}" for each in range(PROFILES_OF_A_HOST)):
                (pc / name).mkdir(parents=True)
                for file in range(FILES):
                    (pc / name / f"f{file}").write_bytes(b"%d" % file * 1000)
                sources = parsed_sources([str(pc / name)])
                uow.profiles.add(Profile(id=ProfileId(f"{name}-{number}"), host=host.id, sources=sources))
        uow.commit()
    return bck


def homes(bck: Bck) -> list[Bck]:
    """The installation, and more homes beside it that share its database and storage."""
    shared = {**bck.settings, "BCK_DATABASE__URL": bck.ok("db", "status")["address"]}
    others = [Bck(bck.folder / f"runner{number}", shared) for number in range(1, RUNNERS)]
    for other in others:
        other.home.mkdir(mode=0o700, parents=True)
        shutil.copy2(bck.home / "settings.toml", other.home)
    return [bck, *others]


@contextmanager
def running(bck: Bck) -> Iterator[Running]:
    """A runner process; ended by SIGTERM."""
    runner = bck.start("serve", "--only", "runner")
    try:
        yield runner
    finally:
        runner.terminate()
        runner.wait(PATIENCE)


def test_several_runners_carry_out_each_job_once_and_one_of_a_host_at_a_time(
    tmp_path: Path, url: str, require_tool
) -> None:
    """One of them is killed on the way; the others take up what it had at once."""
    require_tool("rsync")
    bck = made(tmp_path, url)
    with ExitStack() as stack:
        application = stack.enter_context(open_application(bck.home))
        profiles = [profile.id for profile in application.profiles.list()]
        runners = []
        for home in homes(bck):
            runners.append(stack.enter_context(running(home)))
        for folder in homes_of(bck):
            assert eventually(partial(serve_is_up, folder))
        asked = [application.jobs.start_backup(profile, requested_by="test").job.id for profile in profiles]
        assert eventually(lambda: any(job.status is JobStatus.RUNNING for job in application.jobs.list()))
        runners[-1].kill()
        assert eventually(lambda: all(job.status.final for job in application.jobs.list()), 2 * PATIENCE)
        jobs = application.jobs.list()
        assert sorted(job.id for job in jobs) == sorted(asked)
        assert {job.status for job in jobs} == {JobStatus.SUCCEEDED}
        one_at_a_time(jobs)
        for profile in profiles:
            [point] = application.restores.points(profile)
            assert point.counts.files == FILES
    assert processes_about(bck.storage) == []


def homes_of(bck: Bck) -> list[Path]:
    """Where each runner keeps what is its own."""
    return [bck.home, *(bck.folder / f"runner{number}" / "home" for number in range(1, RUNNERS))]


def one_at_a_time(jobs: Sequence[Job]) -> None:
    """No two of a host, nor of a profile, overlap."""
    for group in (lambda job: job.host, lambda job: job.profile):
        for name in {group(job) for job in jobs}:
            alike = [job for job in jobs if group(job) == name]
            times = sorted((job.started, job.finished) for job in alike if job.started and job.finished)
            assert all(before[1] <= after[0] for before, after in pairwise(times)), name
