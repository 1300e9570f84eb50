"""A job whose runner died after its run had ended is not carried out once more: it ends as that run did."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from bckcore.domain.access import SCHEDULE
from bckcore.domain.events import RunFinished
from bckcore.domain.ids import JobId
from bckcore.domain.job import JobKind, JobResult, JobStatus
from bckcore.domain.paths import RelPath
from bckcore.domain.run import RunKind
from bckcore.domain.schedule import Schedule
from bckcore.services.history_requests import AcceptRequest, UndoRequest
from bckcore.services.hooks import NullHooks
from bckcore.services.worker import Ending
from tests.support.desks import Desk
from tests.support.house import DOCS, RecordingWatcher
from tests.support.job_service import job_service

LEASE = 60
Work = tuple[JobKind, Mapping[str, object]]


class Heard(NullHooks):
    """Remembers of which runs plugins heard."""

    def __init__(self) -> None:
        self.runs: list[int] = []

    def run_finished(self, event: RunFinished) -> None:
        """Remember its number."""
        self.runs.append(event.run.seq)


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def desk(quick_dir: Path, heard: Heard) -> Desk:
    desk = Desk(quick_dir, hooks=heard)
    desk.write("a", "b")
    desk.many(120)
    desk.back_up()
    return desk


def asked(desk: Desk, work: Work) -> JobId:
    job = desk.house.job("once", *work)
    desk.house.database.queue.enqueue(job)
    return job.id


def by_a_runner_that_dies(desk: Desk, job: JobId, watcher: RecordingWatcher | None = None) -> Ending:
    """How the job ended, which its runner no longer says."""
    claim = desk.house.database.queue.claim("one that dies", lease_seconds=LEASE, only=job)
    assert claim is not None
    ending = desk.house.worker.carry_out(claim, watcher or desk.house.watcher)
    desk.house.clock.advance(LEASE + 1)
    return ending


def by_the_next_runner(desk: Desk, job: JobId) -> Ending:
    claim = desk.house.database.queue.claim("the next", lease_seconds=LEASE, only=job)
    assert claim is not None
    assert claim.job.claims > 1
    ending = desk.house.worker.carry_out(claim, desk.house.watcher)
    desk.house.database.queue.finish(claim, *ending)
    return ending


def runs(desk: Desk) -> list[tuple[int, RunKind]]:
    with desk.house.database.units(read_only=True) as uow:
        return [(run.seq, run.kind) for run in uow.runs.list(DOCS)]


def succeeding(desk: Desk) -> Work:
    desk.write("new")
    return JobKind.BACKUP, {}


def without_difference(_desk: Desk) -> Work:
    return JobKind.BACKUP, {}


def suspect(desk: Desk) -> Work:
    desk.docs.delete(b"many")
    return JobKind.BACKUP, {}


def partial(desk: Desk) -> Work:
    desk.write("new")
    desk.docs.not_installed.add(RelPath(b"new"))
    return JobKind.BACKUP, {}


def undoing(desk: Desk) -> Work:
    desk.write("new")
    desk.back_up()
    return JobKind.UNDO, UndoRequest(run="2", reason="a mistake").payload()


def accepting(desk: Desk) -> Work:
    desk.docs.delete(b"many")
    desk.back_up()
    return JobKind.ACCEPT, AcceptRequest(reason="old").payload()


@pytest.mark.parametrize(
    ("prepare", "status"),
    [
        (succeeding, JobStatus.SUCCEEDED),
        (without_difference, JobStatus.SUCCEEDED),
        (suspect, JobStatus.SUSPECT),
        (partial, JobStatus.PARTIAL),
        (undoing, JobStatus.SUCCEEDED),
        (accepting, JobStatus.SUCCEEDED),
    ],
)
def test_it_ends_as_the_run_did_and_plugins_hear_of_that_again(
    desk: Desk, heard: Heard, prepare: Callable[[Desk], Work], status: JobStatus
) -> None:
    job = asked(desk, prepare(desk))
    first = by_a_runner_that_dies(desk, job)
    before = runs(desk)
    desk.write("later")
    assert by_the_next_runner(desk, job) == first
    assert (first[0], runs(desk)) == (status, before)
    assert heard.runs[-2:] == [before[-1][0]] * 2
    assert any("had ended" in line for line in desk.house.watcher.lines)
    assert desk.house.back_up().counts.added >= 1, "what came later is for the next job"


def test_a_run_that_did_not_come_to_its_end_is_carried_out_again(desk: Desk) -> None:
    job = asked(desk, succeeding(desk))
    status, _ = by_a_runner_that_dies(desk, job, RecordingWatcher(stop=lambda: True))
    assert status is JobStatus.CANCELLED
    assert by_the_next_runner(desk, job)[0] is JobStatus.SUCCEEDED
    desk.assert_restores(desk.world(), desk.newest().seq)


def test_the_run_of_another_job_answers_for_none(desk: Desk) -> None:
    job = asked(desk, succeeding(desk))
    claim = desk.house.database.queue.claim("one that dies at once", lease_seconds=LEASE, only=job)
    assert claim is not None
    desk.house.clock.advance(LEASE + 1)
    assert by_the_next_runner(desk, job)[0] is JobStatus.SUCCEEDED
    assert [seq for seq, _ in runs(desk)] == [1, 2]


@pytest.mark.parametrize("prepare", [succeeding, undoing])
def test_runs_of_others_since_then_change_nothing(desk: Desk, prepare: Callable[[Desk], Work]) -> None:
    """Whoever finds the job of the dead hands it back, and another job of the profile goes first."""
    job = asked(desk, prepare(desk))
    first = by_a_runner_that_dies(desk, job)
    queue = desk.house.database.queue
    finder = queue.claim("the finder", lease_seconds=LEASE, only=job)
    assert finder is not None
    queue.hand_back(finder)
    desk.write("later")
    other = desk.house.job("other", JobKind.RESTORE, {})  # of no matter what kind: the queue lets it pass
    queue.enqueue(other)
    claim = queue.claim("of a person", lease_seconds=LEASE, only=other.id)
    assert claim is not None
    desk.house.backups.back_up(claim, desk.house.watcher)
    queue.finish(claim, JobStatus.SUCCEEDED, JobResult())
    before = runs(desk)
    status, result = by_the_next_runner(desk, job)
    assert (status, result.data["run_id"]) == (first[0], first[1].data["run_id"])
    assert runs(desk) == before
    desk.assert_restores(desk.world(), desk.newest().seq)


@pytest.mark.parametrize(
    ("first", "handed_back", "accept"), [("bob", True, False), ("bob", False, False), (SCHEDULE, True, True)]
)
def test_what_a_job_did_before_it_was_asked_for_again_is_no_answer(
    desk: Desk, first: str, *, handed_back: bool, accept: bool
) -> None:
    """A day later a person asks, and the same job answers: what she has written since is stored."""
    desk.house.change_profile(schedule=Schedule(every=timedelta(hours=1)))
    jobs, queue = job_service(desk.house), desk.house.database.queue
    job = jobs.start_backup(DOCS, requested_by=first).job.id
    desk.write("new")
    assert by_a_runner_that_dies(desk, job)[0] is JobStatus.SUCCEEDED
    if handed_back:
        finder = queue.claim("the finder", lease_seconds=LEASE, only=job)
        assert finder is not None
        queue.hand_back(finder)
    desk.house.clock.advance(24 * 3600)
    desk.write("thesis")
    answer = jobs.start_backup(DOCS, requested_by="anna", accept_missing=accept)
    assert (answer.created, answer.job.id) == (False, job)
    assert by_the_next_runner(desk, job)[0] is JobStatus.SUCCEEDED
    desk.assert_restores(desk.world(), desk.newest().seq)
    assert (desk.house.current() / "thesis").exists()
