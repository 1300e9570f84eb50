"""Asking for work: once per key, once per profile, refused early when it cannot be done."""

import itertools
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bck_adapters.memory import MemoryBell
from bckcore.domain.access import SCHEDULE
from bckcore.domain.ids import JobId, ProfileId
from bckcore.domain.job import Job, JobKind, JobResult, JobStatus
from bckcore.domain.restore import RestoreOptions
from bckcore.errors import ConflictError, InvalidInputError, NotFoundError, PathNotAllowedError
from bckcore.ports.job_queue import LogLine
from bckcore.services.jobs import LONGEST_KEY, JobService
from bckcore.services.restore_request import RestoreRequest
from tests.support.desks import Desk
from tests.support.house import DOCS, PC
from tests.support.values import NOW

NOBODY = ProfileId("nobody")


class Counter:
    """A desk and its job service."""

    def __init__(self, folder: Path) -> None:
        self.desk = Desk(folder)
        self.desk.write("a")
        house = self.desk.house
        numbers = itertools.count(1)
        self.bell = MemoryBell()
        self.jobs = JobService(
            queue=house.database.queue,
            units=house.database.units,
            restores=house.restores,
            host_restores=house.host_restores,
            passwords=house.passwords,
            bell=self.bell,
            clock=house.clock,
            new_id=lambda: f"j{next(numbers)}",
        )

    def finish(self, job: JobId) -> None:
        """Carry a job out, as far as the queue can tell."""
        claim = self.desk.house.database.queue.claim("test", lease_seconds=60, only=job)
        assert claim is not None
        self.desk.house.database.queue.finish(claim, JobStatus.SUCCEEDED, JobResult())


@pytest.fixture
def counter(quick_dir: Path) -> Counter:
    return Counter(quick_dir)


def test_whoever_listens_is_woken_when_the_job_can_be_seen(counter: Counter) -> None:
    seen = list[int]()
    with counter.bell.listening(lambda: seen.append(len(counter.jobs.list()))):
        counter.jobs.start_backup(DOCS, requested_by="ada")
        counter.jobs.start_prune(DOCS, requested_by="ada")
        counter.jobs.ask(JobKind.CHECK, DOCS, {}, requested_by="ada")
    assert seen == [1, 2, 3]


def test_a_backup_is_queued_with_who_asked_and_when(counter: Counter) -> None:
    answer = counter.jobs.start_backup(DOCS, requested_by="ada")
    job = counter.jobs.get(answer.job.id)
    assert answer.created
    assert (job.kind, job.status, job.host, job.requested_by) == (
        JobKind.BACKUP,
        JobStatus.QUEUED,
        "pc1",
        "ada",
    )
    assert job.created == counter.desk.house.clock.now()


def test_a_second_backup_of_the_profile_is_answered_by_the_first_until_that_is_over(counter: Counter) -> None:
    first = counter.jobs.start_backup(DOCS, requested_by="ada").job
    again = counter.jobs.start_backup(DOCS, requested_by="bob")
    assert (again.created, again.job.id) == (False, first.id)
    counter.finish(first.id)
    assert counter.jobs.start_backup(DOCS, requested_by="bob").created


@pytest.mark.parametrize("accept", [False, True])
def test_a_start_while_a_backup_is_being_stopped_is_a_new_job(counter: Counter, *, accept: bool) -> None:
    queue = counter.desk.house.database.queue
    first = counter.jobs.start_backup(DOCS, requested_by="ada").job
    claim = queue.claim("test", lease_seconds=60)
    assert claim is not None
    counter.jobs.cancel(first.id)
    new = counter.jobs.start_backup(DOCS, requested_by="ada", accept_missing=accept)
    assert (new.created, new.job.status) == (True, JobStatus.QUEUED)
    queue.finish(claim, JobStatus.CANCELLED, JobResult())
    counter.finish(new.job.id)
    assert counter.jobs.get(new.job.id).status is JobStatus.SUCCEEDED


