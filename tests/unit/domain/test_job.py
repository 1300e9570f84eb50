"""A job goes forward only, and a final state is final."""

from dataclasses import replace
from datetime import UTC, datetime
from itertools import product

import pytest

from bckcore.domain.ids import HostId, JobId, ProfileId
from bckcore.domain.job import Job, JobKind, JobResult, JobStatus
from bckcore.domain.transfer import TransferProgress
from bckcore.errors import ConflictError, IllegalTransitionError, StoreBusyError

AT = datetime(2026, 1, 5, tzinfo=UTC)
LATER = datetime(2026, 1, 6, tzinfo=UTC)
ENDINGS = {"succeeded", "partial", "suspect", "failed", "cancelled", "offline", "held-off"}
LEGAL = (
    {("queued", "running"), ("queued", "cancelled"), ("running", "queued")}
    | {("running", ending) for ending in ENDINGS}
)  # fmt: skip


def job(status: JobStatus = JobStatus.QUEUED) -> Job:
    return Job(
        id=JobId("j1"),
        kind=JobKind.BACKUP,
        profile=ProfileId("docs"),
        host=HostId("pc1"),
        requested_by="ada",
        created=AT,
        status=status,
    )


@pytest.mark.parametrize(("old", "new"), list(product(JobStatus, JobStatus)))
def test_every_pair_of_states_is_legal_or_refused(old: JobStatus, new: JobStatus) -> None:
    if (old.value, new.value) in LEGAL:
        assert job(old).moved(new, at=AT).status is new
    else:
        with pytest.raises(IllegalTransitionError, match=f"{old.value}.*{new.value}"):
            job(old).moved(new, at=AT)


def test_final_states_are_the_endings() -> None:
    assert {status.value for status in JobStatus if status.final} == ENDINGS


def test_an_illegal_step_is_a_conflict_for_callers() -> None:
    assert issubclass(IllegalTransitionError, ConflictError)


def test_times_and_claims_are_noted_on_the_way() -> None:
    running = job().moved(JobStatus.RUNNING, at=AT)
    assert (running.started, running.finished, running.claims) == (AT, None, 1)
    again = running.moved(JobStatus.QUEUED, at=AT).moved(JobStatus.RUNNING, at=LATER)
    assert (again.started, again.claims) == (LATER, 2)
    assert again.moved(JobStatus.PARTIAL, at=LATER).finished == LATER


def test_the_old_job_stays_as_it_was() -> None:
    before = job()
    before.moved(JobStatus.RUNNING, at=AT)
    assert before == job()


@pytest.mark.parametrize("status", [status for status in JobStatus if status.final])
def test_the_progress_of_a_finished_job_says_so(status: JobStatus) -> None:
    progress = TransferProgress(
        phase="cataloguing", source="docs", files_seen=9, files_done=3, percent=66, eta_seconds=4
    )
    ended = replace(job(JobStatus.RUNNING), progress=progress).moved(status, at=AT).progress
    whole = status in (JobStatus.SUCCEEDED, JobStatus.PARTIAL, JobStatus.SUSPECT)
    assert ended == TransferProgress(
        phase="finished", files_seen=9, files_done=3, percent=100 if whole else None
    )


def test_an_error_becomes_a_result_with_its_parts_and_its_line() -> None:
    error = StoreBusyError("Busy.", meaning="Another run is on.", advice="Wait.")
    result = JobResult.of_error(error, {"seq": 1})
    assert result.problem == {
        "code": "store-busy",
        "what": "Busy.",
        "meaning": "Another run is on.",
        "advice": "Wait.",
    }
    assert (result.text, result.data) == (str(error), {"seq": 1})
    assert (JobResult().problem, JobResult().text) == (None, "")
