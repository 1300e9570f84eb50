"""A password that comes with a start gets to the host and nowhere else, whatever kind of job asks it."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bck_apps.runner.execution import Execution
from bck_apps.wiring import logs
from bckcore.domain.check import CheckRequest
from bckcore.domain.filters import FilterOptions
from bckcore.domain.host import Host
from bckcore.domain.ids import HostId, JobId
from bckcore.domain.job import Job, JobStatus
from bckcore.domain.login import LONGEST_PASSWORD, Login
from bckcore.domain.push import Conflict
from bckcore.domain.restore import RestoreOptions
from bckcore.domain.secret import Secret
from bckcore.errors import ConflictError, HostNotEnrolledError, InvalidInputError
from bckcore.ports.job_queue import Claim, Enqueued
from bckcore.services.check_jobs import CheckJobs
from bckcore.services.jobs import JobService
from bckcore.services.passwords import require_password_login
from bckcore.services.restore_request import RestoreRequest
from tests.support.desks import Desk, T
from tests.support.house import DOCS
from tests.support.job_service import job_service

RIGHT, WRONG = "canary-of-the-account-7e55", "canary-typed-wrong-10ab"
TO_HOST = RestoreRequest(point="latest", options=RestoreOptions(conflict=Conflict.OVERWRITE))
AGAINST_HOST = CheckRequest(against_host=True)
ALL = ("backup", "looking first", "preview", "restore", "check")


class Gateway:
    """A PC that is entered with a password, its house, and everybody's way to ask for work."""

    def __init__(self, folder: Path) -> None:
        self.desk = Desk(folder)
        self.desk.write("a", "d/b")
        self.desk.back_up()
        self.desk.host.password = RIGHT
        self.enter_by(Login.PASSWORD)
        self.desk.docs.write(b"d/.bckignore", b"*.o\n", T)
        self.desk.house.change_profile(filters=FilterOptions(bckignore=True))
        self.house = self.desk.house
        self.queue = self.house.database.queue
        self.jobs: JobService = job_service(self.house)
        self.checks = CheckJobs(queue=self.queue, jobs=self.jobs)

    def enter_by(self, login: Login) -> None:
        """How the server comes in."""
        with self.desk.house.database.units() as uow:
            uow.hosts.update(replace(uow.hosts.get(HostId("pc1")), address="pc1", login=login))
            uow.commit()

    def asked(self, kind: str, password: str | None) -> Enqueued:
        """A start of that kind."""
        how: dict[str, Any] = {"requested_by": "ada", "password": password and Secret(password)}
        if kind == "preview":
            return self.jobs.start_preview(DOCS, **how)
        if kind == "restore":
            return self.jobs.start_restore(DOCS, TO_HOST, **how)
        if kind == "check":
            return self.checks.start(DOCS, AGAINST_HOST, **how)
        return self.jobs.start_backup(DOCS, only_if_reachable=kind == "looking first", **how)

    def claimed(self, job: JobId) -> Claim:
        """The job, taken by a runner."""
        claim = self.queue.claim("test", lease_seconds=1e6, only=job)
        assert claim is not None
        return claim

    def carried_out(self, claim: Claim) -> Job:
        """The job at its end, by the runner's own way."""
        how: dict[str, Any] = {"queue": self.queue, "worker": self.house.worker, "clock": self.house.clock}
        Execution(claim, lease_seconds=1e6, **how).carry_out()
        return self.queue.get(claim.job.id)