def test_the_same_key_gives_the_same_job_for_a_day_finished_or_not(counter: Counter) -> None:
    first = counter.jobs.start_backup(DOCS, requested_by="ada", key="k1").job
    counter.finish(first.id)
    counter.desk.house.clock.advance(23 * 3600)
    again = counter.jobs.start_backup(DOCS, requested_by="ada", key="k1")
    assert (again.created, again.job.id, again.job.status) == (False, first.id, JobStatus.SUCCEEDED)
    assert counter.jobs.start_backup(DOCS, requested_by="ada", key="k2").created


def test_only_a_job_that_was_asked_to_accept_missing_files_answers_for_that(counter: Counter) -> None:
    plain = counter.jobs.start_backup(DOCS, requested_by="ada").job
    with pytest.raises(ConflictError, match=f"queued already.*bck cancel {plain.id}"):
        counter.jobs.start_backup(DOCS, requested_by="ada", key="k", accept_missing=True)
    counter.finish(plain.id)
    asked = counter.jobs.start_backup(DOCS, requested_by="ada", key="k", accept_missing=True)
    assert (asked.created, dict(asked.job.payload)) == (True, {"accept_missing": True})
    for key in ("k", "", "other"):
        again = counter.jobs.start_backup(DOCS, requested_by="ada", key=key, accept_missing=True)
        assert (again.created, again.job.id) == (False, asked.job.id)
    assert not counter.jobs.start_backup(DOCS, requested_by="bob").created


def test_an_acceptance_takes_on_what_only_the_schedule_waits_for(counter: Counter) -> None:
    waiting = counter.jobs.start_backup(DOCS, requested_by=SCHEDULE, only_if_reachable=True).job
    asked = counter.jobs.start_backup(DOCS, requested_by="ada", accept_missing=True)
    assert (asked.job.id, asked.created, asked.job.requested_by) == (waiting.id, False, "ada")
    assert dict(asked.job.payload) == {"accept_missing": True}


def test_a_running_job_does_not_swallow_an_acceptance_either(counter: Counter) -> None:
    plain = counter.jobs.start_backup(DOCS, requested_by="ada").job
    assert counter.desk.house.database.queue.claim("test", lease_seconds=60, only=plain.id)
    with pytest.raises(ConflictError, match="running already"):
        counter.jobs.start_backup(DOCS, requested_by="ada", accept_missing=True)


def test_a_key_of_a_job_without_acceptance_does_not_stand_for_one_with_it(counter: Counter) -> None:
    plain = counter.jobs.start_backup(DOCS, requested_by="ada", key="k").job
    counter.finish(plain.id)
    with pytest.raises(ConflictError, match="key"):
        counter.jobs.start_backup(DOCS, requested_by="ada", key="k", accept_missing=True)


def test_a_key_stands_for_one_request_whatever_is_asked_next(counter: Counter) -> None:
    counter.desk.back_up()
    request = RestoreRequest(point="latest", folder=Path("/tmp/x"))
    restore = counter.jobs.start_restore(DOCS, request, requested_by="ada", key="k").job
    elsewhere = replace(request, folder=Path("/tmp/y"))
    for ask in (
        lambda: counter.jobs.start_restore(DOCS, elsewhere, requested_by="ada", key="k"),
        lambda: counter.jobs.start_backup(DOCS, requested_by="ada", key="k"),
        lambda: counter.jobs.start_prune(DOCS, requested_by="ada", key="k"),
    ):
        with pytest.raises(ConflictError, match=restore.id):
            ask()
    again = counter.jobs.start_restore(DOCS, request, requested_by="ada", key="k")
    assert (again.job.id, again.created) == (restore.id, False)


def test_latest_is_one_request_with_a_key_whatever_is_the_latest_by_then(counter: Counter) -> None:
    first = counter.desk.back_up()
    request = RestoreRequest(point="latest", folder=Path("/tmp/x"))
    restore = counter.jobs.start_restore(DOCS, request, requested_by="ada", key="k").job
    counter.finish(restore.id)
    counter.desk.write("b")
    assert counter.desk.back_up().id != first.id
    again = counter.jobs.start_restore(DOCS, request, requested_by="ada", key="k")
    assert (again.job.id, again.created, RestoreRequest.of(again.job).point) == (restore.id, False, first.id)
    with pytest.raises(ConflictError, match=restore.id):
        counter.jobs.start_restore(DOCS, replace(request, point=first.id), requested_by="ada", key="k")


