"""Every error and every state of a job has its exit status, and --help tells them all."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bck_apps.cli.main import run
from bck_apps.cli.status import MEANINGS, status_of_error, status_of_job
from bckcore import errors
from bckcore.domain.ids import HostId, JobId, ProfileId
from bckcore.domain.job import Job, JobKind, JobResult, JobStatus

JOB = Job(
    id=JobId("j"),
    kind=JobKind.BACKUP,
    profile=ProfileId("p"),
    host=HostId("h"),
    requested_by="t",
    created=datetime(2026, 1, 1, tzinfo=UTC),
)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.InvalidInputError, 2),
        (errors.NotFoundError, 4),
        (errors.ConflictError, 5),
        (errors.IllegalTransitionError, 5),
        (errors.PathNotAllowedError, 5),
        (errors.AccessDeniedError, 5),
        (errors.HostUnreachableError, 1),
        (errors.HostKeyChangedError, 1),
        (errors.HostKeyUnknownError, 2),
        (errors.StoreFullError, 1),
        (errors.StorageError, 1),
    ],
)
def test_an_error_leads_to_the_same_status_here_and_in_a_job(kind, code):
    assert status_of_error(kind("x")) == code
    failed = replace(JOB, status=JobStatus.FAILED, result=JobResult(error_code=kind.code))
    assert status_of_job(failed) == code


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (JobStatus.QUEUED, 0),
        (JobStatus.RUNNING, 0),
        (JobStatus.SUCCEEDED, 0),
        (JobStatus.PARTIAL, 3),
        (JobStatus.SUSPECT, 3),
        (JobStatus.FAILED, 1),
        (JobStatus.CANCELLED, 1),
        (JobStatus.OFFLINE, 1),
    ],
)
def test_the_state_of_a_job_is_its_status(status, code):
    assert status_of_job(replace(JOB, status=status)) == code


def test_every_state_of_a_job_has_a_status():
    assert all(status_of_job(replace(JOB, status=status)) in MEANINGS for status in JobStatus)


def test_help_lists_every_status(capsys):
    assert run(["--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for code in range(6):
        assert any(line.strip().startswith(f"{code}  ") for line in lines), code