@pytest.fixture
def gateway(quick_dir: Path) -> Gateway:
    return Gateway(quick_dir)


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """All that the program logs, as it does when it serves."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    stream = io.StringIO()
    logs.configure("debug", stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)


def told(gateway: Gateway, job: JobId) -> str:
    """What anybody can learn of a job."""
    lines = gateway.queue.read_log(job)
    found = gateway.queue.get(job)
    return "\n".join([*(line.text for line in lines), repr(found), json.dumps(dict(found.result.data))])


@pytest.mark.parametrize("kind", ALL)
def test_every_job_that_enters_the_host_does_so_with_it(gateway: Gateway, kind: str) -> None:
    asked = gateway.asked(kind, RIGHT)
    assert (asked.created, asked.password_dropped) == (True, False)
    done = gateway.carried_out(gateway.claimed(asked.job.id))
    assert (done.status, done.result.error) == (JobStatus.SUCCEEDED, "")
    assert RIGHT not in told(gateway, done.id)
    assert (gateway.queue.count_sealed(final=False), gateway.queue.count_sealed(final=True)) == (0, 0)


@pytest.mark.parametrize("kind", ALL)
def test_no_job_that_enters_a_host_is_taken_before_that_is_enrolled(gateway: Gateway, kind: str) -> None:
    with gateway.house.database.units() as uow:
        uow.hosts.update(replace(uow.hosts.get(HostId("pc1")), awaits_enrolment=True))
        uow.commit()
    before = gateway.queue.list()
    with pytest.raises(HostNotEnrolledError, match="pc1 is not enrolled yet"):
        gateway.asked(kind, RIGHT)
    assert gateway.queue.list() == before
    assert gateway.checks.start(DOCS, CheckRequest(), requested_by="ada").created


@pytest.mark.parametrize("kind", ALL)
def test_a_wrong_one_ends_the_job_and_is_told_nobody(gateway: Gateway, kind: str, log: io.StringIO) -> None:
    done = gateway.carried_out(gateway.claimed(gateway.asked(kind, WRONG).job.id))
    assert done.result.error_code == "authentication-refused"
    assert WRONG not in told(gateway, done.id) + log.getvalue()


@pytest.mark.parametrize("kind", ALL)
def test_no_job_learns_it_from_one_before(gateway: Gateway, kind: str) -> None:
    gateway.carried_out(gateway.claimed(gateway.asked(kind, RIGHT).job.id))
    after = gateway.carried_out(gateway.claimed(gateway.asked(kind, None).job.id))
    assert after.result.error_code == "authentication-refused"


@pytest.mark.parametrize("kind", ALL)
def test_one_that_cannot_be_opened_fails_the_job_for_good(gateway: Gateway, kind: str) -> None:
    claim = gateway.claimed(gateway.asked(kind, RIGHT).job.id)
    done = gateway.carried_out(replace(claim, sealed="x" + claim.sealed))
    assert (done.status, done.result.error_code) == (JobStatus.FAILED, "seal-broken")
    assert "with the password" in done.result.advice


def test_an_internal_error_while_it_is_in_use_does_not_print_it(gateway: Gateway, log: io.StringIO) -> None:
    gateway.desk.host.errors.append(RuntimeError("planted"))  # type: ignore[arg-type]  # no error of ours
    claim = gateway.claimed(gateway.asked("backup", RIGHT).job.id)
    done = gateway.carried_out(claim)
    assert (done.status, done.result.error_code) == (JobStatus.FAILED, "internal")
    assert "planted" in log.getvalue()
    assert "in _signed_in" in log.getvalue() or "in pull" in log.getvalue()
    assert RIGHT not in log.getvalue() + told(gateway, done.id)
    assert claim.sealed not in log.getvalue()


def test_a_job_that_was_taken_over_or_handed_back_still_has_it(gateway: Gateway) -> None:
    job = gateway.asked("backup", RIGHT).job.id
    gateway.queue.hand_back(gateway.claimed(job))
    assert gateway.carried_out(gateway.claimed(job)).status is JobStatus.SUCCEEDED


@pytest.mark.parametrize("kind", ["backup", "preview", "check"])
def test_a_job_that_answers_keeps_its_own_and_the_caller_is_told(gateway: Gateway, kind: str) -> None:
    first = gateway.asked(kind, RIGHT)
    again = gateway.asked(kind, WRONG)
    assert (again.created, again.job.id, again.password_dropped) == (False, first.job.id, True)
    assert not gateway.asked(kind, None).password_dropped
    assert gateway.carried_out(gateway.claimed(first.job.id)).status is JobStatus.SUCCEEDED


def test_the_same_request_sent_twice_is_one_job_whatever_the_seal(gateway: Gateway) -> None:
    first, again = (
        gateway.jobs.start_backup(DOCS, requested_by="ada", key="k", password=Secret(RIGHT)) for _ in range(2)
    )
    assert (again.created, again.job.id) == (False, first.job.id)


def test_a_job_that_waits_knows_nothing_of_it(gateway: Gateway) -> None:
    job = gateway.asked("backup", RIGHT).job
    assert "password" not in dict(job.payload)
    assert RIGHT not in repr((job, gateway.queue.get(job.id), gateway.queue.list()))
    assert RIGHT not in repr(gateway.claimed(job.id))


@pytest.mark.parametrize("text", ["", "two\nlines", "nul\0", "x" * (LONGEST_PASSWORD + 1), "esc\x1b[2J"])
def test_what_ssh_cannot_be_told_is_refused_and_not_repeated(gateway: Gateway, text: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        gateway.jobs.start_backup(DOCS, requested_by="ada", password=Secret(text))
    assert not text or text not in str(refused.value)
    assert gateway.jobs.list(status=[JobStatus.QUEUED]) == []


def test_work_that_enters_no_host_takes_none(gateway: Gateway, tmp_path: Path) -> None:
    here = RestoreRequest(point="latest", folder=tmp_path)
    with pytest.raises(InvalidInputError, match="no password"):
        gateway.jobs.start_restore(DOCS, here, requested_by="ada", password=Secret(RIGHT))
    with pytest.raises(InvalidInputError, match="no password"):
        gateway.checks.start(DOCS, CheckRequest(), requested_by="ada", password=Secret(RIGHT))
    assert gateway.jobs.list(status=[JobStatus.QUEUED]) == []


def test_a_host_with_a_key_takes_none(gateway: Gateway) -> None:
    gateway.enter_by(Login.KEY)
    with pytest.raises(ConflictError, match="not entered with a password") as refused:
        gateway.asked("backup", RIGHT)
    assert RIGHT not in str(refused.value)
    assert gateway.jobs.list(status=[JobStatus.QUEUED]) == []
    require_password_login(Host(id=HostId("pc2"), address="pc2", login=Login.PASSWORD))
