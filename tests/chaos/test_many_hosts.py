"""Two runner processes, three API processes and many PCs: each job exactly once, and everything restores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import pytest

from bckcore.domain.job import Job, JobStatus
from bckcore.domain.run import RunOutcome
from tests.support.cli import PATIENCE, processes_about
from tests.support.fleet import (
    SLOTS,
    Answers,
    Fleet,
    Onlooker,
    Plan,
    RunnerProcess,
    api_processes,
    ask,
    made_fleet,
)
from tests.support.house import RecordingWatcher
from tests.support.postgresql import postgres_server
from tests.support.trees import differences, standing_below

A_FEW = Plan(hosts=6, profiles=2)
MANY = Plan(hosts=50, profiles=5)


@pytest.fixture(autouse=True)
def _tools(require_tool: Callable[[str], str]) -> None:
    require_tool("rsync")
    require_tool("sshd")


@pytest.fixture
def url() -> Iterator[str]:
    with postgres_server() as server:
        yield server.url(server.create(template=server.migrated))


def test_a_few_hosts_on_postgresql(tmp_path: Path, url: str) -> None:
    with made_fleet(tmp_path, A_FEW, url=url) as fleet:
        two_rounds(fleet, kill=False)


@pytest.mark.long
def test_a_few_hosts_on_one_sqlite_file(tmp_path: Path) -> None:
    with made_fleet(tmp_path, A_FEW) as fleet:
        two_rounds(fleet, kill=True)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_fifty_hosts_and_five_hundred_jobs_on_postgresql_with_a_runner_killed_in_the_middle(
    tmp_path: Path, url: str
) -> None:
    with made_fleet(tmp_path, MANY, url=url) as fleet:
        assert fleet.total == 500
        two_rounds(fleet, kill=True)


def two_rounds(fleet: Fleet, *, kill: bool) -> None:
    """Ask for every profile, wait, let the PCs change, ask again; then look at everything that is left."""
    answers = list[Answers]()
    with ExitStack() as stack:
        onlooker = stack.enter_context(Onlooker(fleet.bck.storage))
        where = stack.enter_context(api_processes(fleet.bck, 3))
        first = RunnerProcess(fleet.bck)
        second = RunnerProcess(fleet.second_home())
        stack.enter_context(first)
        stack.enter_context(second)
        for number in range(2):
            fleet.work(number)
            answers.append(ask(where, list(fleet.docs()), f"round{number}", chance=fleet.chance))
            if kill and number:
                second.kill_in_the_middle()
                second.__enter__()
            assert fleet.application.clock.wait(
                PATIENCE + fleet.total * 4, until=lambda: not fleet.unfinished()
            )
    jobs = fleet.application.jobs.list(limit=10 * fleet.total)
    each_key_is_one_job(answers, jobs)
    each_job_ran_once(fleet, jobs, killed=kill)
    one_at_a_time(fleet, jobs)
    assert onlooker.together == []
    assert onlooker.seen, "no transfer was seen at all"
    assert onlooker.most <= 2 * SLOTS
    assert processes_about(fleet.bck.folder) == []
    every_point_restores(fleet)


def each_key_is_one_job(answers: list[Answers], jobs: Sequence[Job]) -> None:
    """However often, wherever and by how many threads it was sent."""
    known = {job.id: job for job in jobs}
    ids = [found for answer in answers for found in answer.jobs.values()]
    assert all(len(found) == 1 for found in ids)
    assert all(count <= 1 for answer in answers for count in answer.created.values())
    assert sorted(job for found in ids for job in found) == sorted(known)


def each_job_ran_once(fleet: Fleet, jobs: Sequence[Job], *, killed: bool) -> None:
    """One run that went through for each job; one that a killed runner began may stand beside it."""
    assert len(jobs) == fleet.total
    assert {job.status for job in jobs} == {JobStatus.SUCCEEDED}
    again = {job.id for job in jobs if job.claims > 1}
    assert len(again) <= (SLOTS if killed else 0)
    assert all(job.claims <= 2 for job in jobs)
    good, other = Counter[str](), Counter[str]()
    for profile in fleet.docs():
        for run in fleet.application.history.runs(profile):
            (good if run.outcome is RunOutcome.SUCCEEDED else other)[run.job] += 1
    assert good == Counter(job.id for job in jobs)
    assert set(other) <= again


def one_at_a_time(fleet: Fleet, jobs: Sequence[Job]) -> None:
    """No two of a host overlap.

    A job's own start is read just before it is taken, so it can lie a moment before the end of the job that
    it had to wait for; its run starts after that.
    """
    began = {
        run.job: run.started
        for profile in fleet.docs()
        for run in fleet.application.history.runs(profile)
        if run.outcome is RunOutcome.SUCCEEDED
    }
    for host in {job.host for job in jobs}:
        mine = [job for job in jobs if job.host == host]
        times = sorted((began[job.id], job.finished) for job in mine if job.finished)
        assert len(times) == len(mine)
        assert all(before[1] <= after[0] for before, after in pairwise(times)), host


def every_point_restores(fleet: Fleet) -> None:
    """To what the PC held when it was made."""
    for profile, worlds in fleet.held.items():
        points = fleet.application.restores.points(profile)
        assert len(points) == len(worlds)
        for point, world in zip(points, worlds, strict=True):
            to = fleet.folder / "back" / point.run_id
            to.parent.mkdir(exist_ok=True)
            fleet.application.restores.restore(
                profile, point=point.run_id, to=to, paths=(), watcher=RecordingWatcher()
            )
            assert not differences(world, standing_below(to / "docs")), f"{profile}, {point.seq}"