def test_a_request_that_was_entered_and_done_while_its_twin_was_looked_at_answers_for_it(
    counter: Counter,
) -> None:
    asked: list[Job] = []

    def too_late() -> dict[str, object]:
        asked.append(counter.jobs.ask(JobKind.FORGET, DOCS, {"path": "a"}, requested_by="ada", key="k").job)
        counter.finish(asked[0].id)
        raise NotFoundError("It is not there any more.")

    twin = counter.jobs.ask(JobKind.FORGET, DOCS, {"path": "a"}, requested_by="ada", key="k", ready=too_late)
    assert ([twin.job.id], twin.created) == ([job.id for job in asked], False)


def test_a_resumed_restore_takes_over_from_the_one_that_was_left(counter: Counter) -> None:
    counter.desk.back_up()
    request = RestoreRequest(point="latest", folder=Path("/tmp/x"))
    left = counter.jobs.start_restore(DOCS, request, requested_by="ada").job
    other = counter.jobs.start_restore(DOCS, replace(request, folder=Path("/tmp/y")), requested_by="ada").job
    desk, mail = counter.desk.house, ProfileId("mail")
    theirs = desk.job("theirs", JobKind.RESTORE, request.payload(), by="bob", profile=mail)
    desk.database.queue.enqueue(theirs)
    resumed = replace(request, options=RestoreOptions(resume=True))
    asked = counter.jobs.start_restore(DOCS, resumed, requested_by="ada", key="k")
    assert asked.instead_of == (left.id,)
    assert counter.jobs.get(left.id).status is JobStatus.CANCELLED
    assert counter.jobs.get(other.id).status is JobStatus.QUEUED
    assert counter.jobs.get(theirs.id).status is JobStatus.QUEUED, "of another profile"
    again = counter.jobs.start_restore(DOCS, resumed, requested_by="ada", key="k")
    assert (again.job.id, again.instead_of) == (asked.job.id, ())
    assert counter.jobs.get(asked.job.id).status is JobStatus.QUEUED


@pytest.mark.parametrize("key", ["x" * (LONGEST_KEY + 1), "a\nb", "\x00", "\u202e"])
def test_a_key_is_short_and_printable(counter: Counter, key: str) -> None:
    with pytest.raises(InvalidInputError):
        counter.jobs.start_backup(DOCS, requested_by="ada", key=key)
    assert counter.jobs.list() == []


def test_unknown_profiles_are_not_found(counter: Counter) -> None:
    request = RestoreRequest(point="latest", folder=Path("/tmp/x"))
    for ask in (
        lambda: counter.jobs.start_backup(NOBODY, requested_by="a"),
        lambda: counter.jobs.start_prune(NOBODY, requested_by="a"),
        lambda: counter.jobs.start_restore(NOBODY, request, requested_by="a"),
        lambda: counter.jobs.get(JobId("none")),
        lambda: counter.jobs.cancel(JobId("none")),
        lambda: counter.jobs.log(JobId("none")),
    ):
        with pytest.raises(NotFoundError):
            ask()


def test_a_profile_that_is_switched_off_is_not_backed_up(counter: Counter) -> None:
    counter.desk.house.change_profile(enabled=False)
    with pytest.raises(ConflictError, match="switched off"):
        counter.jobs.start_backup(DOCS, requested_by="ada")


def test_a_source_outside_the_allow_list_is_refused_when_it_is_asked_for(counter: Counter) -> None:
    with counter.desk.house.database.units() as uow:
        from dataclasses import replace

        [host] = uow.hosts.list()
        uow.hosts.update(replace(host, allowed_roots=("/home/u/doc",)))
        uow.commit()
    with pytest.raises(PathNotAllowedError):
        counter.jobs.start_backup(DOCS, requested_by="ada")


def test_a_restore_job_names_its_exact_point_also_when_latest_was_asked_for(counter: Counter) -> None:
    run = counter.desk.back_up()
    request = RestoreRequest(point="latest", folder=Path("/tmp/x"), paths=(b"docs/caf\xe9\n",))
    job = counter.jobs.start_restore(DOCS, request, requested_by="ada").job
    assert RestoreRequest.of(job) == RestoreRequest(
        point=run.id, folder=Path("/tmp/x"), paths=(b"docs/caf\xe9\n",)
    )


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (RestoreRequest(point="latest", folder=Path("relative")), InvalidInputError),
        (RestoreRequest(point="9", folder=Path("/tmp/x")), NotFoundError),
        (RestoreRequest(point="latest", folder=Path("/tmp/x"), paths=(b"/etc/passwd",)), InvalidInputError),
        (RestoreRequest(point="latest", folder=Path("/tmp/x"), paths=(b"docs/../x",)), InvalidInputError),
    ],
)
def test_a_restore_that_cannot_be_is_refused_when_it_is_asked_for(
    counter: Counter, request_: RestoreRequest, error: type[Exception]
) -> None:
    counter.desk.back_up()
    with pytest.raises(error):
        counter.jobs.start_restore(DOCS, request_, requested_by="ada")
    assert all(job.kind is not JobKind.RESTORE for job in counter.jobs.list())


def job_with(payload: dict[str, object]) -> Job:
    return Job(
        id=JobId("j"),
        kind=JobKind.RESTORE,
        profile=DOCS,
        host=PC,
        requested_by="ada",
        created=NOW,
        payload=payload,
    )


@given(st.lists(st.binary(max_size=20), max_size=4))
def test_a_restore_request_goes_through_json_and_comes_back_whatever_the_paths(paths: list[bytes]) -> None:
    request = RestoreRequest(point="p", folder=Path("/x y"), paths=tuple(paths))
    payload = json.loads(json.dumps(request.payload()))
    assert RestoreRequest.of(job_with(payload)) == request


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"point": "p", "folder": "/x"},
        {"point": 1, "folder": "/x", "paths": []},
        {"point": "p", "folder": "/x", "paths": "a"},
        {"point": "p", "folder": "/x", "paths": ["%"]},
    ],
)
def test_a_payload_that_is_none_of_ours_is_refused(payload: dict[str, object]) -> None:
    with pytest.raises(InvalidInputError):
        RestoreRequest.of(job_with(payload))


def test_a_queued_job_is_cancelled_at_once_and_a_finished_one_left_alone(counter: Counter) -> None:
    first = counter.jobs.start_backup(DOCS, requested_by="ada").job
    assert counter.jobs.cancel(first.id).status is JobStatus.CANCELLED
    second = counter.jobs.start_backup(DOCS, requested_by="ada").job
    counter.finish(second.id)
    assert counter.jobs.cancel(second.id).status is JobStatus.SUCCEEDED


def test_jobs_are_listed_newest_first_and_by_status(counter: Counter) -> None:
    first = counter.jobs.start_backup(DOCS, requested_by="ada").job
    counter.finish(first.id)
    second = counter.jobs.start_backup(DOCS, requested_by="ada").job
    assert [job.id for job in counter.jobs.list()] == [second.id, first.id]
    assert [job.id for job in counter.jobs.list(status=[JobStatus.SUCCEEDED])] == [first.id]
    assert [job.id for job in counter.jobs.list(limit=1)] == [second.id]


def test_the_log_is_read_on_from_any_line(counter: Counter) -> None:
    job = counter.jobs.start_backup(DOCS, requested_by="ada").job
    moments = [NOW + timedelta(seconds=second) for second in range(5)]
    lines = [LogLine(number=0, at=at, level="info", text=f"line {at.second}") for at in moments]
    counter.desk.house.database.queue.append_log(job.id, lines)
    assert [line.number for line in counter.jobs.log(job.id)] == [1, 2, 3, 4, 5]
    assert [line.text for line in counter.jobs.log(job.id, after=3)] == ["line 3", "line 4"]
    assert [line.number for line in counter.jobs.log(job.id, after=1, limit=2)] == [2, 3]
